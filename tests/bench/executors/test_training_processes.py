"""A worker starts the processes of a training on several devices by the strategies of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.executors.executor import Tasks, open_executor

TASK = """
import numpy as np
from extractors.cells import Cell
from extractors.networks.training.fitting import Surroundings, fit_network
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part

def losses(strategy, devices):
    rng, targets, mask = np.random.default_rng(0), np.arange(12) % 2, np.ones((16, 16), bool)
    cells = [Cell(str(n), rng.integers(0, 255, (16, 16, 3), dtype=np.uint8), mask) for n in range(12)]
    part = Part(cells, targets.astype(np.int64), np.ones(12, np.float32))
    settings = TrainingOptions(epochs=2, patience=0, select="last", bn="frozen", average="ema").settings()
    spec = NetworkSpec(arch="small", size=16, weights="random", dropout=0.0)
    where = Surroundings(seed=0, devices=devices, strategy=strategy)
    return fit_network(spec, settings, part, part, n_classes=2, surroundings=where).curves["training_loss"].tolist()
"""


@pytest.mark.study
def test_a_worker_starts_them_and_they_give_the_losses_of_one(install: Callable[[str, str, str], None]) -> None:
    install("their_fits", TASK, "")
    import their_fits  # type: ignore[import-not-found]  # noqa: PLC0415 (installed by the test)

    futures: list[Any] = []
    with open_executor(1, 1, isolated=True) as executor:
        tasks = Tasks(executor)
        for strategy, number in (("auto", 1), ("ddp_spawn", 2), ("ddp_spawn_find_unused_parameters_true", 2)):
            tasks.submit(futures.append, their_fits.losses, strategy, number)
        while tasks:
            tasks.wait(1)
    one, *several = (future.result() for future in futures)
    assert all(losses == pytest.approx(one, rel=1e-5) for losses in several)
