"""Held-out evaluation by one model, and the log of accesses to held-out cells."""

from __future__ import annotations

import json
import shutil
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
Cells = tuple[Path, Path]


class Listener(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []
        self.outcomes: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def finished(self, name: str, outcome: str) -> None:
        self.outcomes.append(outcome)

    @property
    def accesses(self) -> list[str]:
        return [notice for notice in self.notices if "held-out cells" in notice]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """Phantoms of six and six patients, and of four and four others."""
    folder = tmp_path_factory.mktemp("phantoms")
    for name, patients, seed in (("train", 6, 1), ("other", 4, 2)):
        write_phantom(PhantomSpec(patients=patients, cells=3, size=48, seed=seed), folder / name)
    manifest = pd.read_csv(folder / "other" / "manifest.csv")
    manifest.assign(patient="other" + manifest["patient"]).to_csv(folder / "other" / "manifest.csv", index=False)
    return folder / "train", folder / "other"


def _options(cells: Cells, place: Path, **options: Any) -> dict[str, Any]:
    data = {"data": str(cells[0]), "held_out": str(cells[1]), "positive": "diseased", "jobs": 1}
    return {**data, "out": place / "results", "store": cells[0].parent / "store", **options}


def _accesses(place: Path) -> list[tuple[tuple[str, ...], str | None]]:
    return [(access.experiments, access.reason) for access in read_accesses(place / "results")]


@pytest.fixture(scope="module")
def evaluated(cells: Cells, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExperimentResult, Listener]:
    """A results folder with one held-out evaluation."""
    place, listener = tmp_path_factory.mktemp("evaluated"), Listener()
    result = bench.run("size", "naive_bayes", observer=listener, **_options(cells, place, reason="release 1"))
    return place, result, listener


@pytest.fixture
def place(evaluated: tuple[Path, ExperimentResult, Listener], tmp_path: Path) -> Path:
    """A copy of that results folder."""
    shutil.copytree(evaluated[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_held_out_patients_are_tested_by_one_model_of_all_others(
    cells: Cells, evaluated: tuple[Path, ExperimentResult, Listener]
) -> None:
    _, result, _ = evaluated
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


def test_only_runs_that_evaluate_are_logged(
    cells: Cells, evaluated: tuple[Path, ExperimentResult, Listener], place: Path
) -> None:
    first, again, matrix = evaluated[2], Listener(), Listener()
    release = (("size x naive_bayes",), "release 1")
    assert _accesses(place) == [release]
    assert first.accesses == [
        f"the held-out cells were evaluated for the first time in this results folder, logged in {LOG}"
    ]
    bench.run("size", "naive_bayes", observer=again, **_options(cells, place, reason="repeated"))
    assert _accesses(place) == [release]
    assert again.accesses[0].startswith("no new evaluation of the held-out cells: once so far")
    bench.matrix(["size"], ["knn", "svm"], observer=matrix, baselines=False, **_options(cells, place))
    assert _accesses(place)[0] == release
    [(experiments, reason)] = _accesses(place)[1:]
    assert (sorted(experiments), reason) == (["size x knn", "size x svm"], None)
    assert matrix.accesses[0].startswith(
        "the held-out cells were evaluated 2 times in this results folder, first on 20"
    )
    assert all(access.opened_at.endswith("+00:00") for access in read_accesses(place / "results"))


def test_rescoring_with_another_decision_is_logged(place: Path) -> None:
    bench.score(place / "results", threshold="balanced")  # as in the run
    assert len(_accesses(place)) == 1
    bench.score(place / "results", threshold="sens@0.95")
    assert _accesses(place)[1:] == [(("size x naive_bayes",), "bench score --threshold sens@0.95")]


def test_result_is_not_written_if_logging_fails(cells: Cells, place: Path) -> None:
    (place / "results" / LOG).write_text("[]")
    with pytest.raises(BenchError, match=f"{LOG}: not a JSON object"):
        bench.run("size", "knn", **_options(cells, place))
    assert [e.name for e in Results.open(place / "results").experiments()] == ["size x naive_bayes"]


def test_cross_validation_is_not_logged_and_its_folds_file_reproduces_it(cells: Cells, tmp_path: Path) -> None:
    options = _options(cells, tmp_path, held_out=None)
    listener = Listener()
    drawn = bench.run("size", "naive_bayes", observer=listener, **options, folds=3, repeats=2)
    results = Results.open(tmp_path / "results")
    assert listener.accesses == []
    assert read_accesses(results.path) == ()
    written = results.folds_path(drawn.record["folds_hash"])
    assert written.read_text().startswith(f"# folds {drawn.record['folds_hash']}\npatient,unit,repeat,fold\n")
    read = bench.run("size", "naive_bayes", **{**options, "out": tmp_path / "again"}, folds_file=written)
    assert read.key == drawn.key
    pd.testing.assert_frame_equal(read.predictions, drawn.predictions)


def test_leave_one_patient_out_is_ranked_by_the_next_headline_metric(cells: Cells, tmp_path: Path) -> None:
    listener = Listener()
    options = _options(cells, tmp_path, held_out=None, split="lopo", baselines=False)
    matrix = bench.matrix(["size"], ["knn", "naive_bayes", "svm"], observer=listener, **options)
    assert len(listener.outcomes) == 3
    assert all(outcome.startswith("Balanced accuracy, patient mean 0.") for outcome in listener.outcomes)
    board = matrix.leaderboard["balanced_accuracy_patient"]
    assert board.nunique() > 1
    assert list(board) == sorted(board, reverse=True)

    result = matrix.experiments[0]
    scores = result.scores.set_index("metric")["value"]
    assert result.predictions["fold"].nunique() == result.predictions["patient"].nunique() == 12
    assert pd.isna(scores["auroc_patient"])
    recalls = scores[["sensitivity_patient", "specificity_patient"]]
    assert scores["balanced_accuracy_patient"] == pytest.approx(recalls.mean())
    threshold = result.predictions["threshold"]
    correct = (result.predictions["p_diseased"] >= threshold) == (result.predictions["label"] == "diseased")
    by_patient = correct.groupby([result.predictions["label"], result.predictions["patient"]]).mean()
    assert scores["balanced_accuracy_patient"] == pytest.approx(by_patient.groupby("label").mean().mean())


def test_concurrent_accesses_are_all_logged(tmp_path: Path) -> None:
    logs = [AccessLog(tmp_path, DIGEST, f"reason {n}") for n in range(8)]

    def work(log: AccessLog) -> None:
        for name in ("one", "two", "three"):
            log.add(name)

    threads = [threading.Thread(target=work, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accesses = read_accesses(tmp_path)
    assert sorted(access.reason or "" for access in accesses) == [f"reason {n}" for n in range(8)]
    assert all(access.experiments == ("one", "two", "three") for access in accesses)


def test_accesses_to_other_cells_do_not_count(tmp_path: Path) -> None:
    AccessLog(tmp_path, "1" * 64).add("a")
    log = AccessLog(tmp_path, DIGEST)
    log.add("a")
    assert "for the first time" in log.summary()
    assert len(read_accesses(tmp_path)) == 2


def test_a_continued_plan_continues_its_access(tmp_path: Path) -> None:
    """The first run is killed after it has logged `b`, before it has written the result."""
    interrupted = AccessLog(tmp_path, DIGEST, "release", "plan 1")
    interrupted.add("a")
    interrupted.add("b")
    continued = AccessLog(tmp_path, DIGEST, "release", "plan 1")
    continued.add("b")
    AccessLog(tmp_path, DIGEST, "release", "plan 2").add("d")
    continued.add("c")
    assert [access.experiments for access in read_accesses(tmp_path)] == [("a", "b", "c"), ("d",)]
    assert "were evaluated 2 times" in continued.summary()


@pytest.mark.parametrize(
    ("digest", "reason", "plan"),
    [
        (DIGEST, "release", "plan 2"),
        (DIGEST, None, "plan 1"),
        ("1" * 64, "release", "plan 1"),
        (DIGEST, "release", None),
    ],
)
def test_another_plan_reason_or_dataset_is_another_access(
    tmp_path: Path, digest: str, reason: str | None, plan: str | None
) -> None:
    AccessLog(tmp_path, DIGEST, "release", "plan 1").add("a")
    for count in (2, 2 if plan else 3):  # without a plan, each evaluation counts
        AccessLog(tmp_path, digest, reason, plan).add("a")
        assert len(read_accesses(tmp_path)) == count


def test_a_matrix_that_was_interrupted_is_one_access(
    cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def matrix() -> None:
        bench.matrix(["size"], ["knn", "naive_bayes"], baselines=False, **_options(cells, tmp_path))

    write = Results.write_experiment

    def interrupt(self: Results, slug: str, *contents: Any) -> None:
        if "naive_bayes" in slug:
            raise KeyboardInterrupt
        write(self, slug, *contents)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Results, "write_experiment", interrupt)
        matrix()
    matrix()
    assert _accesses(tmp_path) == [(("size x knn", "size x naive_bayes"), None)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"accesses": [{"opened_at": "x", "digest": "y", "experiments": [], "plan": 1}]}, "access 1 is damaged"),
        ({"format": 2}, "expected a list `accesses`"),
        ({"accesses": [3]}, "access 1 is damaged"),
        ({"accesses": [{"opened_at": "x", "digest": "y", "experiments": "z", "reason": None}]}, "access 1 is damaged"),
        ({"accesses": [{"opened_at": "x", "digest": "y", "experiments": [], "reason": 1}]}, "access 1 is damaged"),
    ],
)
def test_a_damaged_log_is_named(tmp_path: Path, content: object, message: str) -> None:
    (tmp_path / LOG).write_text(json.dumps(content))
    with pytest.raises(BenchError, match=f"{LOG}: {message}"):
        read_accesses(tmp_path)


def test_held_out_cells_imply_their_split() -> None:
    assert make_options({"held_out": "cells/"}).split == "held-out"
    assert make_options({"held_out": "cells/", "split": "held-out", "reason": "why"}).reason == "why"
    assert make_options({}).split == "patient"
    with pytest.raises(BenchError, match="--held-out goes with --split held-out, not with --split image"):
        make_options({"held_out": "cells/", "split": "image"})
    with pytest.raises(BenchError, match="--reason is the reason for evaluating held-out cells"):
        make_options({"reason": "why"})
