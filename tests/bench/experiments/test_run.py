"""Matrices end to end: resume, share work between processes, survive failures."""

from __future__ import annotations

import errno
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pandas as pd
import pytest

import bench
from bench.api import MatrixResult
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.executors import fit_time
from bench.experiments.results import Results
from bench.experiments.tuning_storage import open_storage
from bench.observer import Observer
from bench.storage.json_files import write_json
from bench.storage.locks import locked

EXTRACTORS, CLASSIFIERS = ["size", "color"], ["knn", "naive_bayes"]


class Recorder(Observer):
    """Records the notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 synthetic patients with about five small cells each."""
    folder = tmp_path_factory.mktemp("phantom") / "cells"
    write_phantom(PhantomSpec(patients=7, cells=5, spread=0.3, size=96, seed=3), folder)
    return folder


@pytest.fixture(scope="session")
def undisturbed(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> MatrixResult:
    """A matrix that ran without interruption in this process, with its own store."""
    return _matrix(cells, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Classifiers that fail, importable as `misbehaving.NAME` here and in workers."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "misbehaving.py").write_text(
        """
import os, time
from sklearn.dummy import DummyClassifier

class Dies(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        os._exit(0)

class Slow(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.2)
        return super().fit(X, y)

class Hangs(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        time.sleep(600)

class Leaves(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        raise SystemExit(3)

class Raises(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        raise RuntimeError("no <b>luck</b> today")
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    yield
    sys.modules.pop("misbehaving", None)


def _matrix(cells: Path, place: Path, **options: object) -> MatrixResult:
    defaults = {"data": str(cells), "folds": 3, "inner_folds": 2, "out": place / "results", "store": place / "store"}
    return bench.matrix(EXTRACTORS, CLASSIFIERS, **{**defaults, "baselines": False, "jobs": 1, **options})


def _command(cells: Path, place: Path, *more: str) -> list[str]:
    data = ["--data", str(cells), "--folds", "3", "--inner-folds", "2"]
    paths = ["--out", str(place / "results"), "--store", str(place / "store")]
    names = ["--extractors", ",".join(EXTRACTORS), "--clfs", ",".join(CLASSIFIERS)]
    return [sys.executable, "-m", "bench", "matrix", *data, *paths, *names, "--no-baselines", *more]


def _contents(result: MatrixResult) -> dict[str, bytes]:
    """All files of all experiments except the times."""
    return {
        f"{e.folder.name}/{path.name}": path.read_bytes()
        for e in result.experiments
        for path in sorted(e.folder.iterdir())
        if path.name != "timing.json"
    }


def test_each_experiment_predicts_every_cell_once(undisturbed: MatrixResult) -> None:
    board = undisturbed.leaderboard
    assert sorted(zip(board["extractor"], board["classifier"], strict=True)) == sorted(
        (x, c) for x in EXTRACTORS for c in CLASSIFIERS
    )
    assert (board["status"] == "done").all()
    for experiment in undisturbed.experiments:
        table = undisturbed.plan.opened.dataset.table
        assert sorted(experiment.predictions["cell"]) == sorted(table["cell"])
        inner = experiment.inner_predictions.groupby("fold")["unit"].agg(set)
        outer = experiment.predictions.groupby("fold")["unit"].agg(set)
        assert all(not inner[fold] & outer[fold] for fold in outer.index)


def test_all_experiments_share_their_folds(undisturbed: MatrixResult) -> None:
    folds = [e.predictions.set_index("cell")["fold"].sort_index() for e in undisturbed.experiments]
    assert all(f.equals(folds[0]) for f in folds)


def test_a_second_run_does_nothing_and_the_plan_shows_it(undisturbed: MatrixResult, cells: Path) -> None:
    place = undisturbed.results.path.parent
    before = {e.folder: e.folder.stat().st_mtime_ns for e in undisturbed.experiments}
    options = {"data": str(cells), "folds": 3, "inner_folds": 2, "baselines": False}
    planned = bench.plan(EXTRACTORS, CLASSIFIERS, out=place / "results", store=place / "store", **options)
    assert set(planned["state"]) == {"done"}
    assert set(planned["features"]) == {"stored"}
    again = _matrix(cells, place)
    assert {e.folder: e.folder.stat().st_mtime_ns for e in again.experiments} == before


def test_the_plan_names_what_differs(undisturbed: MatrixResult, cells: Path) -> None:
    place = undisturbed.results.path.parent
    options = {"data": str(cells), "folds": 3, "inner_folds": 2, "seed": 1, "baselines": False}
    planned = bench.plan("size", "knn", out=place / "results", store=place / "store", **options)
    assert planned["state"].tolist() == ["to run"]
    assert planned["why"].tolist() == ["a result differs in: folds, protocol.seed"]


def test_two_workers_give_identical_results(undisturbed: MatrixResult, cells: Path, tmp_path: Path) -> None:
    assert _contents(_matrix(cells, tmp_path, jobs=2)) == _contents(undisturbed)


def test_a_killed_matrix_resumes_to_identical_results(undisturbed: MatrixResult, cells: Path, tmp_path: Path) -> None:
    with subprocess.Popen(_command(cells, tmp_path, "--jobs", "1"), stderr=subprocess.DEVNULL) as process:
        finished = _wait_for(tmp_path / "results" / "experiments", process)
        process.send_signal(signal.SIGKILL)
    first = finished[0]
    stamp = first.stat().st_mtime_ns
    done_before = len(list((tmp_path / "results" / "experiments").glob("[!.]*")))
    assert done_before < len(EXTRACTORS) * len(CLASSIFIERS)
    result = _matrix(cells, tmp_path)
    assert first.stat().st_mtime_ns == stamp
    assert _contents(result) == _contents(undisturbed)
    pd.testing.assert_frame_equal(result.leaderboard, undisturbed.leaderboard, check_exact=True)


def test_two_matrices_in_one_folder_share_the_work(undisturbed: MatrixResult, cells: Path, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(_command(cells, tmp_path, "--jobs", "1"), stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    messages = [p.communicate()[1] for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    finished = [line for text in messages for line in text.splitlines() if "AUROC" in line]
    assert len(finished) == len(EXTRACTORS) * len(CLASSIFIERS)
    assert _contents(_matrix(cells, tmp_path)) == _contents(undisturbed)


@pytest.mark.usefixtures("plugins")
def test_failures_become_rows_and_the_rest_continues(cells: Path, tmp_path: Path) -> None:
    options = {"data": str(cells), "folds": 3, "inner_folds": 2, "out": tmp_path / "results", "store": tmp_path / "s"}
    options |= {"baselines": False, "jobs": 1}
    result = bench.matrix(["size"], ["misbehaving.Raises", "misbehaving.Leaves", "knn"], **options)
    reasons = dict(zip(result.leaderboard["classifier"], result.leaderboard["reason"], strict=True))
    assert "no <b>luck</b> today (misbehaving.py, line 24)" in reasons["misbehaving.Raises"]
    assert "SystemExit: 3" in reasons["misbehaving.Leaves"]
    assert reasons["knn"] == ""
    assert len(result.failures) == 2
    assert not list((tmp_path / "results" / "work").glob("*/*"))
    again = bench.plan(["size"], ["misbehaving.Raises"], **options)
    assert again["state"].tolist() == ["failed"]
    retried = bench.plan(["size"], ["misbehaving.Raises"], retry_failed=True, **options)
    assert retried["state"].tolist() == ["to run"]


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "fit_time", "reason"),
    [
        ("Dies", None, "the worker process died twice (exit code 0), the second time while no other task ran"),
        ("Hangs", 1.0, "timed out after 1 s (--fit-time)"),
    ],
)
def test_dead_and_hanging_workers_become_rows(
    tmp_path: Path, undisturbed: MatrixResult, name: str, fit_time: float | None, reason: str
) -> None:
    result = bench.matrix(
        ["size"], [f"misbehaving.{name}", "knn"], data=undisturbed.plan.options.data, folds=2, inner_folds=2,
        fit_time=fit_time, jobs=2, baselines=False, out=tmp_path / "results",
        store=undisturbed.results.path.parent / "store",
    )  # fmt: skip
    board = result.leaderboard.set_index("classifier")
    assert re.fullmatch(rf"repeat 0, fold [01]: {re.escape(reason)}", board.loc[f"misbehaving.{name}", "reason"])
    assert board.loc["knn", "status"] == "done"


@pytest.mark.usefixtures("plugins")
def test_a_long_fit_is_reported(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_time, "NOTICE_S", 0.1)
    recorder = Recorder()
    options = {"data": str(cells), "folds": 2, "inner_folds": 2, "jobs": 1, "store": tmp_path / "store"}
    bench.run("size", "misbehaving.Slow", out=tmp_path / "results", observer=recorder, **options)
    assert [notice for notice in recorder.notices if "hour" in notice] == [
        f"the fit of size x misbehaving.Slow, repeat 0, fold {fold} has run for an hour; "
        "--fit-time SECONDS sets a limit"
        for fold in range(2)
    ]


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_results_folder_that_is_removed_during_a_run_is_not_made_again(
    cells: Path, tmp_path: Path, undisturbed: MatrixResult, after: int, replaced: bool
) -> None:
    class Remover(Observer):
        count = 0

        def finished(self, name: str, outcome: str) -> None:
            self.count += 1
            if self.count == after:
                shutil.rmtree(tmp_path / "results")
                if replaced:
                    (tmp_path / "results").mkdir()

    options = {"store": undisturbed.results.path.parent / "store", "observer": Remover(), "baselines": False, "jobs": 1}
    with pytest.raises(BenchError, match=r"results: the results folder was removed during the run; run the same"):
        bench.matrix("size", CLASSIFIERS, data=cells, folds=2, inner_folds=2, out=tmp_path / "results", **options)
    assert list(tmp_path.rglob("*")) == [tmp_path / "results"] * replaced


def test_finished_folds_are_deleted_unless_they_will_be_used(tmp_path: Path) -> None:
    """A process was killed after it wrote an outcome, another one at work; a third one works on a failure again."""
    results = Results.create(tmp_path / "results")
    for slug in ("done", "failed", "retried", "unfinished"):
        (results.work_folder(slug) / "repeat0-fold0").mkdir(parents=True)
    write_json(results.experiment_folder("done") / "experiment.json", {})
    for slug in ("failed", "retried"):
        write_json(results.failure_path(slug), {})
    with locked(results.lock_path("retried")):
        results.clean_work()
    assert {folder.name for folder in (results.path / "work").iterdir()} == {"retried", "unfinished"}


def test_a_full_disk_ends_the_run_with_a_bench_error(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Results, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Results, "write_experiment", full)
        with pytest.raises(
            BenchError, match=r"results .* \(No space left on device\)\. Finished parts are stored"
        ) as error:
            _matrix(cells, tmp_path)
    assert error.traceback  # keeps the frames of the failed run alive; they must hold no lock
    assert _matrix(cells, tmp_path).leaderboard["status"].tolist() == ["done"] * 4


def _wait_for(folder: Path, process: subprocess.Popen[bytes]) -> list[Path]:
    """Return the finished experiments, as soon as there is one."""
    while process.poll() is None:
        if records := list(folder.glob("[!.]*/experiment.json")):
            return [path.parent for path in records]
        time.sleep(0.01)
    raise AssertionError("the matrix ended before it could be killed")


@pytest.mark.slow
def test_a_storage_does_not_change_a_tuned_matrix_with_baselines(cells: Path, tmp_path: Path) -> None:
    """Two workers write into one storage, which has the studies of an earlier run."""
    storage = f"sqlite:///{tmp_path}/tuning.db"
    options = {"data": str(cells), "folds": 2, "inner_folds": 2, "tune": 2, "store": tmp_path / "store"}
    plain = bench.matrix(["size"], ["knn"], out=tmp_path / "plain", jobs=1, **options)
    bench.matrix(["size"], ["knn"], out=tmp_path / "earlier", storage=storage, jobs=1, baselines=False, **options)
    stored = bench.matrix(["size"], ["knn"], out=tmp_path / "stored", storage=storage, jobs=2, **options)
    assert _contents(stored) == _contents(plain)
    names = [f"{row.extractor} x {row.classifier}" for row in stored.leaderboard.itertuples()]
    assert sorted(names) == ["pixels x prior", "size x knn", "size x lightgbm", "stain x lightgbm"]
    assert (stored.leaderboard["status"] == "done").all()
    trials = {e.name: len(e.trials) for e in stored.experiments}
    assert trials == {"pixels x prior": 0, "size x knn": 4, "size x lightgbm": 4, "stain x lightgbm": 4}
    studies = optuna.get_all_study_summaries(storage=open_storage(storage))
    assert {s.study_name for s in studies} == {
        f"{e.key}-repeat0-fold{fold}" for e in stored.experiments if len(e.trials) for fold in range(2)
    }
    assert {s.n_trials for s in studies} == {2}


def test_an_unusable_storage_stops_the_run_before_it_writes(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="add --tune N"):
        _matrix(cells, tmp_path, storage="sqlite:///tuning.db")
    with pytest.raises(BenchError, match=r"--storage nosuchdb://lab:\*\*\*@host/x: not a known database"):
        _matrix(cells, tmp_path, storage="nosuchdb://lab:s3cret@host/x", tune=2)
    assert not (tmp_path / "results").exists()


def test_a_pipeline_that_cannot_be_tuned_is_a_failed_row(cells: Path, tmp_path: Path) -> None:
    result = bench.matrix(
        ["size"], ["sklearn.linear_model.LogisticRegression", "knn"], data=str(cells), folds=3, inner_folds=2, tune=2,
        baselines=False, jobs=1, out=tmp_path / "results", store=tmp_path / "store",
    )  # fmt: skip
    reasons = dict(zip(result.leaderboard["classifier"], result.leaderboard["reason"], strict=True))
    assert "SklearnAdapter has nothing to tune; leave out --tune" in reasons["sklearn.linear_model.LogisticRegression"]
    assert reasons["knn"] == ""


def test_damaged_features_are_rebuilt_before_use(cells: Path, tmp_path: Path, undisturbed: MatrixResult) -> None:
    """A second matrix in the same store detects the flipped bit, reports it, and gives the same predictions."""
    _matrix(cells, tmp_path)
    (values,) = (tmp_path / "store").glob("features/size-*/*/values.npy")
    data = bytearray(values.read_bytes())
    data[-3] ^= 1
    values.write_bytes(data)
    recorder = Recorder()
    again = _matrix(cells, tmp_path, out=tmp_path / "again", observer=recorder)
    (notice,) = (text for text in recorder.notices if "damaged" in text)
    assert notice.startswith("size: rows ")
    assert "are damaged" in notice
    assert _contents(again) == _contents(undisturbed)


def test_cells_of_another_dataset_are_copied_without_a_wait(cells: Path, tmp_path: Path) -> None:
    """An entry that is made of stored rows alone is not reported as the work of another process."""
    options = {"store": tmp_path / "store", "folds": 3, "inner_folds": 2, "jobs": 1, "positive": "diseased"}
    bench.run("size", "knn", data=str(cells), out=tmp_path / "all", **options)
    table = pd.read_csv(cells / "manifest.csv", dtype=str)
    some = table[table["patient"] != table["patient"].iloc[-1]]
    recorder = Recorder()
    bench.run("size", "knn", data=some, root=cells, out=tmp_path / "some", observer=recorder, **options)
    assert not [notice for notice in recorder.notices if "another process" in notice]
