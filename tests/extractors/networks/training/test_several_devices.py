"""A network that several processes train on the CPU, as several GPUs would, compared with one process.

They sum the same gradients in another order, so that float32 weights of a few steps agree to about 1e-7; batch norms
are frozen, since those of the CPU see a part of each batch. The strategy is `ddp_fork`, whose processes start within
milliseconds; `tests/bench/executors/test_training_processes.py` spawns them as a run does.
"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning.strategies import StrategyRegistry
from sklearn.base import clone

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.epoch_scores import EndFit
from extractors.networks import devices
from extractors.networks.training import fitting
from extractors.networks.training.epoch_log import EpochLog
from extractors.networks.training.fitting import Surroundings, fit_network
from extractors.networks.training.logger_spec import LoggerSpec
from extractors.networks.training.losses import CrossEntropy
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part
from extractors.networks.training.progress import Progress
from extractors.networks.training.several_devices import STRATEGIES, share_of
from extractors.networks.training.trained_network import TrainedNetwork

SPEC = NetworkSpec(arch="small", size=16, weights="random", dropout=0.0)
QUICK: dict[str, Any] = {"epochs": 3, "patience": 0, "select": "best", "batch_size": 8, "learning_rate": 0.05}
QUICK |= {"optimiser": "sgd", "bn": "frozen", "schedule": "constant"}


def _part(n: int, *, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    images = rng.integers(40, 160, (n, 16, 16, 3)) + 80 * targets[:, None, None, None]
    mask = np.ones((16, 16), dtype=bool)
    cells = [Cell(f"{seed}-{index}", image.astype(np.uint8), mask) for index, image in enumerate(images)]
    return Part(cells, targets.astype(np.int64), np.linspace(0.2, 2, n, dtype=np.float32))


def _fit(processes: int, *, training: Part | None = None, folder: Path | None = None, **changes: Any) -> TrainedNetwork:
    received = {name: changes.pop(name, None) for name in ("log", "on_epoch")}
    where = Surroundings(seed=0, devices=processes, strategy="ddp_fork", folder=folder, **received)
    settings = TrainingOptions(**{**QUICK, **changes}).settings()
    parts = training or _part(23, seed=1), _part(8, seed=2)
    return fit_network(SPEC, settings, *parts, n_classes=2, surroundings=where)


def _largest_difference(first: TrainedNetwork, second: TrainedNetwork) -> float:
    return max(float(np.abs(first.weights[key] - second.weights[key]).max()) for key in first.weights)


@pytest.mark.parametrize(
    ("processes", "changes"),
    [
        (2, {}),
        (3, {"accumulate": 2, "clip": 0.5, "label_smoothing": 0.1}),
        (2, {"average": "ema[decay=0.5]", "mixup": 0.4}),
        (2, {"stages": "head:2+all:2", "epochs": None, "select": "last", "optimiser": "adamw", "learning_rate": 1e-3}),
        (3, {"batch_size": 2, "balance": "oversample", "epochs": 1}),
    ],
)
def test_several_processes_give_the_weights_of_one(processes: int, changes: dict[str, Any]) -> None:
    if "average" in changes:
        changes = changes | {"average": _ema(0.5)}
    one, several = _fit(1, **changes), _fit(processes, **changes)
    initial = _fit(1, **{**changes, "learning_rate": 1e-12})
    assert _largest_difference(one, several) < 2e-6
    assert _largest_difference(one, initial) > 1e-3, "the training changes the weights"
    assert one.training["chosen_epoch"] == several.training["chosen_epoch"]
    numbers = ["training_loss", "validation_loss", "validation_auroc", "learning_rate"]
    assert np.allclose(one.curves[numbers], several.curves[numbers], rtol=1e-5, atol=0)
    assert (one.training["devices"], several.training["devices"]) == (1, processes)
    assert several.training["peak_memory"] > 0


def _ema(decay: float) -> Any:
    from extractors.networks.training.averages import Ema  # noqa: PLC0415 (a component of the options)

    return Ema(decay=decay)


def test_the_end_by_patience_is_the_same_and_the_rows_are_logged_by_one_process(tmp_path: Path) -> None:
    changes = {"epochs": 30, "patience": 2, "learning_rate": 0.6}
    spec = LoggerSpec(target="pytorch_lightning.loggers:CSVLogger", params={"save_dir": str(tmp_path)})
    one, several = _fit(1, **changes), _fit(2, log=EpochLog(spec.described(fit="outer"), {}), **changes)
    assert len(one.curves) == len(several.curves) < 30
    rows = pd.read_csv(tmp_path / "network" / "outer" / "metrics.csv")
    assert rows["step"].tolist() == several.curves["epoch"].tolist()
    assert rows["training_loss"].tolist() == pytest.approx(several.curves["training_loss"].tolist(), rel=1e-12)


def test_a_training_of_several_processes_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed, save = _fit(2, optimiser="adam", learning_rate=1e-3), Progress.save

    def failing(self: Progress, folder: Path | None) -> None:
        if self.epochs == 2:
            raise OSError("the disk\nis full")
        save(self, folder)

    monkeypatch.setattr(Progress, "save", failing)
    with pytest.raises(OSError, match=r"^the disk is full$"):
        _fit(2, folder=tmp_path, optimiser="adam", learning_rate=1e-3)
    monkeypatch.undo()
    resumed = _fit(2, folder=tmp_path, optimiser="adam", learning_rate=1e-3)
    assert _largest_difference(undisturbed, resumed) == 0
    numbers = undisturbed.curves.drop(columns="seconds")
    pd.testing.assert_frame_equal(numbers, resumed.curves.drop(columns="seconds"))
    first_seconds = torch.load(tmp_path / "progress.pt", weights_only=True)["curves"][0]["seconds"]
    assert resumed.curves["seconds"][0] == first_seconds, "the first epoch was not trained again"


def test_no_temporary_file_and_no_variable_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = dict(os.environ)
    _fit(2, epochs=1)
    with pytest.raises(ValueError, match="the loss became"):
        _fit(2, learning_rate=1000)
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before


def test_scores_are_reported_where_their_receiver_is() -> None:
    reported: list[tuple[int, float]] = []

    def receive(epoch: int, score: float) -> None:
        reported.append((epoch, score))
        if epoch == 2:
            raise EndFit

    stages = {"epochs": None, "stages": "all:2+all:2"}
    with pytest.raises(EndFit):
        _fit(2, on_epoch=receive, **stages)
    losses = _fit(2, **stages).curves["validation_loss"].tolist()
    assert reported == [(epoch, -loss) for epoch, loss in enumerate(losses[:3])]


def test_an_error_of_one_process_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the loss became") as alone:
        _fit(1, learning_rate=1000)
    with pytest.raises(ValueError, match="the loss became") as together:
        _fit(2, learning_rate=1000)
    assert str(together.value) == str(alone.value)
    per_cell = CrossEntropy.per_cell

    def second_fails(self: CrossEntropy, *arguments: Any, **options: Any) -> torch.Tensor:
        return per_cell(self, *arguments, **options) * (math.nan if torch.distributed.get_rank() else 1)

    with monkeypatch.context() as patch:
        patch.setattr(CrossEntropy, "per_cell", second_fails)
        with pytest.raises(
            ValueError, match=r"^the loss became nan in step 1 of epoch 1: the training diverged; lower"
        ):
            _fit(2)

    def no_memory(self: CrossEntropy, *arguments: Any, **options: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(CrossEntropy, "per_cell", no_memory)
        with pytest.raises(ValueError, match=r"^the rows of a batch do not fit into the memory .* accumulate above 3$"):
            _fit(2, accumulate=3)
    part = _part(16, seed=1)
    empty = [*part.cells[:-1], Cell("no cell", part.cells[0].image, np.zeros((16, 16), dtype=bool))]
    messages = []
    for processes in (1, 2):
        with pytest.raises(ValueError, match="no cell") as caught:
            _fit(processes, training=replace(part, cells=empty))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_each_process_has_its_rows_of_a_batch() -> None:
    batch = torch.arange(5.0).reshape(5, 1), torch.arange(5), torch.ones(5)
    assert [share_of(batch, rank, 3)[1].tolist() for rank in range(3)] == [[0, 1], [2, 3], [4]]
    images, targets, weights = share_of(batch, 5, 6)
    assert (images.tolist(), targets.tolist(), weights.tolist()) == ([[0.0]], [0], [0.0])


def test_the_strategies_are_those_that_spawn_processes_with_a_copy_of_the_network() -> None:
    names = StrategyRegistry.available_strategies()
    spawning = [name for name in names if StrategyRegistry[name]["init_params"].get("start_method") == "spawn"]
    assert sorted(spawning) == sorted(STRATEGIES)


def test_the_estimator_passes_the_number_of_gpus_on(monkeypatch: pytest.MonkeyPatch) -> None:
    part = _part(8, seed=1)
    passed: list[Surroundings] = []

    def stop(*_: object, surroundings: Surroundings, **__: object) -> None:
        passed.append(surroundings)
        raise InterruptedError

    monkeypatch.setattr(fitting, "fit_network", stop)
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    model = Cnn(size=16, gpus_per_fit=2, gpu_strategy=STRATEGIES[2], random_state=0)
    with pytest.raises(InterruptedError):
        clone(model).fit(part.cells, part.targets)
    assert (passed[0].devices, passed[0].strategy, passed[0].device) == (2, STRATEGIES[2], "cuda")
    for changes, message in (
        ({"gpus_per_fit": 3}, "3 GPUs per fit are requested, but this machine has 2; use at most that"),
        ({"device": "cpu"}, "2 GPUs per fit are requested, but networks run on the CPU; use 1"),
        ({"gpus_per_fit": 0}, "gpus_per_fit must be at least 1 and a whole number; it is 0"),
        ({"gpu_strategy": "ddp"}, "gpu_strategy=ddp is not known; it is one of ddp_spawn"),
    ):
        with pytest.raises(ValueError, match=message):
            clone(model).set_params(**changes).fit(part.cells, part.targets)
