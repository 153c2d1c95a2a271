"""Rows of a fit that resumes, and names of loggers from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.networks.training.logger_spec import LoggerSpec
from extractors.networks.training.progress import Progress

N = 16
Y, PATIENTS = np.arange(N) % 2, np.arange(N)


class KilledError(BaseException):
    """In place of the end of the process."""


def _cells() -> list[Cell]:
    rng = np.random.default_rng(0)
    mask = np.ones((20, 20), dtype=np.bool_)
    return [Cell(f"c{i}", rng.integers(1, 255, (20, 20, 3), dtype=np.uint8), mask) for i in range(N)]


def _fit(logs: Path, checkpoint: Path | None) -> Cnn:
    spec = LoggerSpec(target="pytorch_lightning.loggers:CSVLogger", params={"save_dir": str(logs)})
    spec = spec.described(selector="cnn[size=16]", repeat=0, fold=2, fit="inner 1")
    options = {"size": 16, "stages": "head:2+all:2", "batch_size": 8, "patience": 0, "select": "last"}
    model = Cnn(**options, random_state=0, device="cpu", checkpoint_dir=checkpoint, logger=spec)
    return model.fit(_cells(), Y, PATIENTS)


def _rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics.csv", index_col="step")


def test_a_fit_that_resumes_logs_each_epoch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = _fit(tmp_path / "undisturbed", None)
    save, logs = Progress.save, tmp_path / "logs" / "cnn-size-16"

    def killed(self: Progress, folder: Path | None) -> None:
        if self.epochs == 3:
            raise KilledError
        save(self, folder)

    monkeypatch.setattr(Progress, "save", killed)
    with pytest.raises(KilledError):
        _fit(tmp_path / "logs", tmp_path / "checkpoint")
    monkeypatch.undo()
    resumed = _fit(tmp_path / "logs", tmp_path / "checkpoint")
    name = "repeat-0-fold-2-inner-1"
    assert {path.name for path in logs.iterdir()} == {name, f"{name}-from-epoch-2"}
    first, second = _rows(logs / name), _rows(logs / f"{name}-from-epoch-2")
    assert (first.index.tolist(), second.index.tolist()) == ([0, 1], [2, 3])
    expected = _rows(tmp_path / "undisturbed" / "cnn-size-16" / name)
    rows = pd.concat([first, second]).drop(columns="seconds")
    pd.testing.assert_frame_equal(rows, expected.drop(columns="seconds"), check_exact=True)
    assert rows["training_loss"].tolist() == undisturbed.curves_["training_loss"].tolist()
    assert rows["validation_loss"].isna().all(), "nothing is held out"
    assert all(np.array_equal(resumed.weights_[key], value) for key, value in undisturbed.weights_.items())
    before = (logs / name / "metrics.csv").read_bytes()
    _fit(tmp_path / "logs", tmp_path / "checkpoint")
    assert (logs / name / "metrics.csv").read_bytes() == before, "a finished fit opens no logger"


def test_without_a_description_of_the_fit_the_logger_names_itself(tmp_path: Path) -> None:
    spec = LoggerSpec(target="pytorch_lightning.loggers:CSVLogger", params={"save_dir": str(tmp_path)})
    assert (spec.build().name, spec.build().version) == ("lightning_logs", 0)
    nested = spec.described(key="ab", fit="outer").within("member 1", "knn").within("bag 0")
    assert nested.hyperparameters == {"key": "ab", "fit": "outer", "member": "member 1 knn, bag 0"}
    assert (nested.build().name, nested.build(epoch=4).version) == ("network", "ab-outer-member-1-bag-0-from-epoch-4")
