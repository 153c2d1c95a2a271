"""No text of a selector, an option, a file or a folder makes the toolkit import or call anything else."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.contract.checking import find_subject
from bench.datasets.phantom.selector import phantom_spec
from bench.errors import BenchError
from bench.experiments.tuning_storage import open_storage
from bench.options import make_options
from bench.plugins import importing, objects, recorded, registry
from bench.plugins.preparation import parse_prepare
from extractors.networks.weights.loading import read_weights

BAGGING = "sklearn.ensemble.BaggingClassifier"
CALIBRATED = "sklearn.calibration.CalibratedClassifierCV"

SOURCE = """
from pathlib import Path
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
MARK = Path(__file__).with_name("mark")
MARK.touch()
def touch(*args, **values):
    MARK.touch()
class Target(ClassifierMixin, TransformerMixin, BaseEstimator):
    def __init__(self, *args, **values):
        MARK.touch()
    fit = predict_proba = transform = touch
"""


class Unpickled:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that exists once the module `leaves_mark`, which can be imported, is imported or anything in it called."""
    (tmp_path / "leaves_mark.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "mark"
    sys.modules.pop("leaves_mark", None)
    importing.load_class.cache_clear()


def _refused(call: Callable[[Any], object], value: object) -> str:
    with pytest.raises((BenchError, ValueError, OSError)) as caught:
        call(value)
    return str(caught.value)


def _nested(mark: Path) -> list[str]:
    """Selectors that would leave the mark if they were called, imported or both."""
    path = json.dumps(str(mark))
    return [
        f"subprocess.Popen[args={json.dumps(f'touch {mark}')},shell=true]",
        f"subprocess.run[args=touch+{path}]",
        f"os.system[command={json.dumps(f'touch {mark}')}]",
        f"builtins.open[file={path},mode=w]",
        f"pathlib.Path.touch[self={path}]",
        f"builtins.exec[source={json.dumps(f'open({str(mark)!r}, chr(119))')}]",
        f"logging.FileHandler[filename={path}]",
        f"sklearn.base.open[file={path},mode=w]",
        f"sklearn.utils.Bunch[file={path}]",
        f"joblib.Memory[location={path}]",
        "leaves_mark.Target[]",
        "leaves_mark.touch[]",
        "leaves_mark.anything[]",
        f"functools.partial[func={path}]",
        "numpy.lib.format.open_memmap[mode=w+,shape=1,filename=" + path + "]",
    ]


def test_no_nested_selector_of_a_classifier_is_called(mark: Path) -> None:
    for nested in _nested(mark):
        for text in (
            f"{BAGGING}[estimator={nested}]",
            f"{CALIBRATED}[estimator={BAGGING}[estimator={nested}]]",
            f"{BAGGING}[estimator=knn[],random_state=3,n_estimators={nested}]",
            f"knn[n_neighbors={nested}]",
            f"sklearn.linear_model.LogisticRegression[C={nested}]",
            f"sklearn.ensemble.VotingClassifier[estimators=knn[]+{nested},voting=soft]",
        ):
            _refused(registry.classifier, text)
            assert not mark.exists(), text
    for resolve in (objects.classifier, find_subject):
        assert "names an installed classifier or a class" in _refused(resolve, f"{BAGGING}[estimator=os.system[]]")


def test_no_nested_selector_of_an_extractor_step_or_dataset_is_called(mark: Path) -> None:
    for nested in [*_nested(mark), "knn[]", "sklearn.svm.SVC[]"]:
        for text in (f"handcrafted[families={nested}]", f"size[regions=cell+{nested}]", f"resnet18[pool={nested}]"):
            assert "extractors have no nested selectors" in _refused(registry.extractor, text)
        _refused(registry.extractor, f"embedding[model={nested}]")
        _refused(registry.extractor, nested)
        _refused(parse_prepare, f"crop[margin={nested}]")
        _refused(parse_prepare, nested)
        _refused(phantom_spec, f"phantom[patients={nested}]")
        assert not mark.exists(), nested


def test_no_selector_of_a_record_is_imported(mark: Path) -> None:
    for nested in [*_nested(mark), "leaves_mark.Target[a=1]", "xgboost.XGBClassifier[]"]:
        for text in (nested, f"{BAGGING}[estimator={nested}]", f"handcrafted[families={nested}]"):
            if "sklearn.base.open" not in nested and "sklearn.utils" not in nested:
                assert "is neither an installed plugin" in _refused(recorded.check_recorded, text)
            assert not mark.exists(), text
    for text in ("knn", f"{CALIBRATED}[estimator=knn[]]", "resnet18.a1_in1k[pool=max]", "handcrafted[families=size]"):
        recorded.check_recorded(text)
    weights = f"resnet18[weights={mark}.safetensors]"
    assert "loads its weights from a file" in _refused(recorded.check_recorded, weights)


@pytest.mark.parametrize("module", ["antigravity", "idlelib.idle", "this", "os", "test.autotest", "pytest.__main__"])
def test_import_paths_that_act_on_import_are_refused_without_an_import(module: str) -> None:
    before = module in sys.modules
    assert "is not the import path of a scikit-learn classifier" in _refused(registry.classifier, f"{module}.Thing")
    assert (module in sys.modules) == before


def test_a_cache_of_pickles_cannot_be_set(tmp_path: Path) -> None:
    text = f"{BAGGING}[estimator=sklearn.cluster.FeatureAgglomeration[memory={tmp_path}]]"
    assert "memory cannot be set; a cache of fitted steps contains pickles" in _refused(registry.classifier, text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("first", ["", "."])
def test_nothing_in_the_current_folder_is_a_plugin_or_imported(
    first: str, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = mark.parent
    info = here / "leaves_mark-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaves_mark\nVersion: 1.0\n")
    groups = ("extractors", "classifiers", "datasets")
    (info / "entry_points.txt").write_text(
        "".join(f"[bench.{group}]\nmarked = leaves_mark:Target\n" for group in groups)
    )
    monkeypatch.chdir(here)
    path = [entry for entry in sys.path if entry != str(here)]
    monkeypatch.setattr(sys, "path", [first and str(here), *path])
    importing.installed.cache_clear()
    try:
        assert all("marked" not in importing.installed(group) for group in groups)
        assert "knn" in importing.installed("classifiers")
        assert "leaves_mark is a module of the current folder" in _refused(registry.classifier, "leaves_mark.Target")
        assert "no classifier is called 'marked'" in _refused(registry.classifier, "marked")
        assert not mark.exists()
        monkeypatch.setattr(sys, "path", [first and str(here), *path, str(here)])
        importing.installed.cache_clear()
        assert "marked" in importing.installed("datasets")
    finally:
        importing.installed.cache_clear()


@pytest.mark.parametrize(
    "url",
    [
        "leaves_mark://x",
        "leaves_mark+leaves_mark://x",
        "sqlite+leaves_mark:///x.db",
        "sqlite:///x.db?plugin=leaves_mark",
    ],
)
def test_a_storage_url_imports_nothing(url: str, mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mark.parent)
    assert _refused(open_storage, url).startswith(f"--storage {url}: ")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["resnet18.safetensors", "resnet18.pth", "resnet18.bin"])
def test_weights_are_never_unpickled(name: str, mark: Path) -> None:
    file = mark.with_name(name)
    file.write_bytes(pickle.dumps(Unpickled(mark)))
    _refused(read_weights, file)
    assert not mark.exists()


@pytest.mark.parametrize("tag", ["!!python/object/apply:leaves_mark.touch []", "!!python/name:leaves_mark.touch"])
def test_a_configuration_names_no_callable(tag: str, mark: Path) -> None:
    config = mark.with_name("matrix.yaml")
    config.write_text(f"extractors: {tag}\n")
    assert "tags (!) are not read" in _refused(lambda file: make_options({}, config=file), config)
    assert not mark.exists()
