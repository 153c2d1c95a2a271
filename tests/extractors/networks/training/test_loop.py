"""The training loop."""

from __future__ import annotations

import dataclasses
import logging
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extractors.networks.architectures.small_cnn import small_network
from extractors.networks.training.augmentation import CellAugmentation, to_unit_scale
from extractors.networks.training.data import LabelledPixels, normalise
from extractors.networks.training.loop import History, Schedule, train

SCHEDULE = Schedule(epochs=3, patience=3, batch_size=8, learning_rate=3e-3, weight_decay=1e-4)
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


def fit(
    net: torch.nn.Module,
    training: LabelledPixels | None = None,
    validation: LabelledPixels | None = None,
    *,
    schedule: Schedule = SCHEDULE,
    seed: int = 0,
    **options: Any,
) -> History:
    return train(
        net,
        training or brightness_task(24, seed=1),
        validation or brightness_task(8, seed=2),
        statistics=STATISTICS,
        schedule=schedule,
        augmentation=CellAugmentation(flips=True, jitter=0.1),
        seed=seed,
        **options,
    )


def with_rate(learning_rate: float, **changes: Any) -> Schedule:
    return dataclasses.replace(SCHEDULE, learning_rate=learning_rate, **changes)


def weighted_loss(net: torch.nn.Module, cells: LabelledPixels) -> float:
    images = normalise(to_unit_scale(torch.from_numpy(cells.pixels)), STATISTICS)
    with torch.inference_mode():
        logits = net(images).double().numpy()
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(np.average(-log_p[np.arange(len(logits)), cells.targets], weights=cells.weights))


def test_the_weights_of_the_best_epoch_are_restored() -> None:
    validation = brightness_task(15, seed=2)
    validation = dataclasses.replace(validation, weights=np.linspace(0.1, 2, 15, dtype=np.float32))
    net = network()
    history = fit(net, brightness_task(40, seed=1), validation)
    assert history.best_epoch == int(np.argmin(history.validation))
    assert not net.training
    assert math.isclose(weighted_loss(net, validation), min(history.validation), rel_tol=1e-5)


def test_training_stops_after_patience_epochs() -> None:
    schedule = with_rate(0.03, epochs=40, patience=2)
    parts = (brightness_task(24, seed=seed, noise=True) for seed in (1, 2))
    history = fit(network(), *parts, schedule=schedule)
    assert len(history.validation) == history.best_epoch + 1 + schedule.patience < schedule.epochs


def test_training_is_reproducible_and_restores_the_global_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    states = []
    for seed in (3, 3, 4):
        net = network()
        fit(net, seed=seed)
        states.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cell_of_weight_zero_has_no_effect() -> None:
    cells = brightness_task(24, seed=1)
    weights = np.where(np.arange(24) < 12, 1, 0).astype(np.float32)
    swapped = np.where(weights > 0, cells.targets, 1 - cells.targets)
    schedule = dataclasses.replace(SCHEDULE, epochs=1, batch_size=24)
    losses = [
        fit(network(), dataclasses.replace(cells, weights=weights, targets=targets), schedule=schedule).training
        for targets in (cells.targets, swapped)
    ]
    assert losses[0] == losses[1]


def test_nothing_is_printed_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("pytorch_lightning").level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(network(), brightness_task(16, seed=1))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger("pytorch_lightning").level == level


def test_a_diverging_loss_raises() -> None:
    with pytest.raises(ValueError, match="lower learning_rate"):
        fit(network(), schedule=with_rate(1e30))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
def test_a_network_is_trained_on_a_gpu() -> None:
    net = network()
    validation = brightness_task(8, seed=2)
    history = fit(net, validation=validation, device="cuda")
    assert {parameter.device.type for parameter in net.parameters()} == {"cpu"}
    assert math.isclose(weighted_loss(net, validation), min(history.validation), rel_tol=1e-2)
