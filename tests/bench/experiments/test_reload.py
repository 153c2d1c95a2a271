"""Find an experiment by folder or name; load its data only if they are unchanged."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.errors import BenchError
from bench.experiments.records import ExperimentResult, read_experiment
from bench.experiments.reload import find_experiment, reload
from bench.experiments.results import Results
from bench.experiments.schema import DamagedError
from bench.storage.fingerprints import digest


def _knn(folder: Path) -> ExperimentResult:
    return find_experiment(folder / "results", name="size x knn")[1]


def test_find_experiment_by_folder_and_by_name(small_matrix: Path) -> None:
    knn = _knn(small_matrix)
    assert knn.name == "size x knn"
    assert find_experiment(knn.folder)[1].folder == knn.folder
    assert find_experiment(small_matrix / "results", name=knn.folder.name)[1].folder == knn.folder
    assert find_experiment(small_matrix / "results", name=" size  x knn")[1].folder == knn.folder
    assert find_experiment(knn.folder)[0].path == small_matrix / "results"


def test_errors_list_the_available_names(small_matrix: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"contains 2 such experiments; select one with --name, such as"):
        find_experiment(small_matrix / "results")
    with pytest.raises(BenchError, match=r"no experiment 'size x kn'\. Did you mean size x knn\?"):
        find_experiment(small_matrix / "results", name="size x kn")
    with pytest.raises(BenchError, match="does not exist"):
        find_experiment(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="not a results folder"):
        find_experiment(tmp_path)
    with pytest.raises(BenchError, match="is size x knn, not size x lightgbm"):
        find_experiment(_knn(small_matrix).folder, name="size x lightgbm[n_estimators=5]")


def test_one_pipeline_with_two_splits_is_selected_by_folder(
    small_matrix: Path, tmp_path: Path, run_options: Callable[[Path], dict[str, Any]]
) -> None:
    shutil.copytree(small_matrix, tmp_path / "copy")
    bench.run("size", "knn", **{**run_options(tmp_path / "copy"), "split": "image"})
    message = r"contains 2 such experiments; select one with --name, by its folder: size x knn \("
    with pytest.raises(BenchError, match=message) as error:
        find_experiment(tmp_path / "copy" / "results", name="size x knn")
    for experiment in Results.open(tmp_path / "copy" / "results").experiments():
        if experiment.name == "size x knn":
            assert f"({experiment.folder.name}, --split {experiment.record['protocol']['split']})" in str(error.value)


def test_an_experiment_outside_a_results_folder_is_refused(small_matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(_knn(small_matrix).folder, tmp_path / "alone")
    with pytest.raises(BenchError, match="is not in a results folder"):
        find_experiment(tmp_path / "alone")


def test_a_reloaded_experiment_has_the_stored_key(small_matrix: Path) -> None:
    result = _knn(small_matrix)
    reloaded = reload(result, store=small_matrix / "store")
    assert reloaded.experiment.key == result.key
    assert reloaded.plan.folds.hash == result.record["folds_hash"]
    assert reloaded.differs == ()
    assert reloaded.experiment.entry is not None
    assert reloaded.experiment.entry.stored
    assert reloaded.labels.tolist() == reloaded.table["label"].tolist()
    assert len(set(reloaded.units)) == 12


def test_another_split_changes_only_the_folds(small_matrix: Path) -> None:
    reloaded = reload(_knn(small_matrix))
    by_image = reloaded.under("image")
    ours, theirs = vars(reloaded.plan.protocol), vars(by_image.protocol)
    assert {k for k in ours if ours[k] != theirs[k]} == {"split"}
    assert by_image.folds.violations
    assert reloaded.under("patient") is reloaded.plan


def test_moved_results_and_data_can_be_loaded(small_matrix: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(small_matrix, moved)
    record = moved / "results" / "experiments" / _knn(small_matrix).folder.name / "experiment.json"
    text = json.loads(record.read_text())
    text["options"]["data"] = str(tmp_path / "gone")
    record.write_text(json.dumps(text))
    with pytest.raises(BenchError, match="gone"):
        reload(_knn(moved))
    reloaded = reload(_knn(moved), data=str(moved / "cells"))
    assert reloaded.experiment.key == _knn(small_matrix).key


def test_data_that_changed_are_refused(small_matrix: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(small_matrix, changed)
    manifest = changed / "cells" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(BenchError, match=r"have changed since size x knn was run .* 35 cells now, 36 then"):
        reload(_knn(changed), data=str(changed / "cells"))


def test_changed_components_of_the_key_are_named(small_matrix: Path) -> None:
    result = _knn(small_matrix)
    components = {**result.record["components"], "classifier_code": "other"}
    libraries = {**components["classifier_libraries"], "scikit-learn": "0.1"}
    record = {**result.record, "components": {**components, "classifier_libraries": libraries}}
    changed = reload(ExperimentResult(result.folder, record))
    assert changed.differs == ("classifier_code", "classifier_libraries.scikit-learn")


def test_changed_folds_are_refused(small_matrix: Path) -> None:
    result = _knn(small_matrix)
    with pytest.raises(BenchError, match="the folds have changed since it was run"):
        reload(ExperimentResult(result.folder, {**result.record, "folds_hash": "0" * 64}))


def _doctored(folder: Path, change: Callable[[dict[str, Any]], None]) -> ExperimentResult:
    """Change the record of `size x knn` as a stranger would: with a key that fits."""
    (result,) = (e for e in Results.open(folder / "results").experiments() if e.name == "size x knn")
    record = json.loads((result.folder / "experiment.json").read_text())
    change(record)
    record["key"] = digest(record["components"])
    home = result.folder.with_name(f"size__knn-{record['key'][:12]}")
    (result.folder / "experiment.json").write_text(json.dumps(record))
    result.folder.rename(home)
    return read_experiment(home)


def _renamed(kind: str, name: str, record: dict[str, Any]) -> None:
    """Name another plugin, in the components of the key as well."""
    record[kind] = name
    components = record["components"]["features"] if kind == "extractor" else record["components"]
    components[kind] = name


@pytest.mark.parametrize(
    "changes",
    [
        {"classifier": "xgboost[max_depth=3]"}, {"extractor": "resnet50"}, {"prepare": "macenko"},
        {"classifier": "knn[n_neighbors=3]"}, {"prepare": "none+crop"},
    ],
)  # fmt: skip
def test_a_record_that_names_another_pipeline_than_its_key_is_damaged(
    small_matrix: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    shutil.copytree(small_matrix / "results", tmp_path / "results")
    with pytest.raises(DamagedError, match=f"'{next(iter(changes))}' is not that of the record's key"):
        _doctored(tmp_path, lambda record: record.update(changes))


def test_a_record_sets_no_place_and_no_option_of_the_machine(small_matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(small_matrix / "results", tmp_path / "given/results")
    strange = tmp_path / "strange"
    places = dict.fromkeys(("out", "store", "weights_dir", "storage", "report"), str(strange))
    more = {**places, "storage": f"sqlite:///{strange}.db", "jobs": 64, "fit_time": 1e9, "retry_failed": True}

    def change(record: dict[str, Any]) -> None:
        record["options"] |= more
        record["protocol"] |= more
        record["components"]["protocol"] = record["protocol"]

    result = _doctored(tmp_path / "given", change)
    options = reload(result).plan.options
    assert options.out == result.folder.parents[1]
    assert (options.store, options.weights_dir, options.storage) == (None, None, None)
    assert (options.jobs, options.fit_time, options.retry_failed) == (None, None, False)
    before = sorted(tmp_path.iterdir())
    test = bench.significance(result.folder, permutations=1, jobs=1, store=tmp_path / "given/store")
    assert test.file.parent == tmp_path / "given/results/significance"
    assert sorted(tmp_path.iterdir()) == before, "nothing is written beside the results and the store"


@pytest.mark.parametrize("name", ["strangers_module.Classifier[a=1]", "subprocess.Popen[args=ls]"])
@pytest.mark.parametrize("kind", ["extractor", "classifier"])
def test_a_record_names_no_class_of_another_library(
    small_matrix: Path, tmp_path: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_matrix / "results", tmp_path / "results")
    (tmp_path / "strangers_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    result = _doctored(tmp_path, partial(_renamed, kind, name))
    for call in (bench.leakage, bench.significance):
        with pytest.raises(BenchError, match=rf"is neither an installed plugin.*name it yourself with --{kind}"):
            call(result.folder)
    assert "strangers_module" not in sys.modules


def test_a_record_names_no_file_of_weights(small_matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(small_matrix / "results", tmp_path / "results")
    name = f"resnet18[weights={tmp_path}/x.safetensors]"
    result = _doctored(tmp_path, partial(_renamed, "extractor", name))
    with pytest.raises(BenchError, match=r"loads its weights from a file, .*name it yourself with --extractor"):
        reload(result)
    with pytest.raises(BenchError, match=r"the extractor passed is size; pass the extractor of the experiment"):
        reload(result, extractor="size")


def test_a_class_that_the_user_names_is_used(tmp_path: Path) -> None:
    name = "lightgbm.LGBMClassifier[n_estimators=2]"
    options = {"data": "phantom[patients=4,cells=3,size=64]", "folds": 2, "inner_folds": 2, "jobs": 1}
    result = bench.run("size", name, out=tmp_path / "results", **options)
    with pytest.raises(BenchError, match="name it yourself with --classifier"):
        reload(result)
    assert reload(result, classifier=name).experiment.key == result.key
