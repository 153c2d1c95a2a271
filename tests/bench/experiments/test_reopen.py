"""An experiment is found by what a person types, and its data are opened again only if they are the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.records import ExperimentResult
from bench.experiments.reopen import find_experiment, reopen
from bench.experiments.results import Results


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two experiments on 12 phantom patients."""
    folder = tmp_path_factory.mktemp("reopening")
    write_phantom(PhantomSpec(patients=6, cells=3, spread=0, size=64, seed=2), folder / "cells")
    bench.matrix(["size"], ["knn", "naive_bayes"], baselines=False, **_options(folder))
    return folder


def _options(folder: Path) -> dict[str, Any]:
    places = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**places, "folds": 3, "inner_folds": 2, "seed": 5, "jobs": 1, "positive": "diseased"}


def _one(place: Path) -> ExperimentResult:
    return find_experiment(place / "results", name="size x knn")[1]


def test_an_experiment_is_found_by_folder_and_by_name(place: Path) -> None:
    knn = _one(place)
    assert knn.name == "size x knn"
    assert find_experiment(knn.folder)[1].folder == knn.folder
    assert find_experiment(place / "results", name=knn.folder.name)[1].folder == knn.folder
    assert find_experiment(place / "results", name=" size  x knn")[1].folder == knn.folder
    assert find_experiment(knn.folder)[0].path == place / "results"


def test_a_wrong_name_is_answered_with_the_right_ones(place: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"holds 2 such experiments; name one with --name, such as"):
        find_experiment(place / "results")
    with pytest.raises(BenchError, match=r"no experiment 'size x kn'\. Did you mean size x knn\?"):
        find_experiment(place / "results", name="size x kn")
    with pytest.raises(BenchError, match="does not exist"):
        find_experiment(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="is no results folder"):
        find_experiment(tmp_path)
    with pytest.raises(BenchError, match="is size x knn, not size x naive_bayes"):
        find_experiment(_one(place).folder, name="size x naive_bayes")


def test_one_pipeline_under_two_splits_is_named_by_its_folder(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    bench.run("size", "knn", **{**_options(tmp_path / "copy"), "split": "image"})
    wanted = r"holds 2 such experiments; name one with --name, by its folder: size x knn \("
    with pytest.raises(BenchError, match=wanted) as told:
        find_experiment(tmp_path / "copy" / "results", name="size x knn")
    for experiment in Results.open(tmp_path / "copy" / "results").experiments():
        if experiment.name == "size x knn":
            assert f"({experiment.folder.name}, --split {experiment.record['protocol']['split']})" in str(told.value)


def test_a_folder_taken_out_of_its_results_is_refused(place: Path, tmp_path: Path) -> None:
    shutil.copytree(_one(place).folder, tmp_path / "alone")
    with pytest.raises(BenchError, match="lies in no results folder"):
        find_experiment(tmp_path / "alone")


def test_a_reopened_experiment_has_the_key_it_had(place: Path) -> None:
    result = _one(place)
    reopened = reopen(result)
    assert reopened.experiment.key == result.key
    assert reopened.plan.folds.hash == result.record["folds_hash"]
    assert reopened.differs == ()
    assert reopened.experiment.entry is not None
    assert reopened.experiment.entry.stored, "the store is found again"
    assert reopened.labels.tolist() == reopened.table["label"].tolist()
    assert len(set(reopened.units)) == 12


def test_other_outer_folds_leave_the_rest_as_it_is(place: Path) -> None:
    reopened = reopen(_one(place))
    by_image = reopened.under("image")
    ours, theirs = vars(reopened.plan.protocol), vars(by_image.protocol)
    assert {k for k in ours if ours[k] != theirs[k]} == {"split"}
    assert by_image.folds.violations
    assert reopened.under("patient") is reopened.plan


def test_results_and_data_that_were_moved_are_opened(place: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    record = moved / "results" / "experiments" / _one(place).folder.name / "experiment.json"
    text = json.loads(record.read_text())
    text["options"]["data"] = str(tmp_path / "gone")
    record.write_text(json.dumps(text))
    with pytest.raises(BenchError, match="gone"):
        reopen(_one(moved))
    reopened = reopen(_one(moved), data=str(moved / "cells"))
    assert reopened.experiment.key == _one(place).key
    assert reopened.plan.store == moved / "store"


def test_data_that_changed_are_refused(place: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(place, changed)
    manifest = changed / "cells" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(BenchError, match=r"are not those of size x knn any more .* 35 cells now, 36 then"):
        reopen(_one(changed), data=str(changed / "cells"))


def test_what_changed_in_code_and_libraries_is_named(place: Path) -> None:
    result = _one(place)
    components = {**result.record["components"], "classifier_code": "other"}
    libraries = {**components["classifier_libraries"], "scikit-learn": "0.1"}
    record = {**result.record, "components": {**components, "classifier_libraries": libraries}}
    changed = reopen(ExperimentResult(result.folder, record))
    assert changed.differs == ("classifier_code", "classifier_libraries.scikit-learn")


def test_an_experiment_from_before_options_were_kept_is_run_again(place: Path) -> None:
    result = _one(place)
    old = {k: v for k, v in result.record.items() if k != "options"}
    with pytest.raises(BenchError, match="run it again"):
        reopen(ExperimentResult(result.folder, old))


def test_folds_that_would_be_drawn_otherwise_today_are_refused(place: Path) -> None:
    result = _one(place)
    with pytest.raises(BenchError, match="the folds drawn today are other ones than then"):
        reopen(ExperimentResult(result.folder, {**result.record, "folds_hash": "0" * 64}))
