"""Held-out cells are evaluated by one model, and every run that does so is on record before its result is."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results
from bench.observer import Observer
from bench.options import make_options
from bench.splits.held_out_log import LOG, AccessLog, read_accesses

DIGEST = "0" * 64


class Listener(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []
        self.outcomes: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def finished(self, name: str, outcome: str) -> None:
        self.outcomes.append(outcome)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Phantoms of six and six patients, and of four and four others."""
    folder = tmp_path_factory.mktemp("phantoms")
    for name, patients, seed in (("train", 6, 1), ("other", 4, 2)):
        write_phantom(PhantomSpec(patients=patients, cells=4, size=64, seed=seed), folder / name)
    manifest = pd.read_csv(folder / "other" / "manifest.csv")
    manifest.assign(patient="other" + manifest["patient"]).to_csv(folder / "other" / "manifest.csv", index=False)
    return folder / "train", folder / "other"


def _run(cells: tuple[Path, Path], place: Path, clf: str = "naive_bayes", **options: Any) -> tuple[Any, list[str]]:
    given = {"data": str(cells[0]), "held_out": str(cells[1]), "positive": "diseased", "jobs": 1}
    listener = Listener()
    places = {"out": place / "results", "store": place / "store"}
    result = bench.run("size", clf, observer=listener, **{**given, **places, **options})
    return result, [notice for notice in listener.notices if "looked at" in notice or "no new look" in notice]


def _looks(place: Path) -> list[tuple[tuple[str, ...], str | None]]:
    return [(look.experiments, look.reason) for look in Results.open(place / "results").held_out_accesses]


def test_the_held_out_patients_are_tested_by_one_model_of_all_others(cells: tuple[Path, Path], tmp_path: Path) -> None:
    result: ExperimentResult
    result, _ = _run(cells, tmp_path)
    train, other = (pd.read_csv(folder / "manifest.csv") for folder in cells)
    assert set(result.predictions["patient"]) == set(other["patient"])
    assert len(result.predictions) == len(other)
    assert set(result.inner_predictions["patient"]) == set(train["patient"])
    assert set(zip(result.predictions["repeat"], result.predictions["fold"], strict=True)) == {(0, 0)}
    assert result.predictions["threshold"].nunique() == 1
    assert result.record["protocol"]["split"] == "held-out"
    assert (result.record["protocol"]["folds"], result.record["protocol"]["repeats"]) == (1, 1)
    assert result.flags == ()
    counts = result.record["data"]["held_out"]
    assert (counts["cells"], counts["patients"], counts["split_units"]) == (len(other), 8, 8)
    assert result.record["data"]["patients"] == 20


def test_every_run_that_evaluates_is_a_look_and_one_that_does_not_is_none(
    cells: tuple[Path, Path], tmp_path: Path
) -> None:
    _, told = _run(cells, tmp_path, reason="release 1")
    assert _looks(tmp_path) == [(("size x naive_bayes",), "release 1")]
    assert told == [f"the held-out cells were looked at for the first time in this results folder, noted in {LOG}"]
    _, told = _run(cells, tmp_path, reason="idle")
    assert _looks(tmp_path) == [(("size x naive_bayes",), "release 1")]
    assert told[0].startswith("no new look at the held-out cells: once so far")
    _, told = _run(cells, tmp_path, clf="knn")
    assert _looks(tmp_path) == [(("size x naive_bayes",), "release 1"), (("size x knn",), None)]
    assert told[0].startswith("the held-out cells were looked at 2 times in this results folder, first on 20")


def test_a_matrix_is_one_look_that_names_its_pipelines(cells: tuple[Path, Path], tmp_path: Path) -> None:
    options = {"data": str(cells[0]), "held_out": str(cells[1]), "positive": "diseased", "jobs": 1}
    places = {"out": tmp_path / "results", "store": tmp_path / "store"}
    bench.matrix(["size", "color"], "naive_bayes", baselines=False, **options, **places)
    [look] = Results.open(tmp_path / "results").held_out_accesses
    assert sorted(look.experiments) == ["color x naive_bayes", "size x naive_bayes"]
    assert look.opened_at.endswith("+00:00")


def test_held_out_cells_scored_under_another_decision_are_looked_at_again(
    cells: tuple[Path, Path], tmp_path: Path
) -> None:
    _run(cells, tmp_path)
    bench.score(tmp_path / "results", threshold="balanced")  # as it was run
    assert len(_looks(tmp_path)) == 1
    bench.score(tmp_path / "results", threshold="sens@0.95")
    assert _looks(tmp_path)[1:] == [(("size x naive_bayes",), "bench score --threshold sens@0.95")]


@pytest.mark.slow
def test_a_result_that_cannot_be_logged_is_not_shown(cells: tuple[Path, Path], tmp_path: Path) -> None:
    _run(cells, tmp_path)
    (tmp_path / "results" / LOG).write_text("[]")
    with pytest.raises(BenchError, match=f"{LOG}: a JSON object is expected"):
        _run(cells, tmp_path, clf="knn")
    assert [e.name for e in Results.open(tmp_path / "results").experiments()] == ["size x naive_bayes"]


def test_cross_validation_looks_at_nothing(cells: tuple[Path, Path], tmp_path: Path) -> None:
    result, told = _run(cells, tmp_path, held_out=None, folds=3)
    assert told == []
    assert Results.open(tmp_path / "results").held_out_accesses == ()
    folds = Results.open(tmp_path / "results").folds_path(result.record["folds_hash"])
    assert folds.read_text().startswith(f"# folds {result.record['folds_hash']}\npatient,unit,repeat,fold\n")


@pytest.mark.slow
def test_the_folds_of_a_run_give_another_run_the_same_result(cells: tuple[Path, Path], tmp_path: Path) -> None:
    drawn, _ = _run(cells, tmp_path, held_out=None, folds=3, repeats=2)
    written = Results.open(tmp_path / "results").folds_path(drawn.record["folds_hash"])
    read, _ = _run(cells, tmp_path / "again", held_out=None, folds_file=written)
    assert read.key == drawn.key
    pd.testing.assert_frame_equal(read.predictions, drawn.predictions)


def test_leave_one_patient_out_has_every_metric_but_the_auroc(cells: tuple[Path, Path], tmp_path: Path) -> None:
    result, _ = _run(cells, tmp_path, held_out=None, split="lopo")
    scores = result.scores.set_index("metric")["value"]
    assert result.predictions["fold"].nunique() == result.predictions["patient"].nunique() == 12
    assert pd.isna(scores["auroc_patient"])
    recalls = scores[["sensitivity_patient", "specificity_patient"]]
    assert scores["balanced_accuracy_patient"] == pytest.approx(recalls.mean())
    threshold = result.predictions["threshold"]
    called = (result.predictions["p_diseased"] >= threshold) == (result.predictions["label"] == "diseased")
    by_patient = called.groupby([result.predictions["label"], result.predictions["patient"]]).mean()
    assert scores["balanced_accuracy_patient"] == pytest.approx(by_patient.groupby("label").mean().mean())


@pytest.mark.slow
def test_where_there_is_no_auroc_the_next_headline_metric_is_told_and_ranks(
    cells: tuple[Path, Path], tmp_path: Path
) -> None:
    listener = Listener()
    places = {"out": tmp_path / "results", "store": tmp_path / "store"}
    options = {"data": str(cells[0]), "positive": "diseased", "split": "lopo", "jobs": 1, "baselines": False}
    found = bench.matrix(["size"], ["knn", "naive_bayes", "svm"], observer=listener, **options, **places)
    assert len(listener.outcomes) == 3
    assert all(outcome.startswith("Balanced accuracy, patient mean 0.") for outcome in listener.outcomes)
    board = found.leaderboard["balanced_accuracy_patient"]
    assert board.nunique() > 1
    assert list(board) == sorted(board, reverse=True)


def test_looks_of_two_processes_at_a_time_are_all_kept(tmp_path: Path) -> None:
    logs = [AccessLog(tmp_path, DIGEST, f"reason {n}") for n in range(8)]

    def work(log: AccessLog) -> None:
        for name in ("one", "two", "three"):
            log.add(name)

    threads = [threading.Thread(target=work, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looks = read_accesses(tmp_path)
    assert sorted(look.reason or "" for look in looks) == [f"reason {n}" for n in range(8)]
    assert all(look.experiments == ("one", "two", "three") for look in looks)


def test_looks_at_other_cells_do_not_count(tmp_path: Path) -> None:
    AccessLog(tmp_path, "1" * 64).add("a")
    log = AccessLog(tmp_path, DIGEST)
    log.add("a")
    assert "for the first time" in log.told()
    assert len(read_accesses(tmp_path)) == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"format": 1}, "a list `looks` is expected"),
        ({"looks": [3]}, "look 1 is damaged"),
        ({"looks": [{"opened_at": "x", "digest": "y", "experiments": "z", "reason": None}]}, "look 1 is damaged"),
        ({"looks": [{"opened_at": "x", "digest": "y", "experiments": [], "reason": 1}]}, "look 1 is damaged"),
    ],
)
def test_a_damaged_log_is_named(tmp_path: Path, content: object, complaint: str) -> None:
    (tmp_path / LOG).write_text(json.dumps(content))
    with pytest.raises(BenchError, match=f"{LOG}: {complaint}"):
        read_accesses(tmp_path)


def test_held_out_cells_imply_their_split() -> None:
    assert make_options({"held_out": "cells/"}).split == "held-out"
    assert make_options({"held_out": "cells/", "split": "held-out", "reason": "why"}).reason == "why"
    assert make_options({}).split == "patient"
    with pytest.raises(BenchError, match="--held-out goes with --split held-out, not with --split image"):
        make_options({"held_out": "cells/", "split": "image"})
    with pytest.raises(BenchError, match="--reason says why held-out cells are looked at"):
        make_options({"reason": "why"})
