"""Stored studies can be inspected with Optuna; the content of the storage does not affect results."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from bench.errors import BenchError
from bench.evaluation.tuning import FitAndScore, OpenStudy, Tuned, study_in_memory, tune
from bench.experiments.tuning_storage import masked, open_storage, study_at


class Wavy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A float, an integer and a categorical parameter, so that each kind is stored and read."""

    def __init__(self, x: float = 0.0, n: int = 1, kind: str = "bad") -> None:
        self.x = x
        self.n = n
        self.kind = kind

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {
            "x": trial.suggest_float("x", 1e-3, 1e3, log=True),
            "n": trial.suggest_int("n", 1, 9),
            "kind": trial.suggest_categorical("kind", ["bad", "good"]),
        }


def _evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
    value = -abs(candidate.x - 1 / 3) / 7 - abs(candidate.n - 4) / 3 + (candidate.kind == "good")
    return [lambda _, f=f: value + f / 11 for f in range(3)]  # type: ignore[misc]


def _open_study(storage: str, name: str = "key-repeat0-fold0") -> OpenStudy:
    return partial(study_at, storage, name, "size x wavy")


def _tuned(storage: str | None, *, name: str = "key-repeat0-fold0", seed: int = 5, trials: int = 10) -> Tuned:
    open_study = study_in_memory if storage is None else _open_study(storage, name)
    return tune(Wavy(), _evaluate, trials=trials, seed=seed, open_study=open_study)


@pytest.fixture(params=["sqlite", "journal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/tuning.db" if request.param == "sqlite" else str(tmp_path / "tuning.log")


def test_trials_are_the_same_bit_for_bit_with_and_without_storage(storage: str) -> None:
    without, with_it = _tuned(None), _tuned(storage)
    pd.testing.assert_frame_equal(with_it.trials, without.trials, check_exact=True)
    assert with_it.params == without.params
    assert set(without.trials["state"]) == {"complete", "pruned"}, "the storage holds both kinds"


def test_the_study_can_be_loaded_with_optuna(storage: str) -> None:
    tuned = _tuned(storage)
    study = optuna.load_study(study_name="key-repeat0-fold0", storage=open_storage(storage))
    assert study.user_attrs == {"pipeline": "size x wavy"}
    assert [t.state.name.lower() for t in study.trials] == list(tuned.trials["state"])
    assert [t.value for t in study.trials] == list(tuned.trials["value"])
    assert study.best_params == tuned.params
    assert all(len(t.intermediate_values) == 3 for t in study.trials if t.state.name == "COMPLETE")


@pytest.mark.parametrize("left", ["unfinished", "finished"])
def test_an_earlier_study_of_the_name_is_replaced(storage: str, left: str) -> None:
    """Otherwise the trials of a finished study would count twice and affect the sampler."""
    before = optuna.create_study(study_name="key-repeat0-fold0", storage=open_storage(storage), direction="maximize")
    trial = before.ask()
    trial.suggest_float("x", 1e-3, 1e3, log=True)
    if left == "finished":
        before.tell(trial, 1e9)
    pd.testing.assert_frame_equal(_tuned(storage).trials, _tuned(None).trials, check_exact=True)
    stored = optuna.load_study(study_name="key-repeat0-fold0", storage=open_storage(storage))
    assert len(stored.trials) == 10


def test_other_studies_are_unchanged(storage: str) -> None:
    _tuned(storage, name="key-repeat0-fold1", seed=8, trials=4)
    _tuned(storage)
    studies = optuna.get_all_study_summaries(storage=open_storage(storage))
    assert {s.study_name: s.n_trials for s in studies} == {"key-repeat0-fold0": 10, "key-repeat0-fold1": 4}


@pytest.mark.slow
def test_workers_share_a_storage(storage: str) -> None:
    """Four processes write to the storage at the same time, each to its own study."""
    open_storage(storage)
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        tasks = [pool.submit(_tuned, storage, name=f"key-fold{i}", seed=i, trials=6) for i in range(4)]
        for i, task in enumerate(tasks):
            pd.testing.assert_frame_equal(task.result().trials, _tuned(None, seed=i, trials=6).trials, check_exact=True)


def test_a_study_is_restarted_after_a_failed_trial(storage: str) -> None:
    def fails(candidate: Any, trial: int) -> list[FitAndScore]:
        raise ValueError("singular")

    with pytest.raises(BenchError, match=r"tuning trial 0 with .* failed: singular"):
        tune(Wavy(), fails, trials=3, seed=0, open_study=_open_study(storage))
    pd.testing.assert_frame_equal(_tuned(storage).trials, _tuned(None).trials, check_exact=True)


def test_a_study_that_another_run_deletes_is_an_error(storage: str) -> None:
    def deletes(candidate: Any, trial: int) -> list[FitAndScore]:
        optuna.delete_study(study_name="key-repeat0-fold0", storage=open_storage(storage))
        return _evaluate(candidate, trial)

    with pytest.raises(BenchError, match="no other run tunes the same experiment in it"):
        tune(Wavy(), deletes, trials=3, seed=0, open_study=_open_study(storage))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///tuning.db", "sqlite:///tuning.db"),
        ("tuning.log", "tuning.log"),
        ("postgresql://lab@host/db", "postgresql://lab@host/db"),
        ("postgresql://lab:s3cret@host:5432/db", "postgresql://lab:***@host:5432/db"),
        ("mysql+pymysql://lab:s3:c/r@et@host/db", "mysql+pymysql://lab:***@host/db"),
        ("postgresql://host/db?user=lab&password=s3cret&x=1", "postgresql://host/db?user=lab&password=***&x=1"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "nosuchdb://lab:s3cret@host/db",
            r"nosuchdb://lab:\*\*\*@host/db: not a known database; use sqlite, postgresql, mysql",
        ),
        ("sqlite://s3cret:s3cret@/x", r"--storage sqlite://s3cret:\*\*\*@/x: give the path of a file"),
        ("postgresql+pg8000nosuch://u:s3cret@host/db", r"u:\*\*\*@host"),
        ("redis://:s3cret@host", r"redis://:\*\*\*@host: a Redis storage contains pickled values"),
        ("mssql://lab:s3cret@host/db", r"mssql://lab:\*\*\*@host/db: not a known database"),
        ("postgresql://lab:s3cret@host/db?plugin=mine", r"lab:\*\*\*@host/db\?plugin=mine: not a known database"),
        (f"{'x' * 9999}://lab:s3cret@host", r"x\.\.\.: not a known database"),
        ("sqlite://", "sqlite://: give the path of a file, such as sqlite:///tuning.db"),
        ("sqlite:///:memory:", "give the path of a file"),
        ("sqlite:///file:x.db?mode=ro&uri=true", "give the path of a file"),
        ("sqlite:////nowhere/at/all/x.db", "sqlite:////nowhere/at/all/x.db: .*unable to open database file"),
        ("/nowhere/at/all/x.log", "No such file or directory"),
        ("tuning", "'tuning': give the URL of a database, such as sqlite:///tuning.db"),
    ],
)
def test_errors_mask_the_password(url: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint) as error:
        open_storage(url)
    assert "s3cret" not in str(error.value).replace("sqlite://s3cret:", "")
    assert error.value.__cause__ is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_storage_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for name in (f"sqlite:///{tmp_path}/tuning.db", str(tmp_path / "tuning.log")):
        with pytest.raises(BenchError, match="cannot be stored"):
            open_storage(name)


@pytest.mark.parametrize("content", [b"my notes", b"my notes\nof today\n", b"[1]\n", b"\xff\xfe\n"])
def test_a_file_that_is_not_a_journal_is_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.log"
    path.write_bytes(content)
    with pytest.raises(BenchError, match="is not an Optuna journal"):
        open_storage(str(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"my notes", b"SQLite format 2\0", b"\0", b"# folds\n" * 1000])
def test_a_file_that_is_not_a_database_is_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"notes\.db: this file is not a SQLite database; choose another name"):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_database_of_another_program_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "addresses.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(BenchError, match=r"this database has other tables \(people\), so it is not an Optuna storage"):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("prefix", ["sqlite:///", ""])
@pytest.mark.parametrize(("target", "kind"), [(None, "named pipe"), ("/dev/zero", "device"), (".", "folder")])
def test_a_storage_that_is_not_a_regular_file(tmp_path: Path, prefix: str, target: str | None, kind: str) -> None:
    path = tmp_path / "x.log"
    os.mkfifo(path) if target is None else path.symlink_to(target)
    with pytest.raises(BenchError, match=rf"x\.log: the tuning trials cannot be stored .*a {kind}, not a regular file"):
        open_storage(f"{prefix}{path}")
    assert list(tmp_path.iterdir()) == [path]
