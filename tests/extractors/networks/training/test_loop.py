from __future__ import annotations

import dataclasses
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from extractors.networks.architectures.small_cnn import small_network
from extractors.networks.training.loop import LabelledPixels, Schedule, scaled, standardise, train

SCHEDULE = Schedule(epochs=3, patience=3, learning_rate=3e-3, weight_decay=1e-4, batch_size=8, augment=True, jitter=0.1)
STATISTICS = (np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32))


def brightness_task(n: int, *, seed: int, noise: bool = False) -> LabelledPixels:
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    levels = np.zeros(n, int) if noise else targets
    pixels = rng.integers(40, 160, (n, 16, 16, 3)) + 80 * levels[:, None, None, None]
    return LabelledPixels(pixels.astype(np.uint8), targets.astype(np.int64), np.ones(n, np.float32))


def network(seed: int = 0) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return small_network(2, width=4, dropout=0.1)


def weighted_loss(net: torch.nn.Module, cells: LabelledPixels) -> float:
    with torch.inference_mode():
        logits = net(standardise(scaled(torch.from_numpy(cells.pixels)), STATISTICS)).double().numpy()
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(np.average(-log_p[np.arange(len(logits)), cells.targets], weights=cells.weights))


def test_the_weights_of_the_best_epoch_are_restored() -> None:
    validation = brightness_task(15, seed=2)
    validation = dataclasses.replace(validation, weights=np.linspace(0.1, 2, 15, dtype=np.float32))
    net = network()
    history = train(net, brightness_task(40, seed=1), validation, schedule=SCHEDULE, statistics=STATISTICS, seed=0)
    assert history.best_epoch == int(np.argmin(history.validation))
    assert not net.training
    assert math.isclose(weighted_loss(net, validation), min(history.validation), rel_tol=1e-5)


def test_training_stops_after_patience_epochs() -> None:
    schedule = dataclasses.replace(SCHEDULE, epochs=40, patience=2, learning_rate=0.03)
    history = train(
        network(),
        brightness_task(24, seed=1, noise=True),
        brightness_task(24, seed=2, noise=True),
        schedule=schedule,
        statistics=STATISTICS,
        seed=0,
    )
    assert len(history.validation) == history.best_epoch + 1 + schedule.patience < schedule.epochs


def test_training_is_reproducible_and_restores_the_global_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    states = []
    for seed in (3, 3, 4):
        net = network()
        train(
            net,
            brightness_task(24, seed=1),
            brightness_task(8, seed=2),
            schedule=SCHEDULE,
            statistics=STATISTICS,
            seed=seed,
        )
        states.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cell_of_weight_zero_has_no_effect() -> None:
    cells = brightness_task(24, seed=1)
    weights = np.where(np.arange(24) < 12, 1, 0).astype(np.float32)
    swapped = np.where(weights > 0, cells.targets, 1 - cells.targets)
    losses = [
        train(
            network(),
            dataclasses.replace(cells, weights=weights, targets=targets),
            brightness_task(8, seed=2),
            schedule=dataclasses.replace(SCHEDULE, epochs=1, batch_size=24),
            statistics=STATISTICS,
            seed=0,
        ).training
        for targets in (cells.targets, swapped)
    ]
    assert losses[0] == losses[1]


def test_nothing_is_printed_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("lightning.pytorch").level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(
            network(),
            brightness_task(16, seed=1),
            brightness_task(8, seed=2),
            schedule=SCHEDULE,
            statistics=STATISTICS,
            seed=0,
        )
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger("lightning.pytorch").level == level


def test_a_diverging_loss_raises() -> None:
    schedule = dataclasses.replace(SCHEDULE, learning_rate=1e30)
    with pytest.raises(ValueError, match="lower learning_rate"):
        train(
            network(),
            brightness_task(24, seed=1),
            brightness_task(8, seed=2),
            schedule=schedule,
            statistics=STATISTICS,
            seed=0,
        )
