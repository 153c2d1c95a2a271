"""`on_epoch` of networks: what it receives, that it changes nothing, and that a fit that it ends leaves nothing."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extractors.cells import Cell
from extractors.epoch_scores import EndFit, OnEpoch
from extractors.finetune import Finetune
from extractors.networks.training.training_module import TrainingModule

Y = np.arange(32) % 2
PATIENTS = np.arange(32) % 16
QUICK: dict[str, Any] = {"backbone": "small", "size": 16, "epochs": 3, "batch_size": 8, "random_state": 0}


def _cells() -> list[Cell]:
    rng = np.random.default_rng(0)
    images = rng.integers(40, 160, (len(Y), 16, 16, 3)) + 80 * Y[:, None, None, None]
    return [Cell(f"{i}", image.astype(np.uint8), np.ones((16, 16), dtype=bool)) for i, image in enumerate(images)]


def _fit(on_epoch: OnEpoch | None = None, **changes: Any) -> Finetune:
    model = Finetune(**{**QUICK, "device": "cpu", "on_epoch": on_epoch, **changes})
    return model.fit(_cells(), Y, PATIENTS)


class Log:
    """Receives scores; ends the fit after an epoch."""

    def __init__(self, end: int | None = None, error: BaseException | None = None) -> None:
        self.calls: list[tuple[int, float]] = []
        self.end = end
        self.error = error or EndFit("enough")

    @property
    def receive(self) -> OnEpoch:
        def on_epoch(epoch: int, score: float) -> None:
            self.calls.append((epoch, score))
            torch.rand(3)
            if epoch == self.end:
                raise self.error

        return on_epoch


@pytest.mark.parametrize(
    "changes",
    [{}, {"monitor": "auroc"}, {"stages": ("head:1", "all:2"), "epochs": None}, {"select": "last", "patience": 5}],
    ids=["loss", "auroc", "stages", "last"],
)
def test_it_receives_the_validation_score_of_each_epoch_and_changes_nothing(changes: dict[str, Any]) -> None:
    log, plain = Log(), _fit(**changes)
    fitted = _fit(log.receive, **changes)
    curves = fitted.curves_
    scores = curves["validation_auroc"] if "monitor" in changes else -curves["validation_loss"]
    assert log.calls == list(enumerate(scores))
    assert len(log.calls) == 3
    times = {"seconds", "seconds_waited", "peak_memory"}
    assert curves.drop(columns="seconds").equals(plain.curves_.drop(columns="seconds"))
    assert {k: v for k, v in fitted.training_.items() if k not in times} == {
        k: v for k, v in plain.training_.items() if k not in times
    }
    assert all(np.array_equal(fitted.weights_[key], plain.weights_[key]) for key in plain.weights_)


def test_it_is_not_called_without_held_out_patients() -> None:
    log = Log()
    assert len(_fit(log.receive, select="last", patience=0).curves_) == 3
    assert log.calls == []


def test_a_fit_that_it_ends_leaves_no_threads_or_settings() -> None:
    def state() -> list[Any]:
        names = ("pytorch_lightning", "lightning_fabric")
        levels = [logging.getLogger(name).level for name in names]
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return [*levels, *handlers, torch.get_num_threads(), torch.get_rng_state().tolist(), torch.is_grad_enabled()]

    before, threads, log = state(), set(threading.enumerate()), Log(end=1)
    expected = _fit(threads=2)
    with pytest.raises(EndFit) as ended:
        _fit(log.receive, threads=2)
    assert ended.value is log.error, "the same object"
    assert [epoch for epoch, _ in log.calls] == [0, 1]
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=5)
    assert set(threading.enumerate()) <= threads
    assert state() == before
    again = _fit(threads=2)
    assert all(np.array_equal(again.weights_[key], expected.weights_[key]) for key in expected.weights_)


def test_a_resumed_fit_repeats_the_scores_of_saved_epochs(tmp_path: Path) -> None:
    undisturbed, killed, again, finished = (Log(end, KeyboardInterrupt()) for end in (None, 1, 1, None))
    expected = _fit(undisturbed.receive)
    for log in (killed, again):
        with pytest.raises(KeyboardInterrupt):
            _fit(log.receive, checkpoint_dir=tmp_path)
    resumed = _fit(finished.receive, checkpoint_dir=tmp_path)
    assert killed.calls == again.calls == undisturbed.calls[:2]
    assert finished.calls == undisturbed.calls
    assert all(np.array_equal(resumed.weights_[key], expected.weights_[key]) for key in expected.weights_)
    complete = Log()
    _fit(complete.receive, checkpoint_dir=tmp_path)
    assert complete.calls == undisturbed.calls


def test_a_saved_epoch_that_ends_the_fit_is_removed_and_no_other_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        _fit(Log(1, KeyboardInterrupt()).receive, checkpoint_dir=tmp_path)
    assert list(tmp_path.iterdir())
    monkeypatch.setattr(TrainingModule, "training_step", None)
    with pytest.raises(EndFit):
        _fit(Log(end=1).receive, checkpoint_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_fit_that_ends_keeps_no_saved_epoch(tmp_path: Path) -> None:
    with pytest.raises(EndFit):
        _fit(Log(end=1).receive, checkpoint_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_value_is_refused() -> None:
    with pytest.raises(ValueError, match="on_epoch=5 is not valid; it is a function of epoch and score, or None"):
        _fit(5)  # type: ignore[arg-type]
