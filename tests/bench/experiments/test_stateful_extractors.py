"""An installed stateful extractor end to end: fitted once per training set, never on tested patients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.experiments.refit import Study, refit
from bench.experiments.reload import reload
from bench.features.store.entry import entry_record, write_record
from bench.observer import Observer
from bench.plugins.importing import installed
from extractors.images.pixels import read_image
from extractors.seeds import seed_of

pytestmark = pytest.mark.slow  # starts two workers

FOLDS, INNER = 3, 2
FITS = FOLDS * (INNER + 1)


class Recorder(Observer):
    """Records the notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """12 synthetic patients of two cells, and an installed stateful extractor; each fit appends a line to a file."""
    folder = tmp_path_factory.mktemp("learning")
    write_phantom(PhantomSpec(patients=6, cells=2, spread=0, size=64, seed=3), folder / "cells")
    (folder / "plugins" / "learning-1.0.dist-info").mkdir(parents=True)
    (folder / "plugins" / "learning_extractors.py").write_text(
        """
import os
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Reds(TransformerMixin, BaseEstimator):
    def __init__(self, *, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, groups=None):
        with open(os.environ["FITS_LOG"], "a") as file:
            file.write(f"{self.random_state}\\\\n")
        self.mean_ = np.stack([cell.image.mean(axis=(0, 1)) for cell in X]).mean(axis=0)
        self.notices_ = ("the mean red was learned",)
        return self

    def transform(self, X):
        return np.stack([cell.image.mean(axis=(0, 1)) - self.mean_ for cell in X]).astype(np.float32)

    def get_feature_names_out(self, input_features=None):
        return np.array(["red", "green", "blue"])
""".replace("\\\\n", "\\n")
    )
    info = folder / "plugins" / "learning-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: learning\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.extractors]\nreds = learning_extractors:Reds\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "plugins"))
        patch.setenv("PYTHONPATH", str(folder / "plugins"))
        patch.setenv("FITS_LOG", str(folder / "fits.log"))
        installed.cache_clear()
        yield folder
    sys.modules.pop("learning_extractors", None)
    installed.cache_clear()


def _matrix(place: Path, clfs: list[str], out: str = "results", jobs: int = 1, **more: Any) -> Any:
    return bench.matrix(
        ["reds"], clfs, data=str(place / "cells"), folds=FOLDS, inner_folds=INNER, out=place / out,
        store=place / "store", jobs=jobs, baselines=False, **more,
    )  # fmt: skip


def _fits(place: Path) -> list[str]:
    return (place / "fits.log").read_text().splitlines()


def _entries(store: Path) -> list[Path]:
    return sorted(path.parent for path in store.glob("fitted/*/*/entry.json"))


@pytest.fixture(scope="module")
def ran(place: Path) -> bench.MatrixResult:
    """Run two classifiers on two workers, then a third one."""
    recorder = Recorder()
    _matrix(place, ["knn", "sklearn.tree.DecisionTreeClassifier"], jobs=2, observer=recorder)
    assert len(_fits(place)) == FITS
    assert recorder.notices.count("the mean red was learned") == 1
    ran: bench.MatrixResult = _matrix(place, ["knn", "sklearn.tree.DecisionTreeClassifier", "naive_bayes"])
    return ran


def test_each_training_set_is_fitted_once_across_classifiers_workers_and_runs(
    place: Path, ran: bench.MatrixResult
) -> None:
    assert len(ran.experiments) == 3
    assert len(_fits(place)) == len(_entries(place / "store")) == FITS
    expected = {str(seed_of(0, "reds", 0, fold)) for fold in range(FOLDS)}
    assert set(_fits(place)) == expected, "one seed per fold, derived from the name of the extractor"


def test_entries_name_training_patients_only(place: Path, ran: bench.MatrixResult) -> None:
    predictions = ran.experiments[0].predictions
    patients = set(predictions["patient"])
    tested = {frozenset(part["patient"]) for _, part in predictions.groupby("fold")}
    fitted_on = [frozenset(entry_record(folder)["fitted_on"]["patients"]) for folder in _entries(place / "store")]
    outer = [names for names in fitted_on if len(names) == 8]
    assert {frozenset(patients - names) for names in outer} == tested
    inner = [names for names in fitted_on if len(names) < 8]
    assert len(inner) == FOLDS * INNER
    assert all(any(names < outer_names for outer_names in outer) for names in inner)


def test_features_equal_a_plain_fit_and_importances_have_their_names(place: Path, ran: bench.MatrixResult) -> None:
    cells = ran.experiments[0].predictions[["cell", "patient"]].drop_duplicates()
    means = np.stack(
        [read_image(place / "cells" / "cells" / f"{Path(c).stem}.png").mean(axis=(0, 1)) for c in cells["cell"]]
    )
    for folder in _entries(place / "store"):
        fitted_on = entry_record(folder)["fitted_on"]
        training = cells["patient"].isin(fitted_on["patients"]).to_numpy()
        assert training.sum() == fitted_on["cells"]
        expected = (means[training] - means[training].mean(axis=0)).astype(np.float32)
        values = np.load(folder / "values.npy")[: fitted_on["cells"]]
        assert values[np.lexsort(values.T)] == pytest.approx(expected[np.lexsort(expected.T)], abs=1e-4)
    tree = next(e for e in ran.experiments if "DecisionTree" in e.name)
    assert set(tree.importances["feature"]) <= {"red", "green", "blue"}
    assert len(tree.importances) == 3 * FOLDS
    assert all("extract" in fold for fold in tree.timing.values())


def test_fits_on_permuted_labels_are_not_stored(place: Path, ran: bench.MatrixResult) -> None:
    reloaded = reload(next(e for e in ran.experiments if "knn" in e.name), store=place / "store")
    before, fits = _entries(place / "store"), len(_fits(place))
    permuted = np.where(reloaded.labels == "diseased", "normal", "diseased")
    studies = [
        Study("original", reloaded.labels, reloaded.plan.folds),
        Study("permuted", permuted, reloaded.plan.folds),
    ]
    assert len(list(refit(reloaded.plan, studies, jobs=1, observer=Observer()))) == 2
    assert _entries(place / "store") == before
    assert len(_fits(place)) == fits + FITS, "fitted for the permuted labels only"


def test_a_leaky_entry_is_a_failed_row_and_a_flipped_byte_is_reported(place: Path, ran: bench.MatrixResult) -> None:
    flipped, planted = _entries(place / "store")[:2]
    data = bytearray((flipped / "values.npy").read_bytes())
    data[-1] ^= 1
    (flipped / "values.npy").write_bytes(data)
    recorder = Recorder()
    fits = len(_fits(place))
    assert len(_matrix(place, ["svm"], observer=recorder).experiments) == 1
    assert len(_fits(place)) == fits + 1
    assert [text for text in recorder.notices if str(flipped) in text and "reds was fitted again" in text]
    record = entry_record(planted)
    fields = {k: v for k, v in record.items() if k not in ("format", "key", "written", "environment", "digest")}
    all_patients = sorted(set(ran.experiments[0].predictions["patient"]))
    write_record(planted, {**fields, "fitted_on": {**record["fitted_on"], "patients": all_patients}})
    failed = _matrix(place, ["sklearn.linear_model.LogisticRegression"], out="leaky")
    assert not failed.experiments
    (failure,) = failed.results.failures()
    assert "the stored features of reds come from a fit on patients who are tested: " in failure.reason
