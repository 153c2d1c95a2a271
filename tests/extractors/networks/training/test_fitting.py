"""Training of a network: choice of the epoch, reproducibility, stages, resuming."""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extractors.cells import Cell
from extractors.networks.training import training_module
from extractors.networks.training.fitting import Surroundings, fit_network
from extractors.networks.training.losses import CrossEntropy
from extractors.networks.training.network import build_network
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part
from extractors.networks.training.settings import Settings
from extractors.networks.training.test_time import TTA
from extractors.networks.training.trainable_module import TrainableModule
from extractors.networks.training.trained_network import TrainedNetwork
from extractors.networks.training.training_module import CHECKED_TOGETHER, TrainingModule

SPEC = NetworkSpec(arch="small", size=16, weights="random")
QUICK: dict[str, Any] = {"epochs": 3, "patience": 0, "select": "best", "batch_size": 8, "learning_rate": 3e-3}


def brightness_cells(n: int, *, seed: int, noise: bool = False) -> Part:
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    levels = np.zeros(n, int) if noise else targets
    images = rng.integers(40, 160, (n, 16, 16, 3)) + 80 * levels[:, None, None, None]
    mask = np.ones((16, 16), dtype=bool)
    cells = [Cell(f"{seed}-{index}", image.astype(np.uint8), mask) for index, image in enumerate(images)]
    return Part(cells, targets.astype(np.int64), np.ones(n, np.float32))


def settings(**changes: Any) -> Settings:
    return TrainingOptions(**{**QUICK, **changes}).settings()


def fit(
    training: Part | None = None,
    validation: Part | None = None,
    *,
    spec: NetworkSpec = SPEC,
    seed: int = 0,
    folder: Path | None = None,
    device: str = "cpu",
    **changes: Any,
) -> TrainedNetwork:
    return fit_network(
        spec,
        settings(**changes),
        training or brightness_cells(24, seed=1),
        validation or brightness_cells(8, seed=2),
        n_classes=2,
        surroundings=Surroundings(seed=seed, folder=folder, device=device),
    )


def weighted_loss(fitted: TrainedNetwork, part: Part) -> float:
    logits = fitted.logits(part.cells, TTA["none"](), threads=1).astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(np.average(-log_p[np.arange(len(logits)), part.targets], weights=part.weights))


def without_times(fitted: TrainedNetwork) -> tuple[str, dict[str, Any]]:
    measured = ("seconds", "seconds_waited", "peak_memory")
    training = {key: value for key, value in fitted.training.items() if key not in measured}
    return fitted.curves.drop(columns="seconds").to_json(double_precision=15), training


def same_weights(first: TrainedNetwork, second: TrainedNetwork) -> bool:
    return all(np.array_equal(first.weights[key], second.weights[key]) for key in first.weights)


def test_the_weights_of_the_best_epoch_are_used() -> None:
    validation = replace(brightness_cells(15, seed=2), weights=np.linspace(0.1, 2, 15, dtype=np.float32))
    fitted = fit(brightness_cells(40, seed=1), validation)
    losses = fitted.curves["validation_loss"].to_numpy()
    assert fitted.training["chosen_epoch"] == int(np.argmin(losses))
    assert math.isclose(weighted_loss(fitted, validation), losses.min(), rel_tol=1e-5)


def test_the_last_epoch_needs_no_held_out_patients() -> None:
    part = brightness_cells(24, seed=1)
    fitted = fit_network(SPEC, settings(select="last"), part, None, n_classes=2, surroundings=Surroundings(seed=0))
    assert fitted.training["chosen_epoch"] == 2
    assert fitted.curves["validation_loss"].isna().all()
    assert weighted_loss(fitted, part) < math.log(2)


def test_training_stops_after_patience_epochs() -> None:
    parts = [brightness_cells(24, seed=seed, noise=True) for seed in (1, 2)]
    fitted = fit(*parts, epochs=40, patience=2, learning_rate=0.03)
    assert len(fitted.curves) == fitted.training["chosen_epoch"] + 3 < 40


def test_training_is_reproducible_and_restores_the_global_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (fit(seed=seed) for seed in (3, 3, 4))
    assert same_weights(first, second)
    assert without_times(first) == without_times(second)
    assert not same_weights(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_few_cells_are_learned_by_heart() -> None:
    rng = np.random.default_rng(0)
    cells = [
        Cell(f"{i}", rng.integers(0, 255, (16, 16, 3)).astype(np.uint8), np.ones((16, 16), dtype=bool))
        for i in range(32)
    ]
    part = Part(cells, (np.arange(32) % 2).astype(np.int64), np.ones(32, np.float32))
    fitted = fit(part, part, epochs=40, augment="none", learning_rate=1e-2, select="last")
    predicted = fitted.logits(cells, TTA["none"](), threads=1).argmax(axis=1)
    assert (predicted == part.targets).all()


def test_a_cell_of_weight_zero_has_no_effect() -> None:
    part = brightness_cells(24, seed=1)
    weights = np.where(np.arange(24) < 12, 1, 0).astype(np.float32)
    swapped = np.where(weights > 0, part.targets, 1 - part.targets)
    losses = [
        fit(replace(part, weights=weights, targets=targets), epochs=1, batch_size=24).curves["training_loss"][0]
        for targets in (part.targets, swapped)
    ]
    assert losses[0] == losses[1]


def test_parts_of_a_batch_give_the_step_of_the_batch() -> None:
    """Without batch norm and dropout; rounding alone differs."""
    spec = NetworkSpec(arch="unnithan", size=16, weights="random", dropout=0.0)
    whole, parts = (fit(spec=spec, epochs=1, accumulate=parts, augment="none") for parts in (1, 4))
    for key in whole.weights:
        np.testing.assert_allclose(whole.weights[key], parts.weights[key], rtol=1e-3, atol=1e-5)


def test_frozen_layers_and_their_statistics_do_not_change() -> None:
    with_bn, head_only = (
        fit(stages=("head:2",), epochs=None, bn=bn, optimiser="adamw", weight_decay=0.1) for bn in ("train", "frozen")
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        initial = {key: value.numpy() for key, value in build_network(SPEC, 2).module.state_dict().items()}
    changed = {key for key in initial if not np.array_equal(initial[key], head_only.weights[key])}
    assert changed == {key for key in initial if key.startswith("head.")}
    convolutions = {key for key in initial if initial[key].ndim == 4}
    assert all(np.array_equal(initial[key], with_bn.weights[key]) for key in convolutions)
    assert any(not np.array_equal(initial[key], with_bn.weights[key]) for key in initial if "running_mean" in key)


def test_sizes_change_by_stage() -> None:
    fitted = fit(sizes=("16:1", "24:2"), epochs=None)
    assert fitted.curves["size"].tolist() == [16, 24, 24]
    assert fitted.curves["stage"].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stages": ("head:2", "all:3"), "epochs": None, "schedule": "one_cycle", "optimiser": "adam"},
        {"average": "ema", "optimiser": "sgd", "mixup": 0.4},
        {"learning_rate": "find", "average": "swa", "select": "last", "epochs": 4},
    ],
    ids=["plain", "stages", "ema", "find"],
)
def test_a_training_that_is_killed_after_any_epoch_resumes_to_equal_weights(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = fit(**changes)
    epochs = len(undisturbed.curves)
    for stop in range(1, epochs):
        folder = tmp_path / f"{stop}"
        with monkeypatch.context() as patch:
            _raise_after(patch, stop)
            with pytest.raises(KeyboardInterrupt):
                fit(folder=folder, **changes)
        resumed = fit(folder=folder, **changes)
        assert same_weights(undisturbed, resumed)
        assert without_times(undisturbed) == without_times(resumed)


def _raise_after(patch: pytest.MonkeyPatch, epochs: int) -> None:
    """Interrupt the training in the step after some epochs."""
    step = TrainingModule.training_step

    def interrupted(self: Any, batch: Any, index: int) -> None:
        if self.fit.progress.epochs == epochs and index == 1:
            raise KeyboardInterrupt
        step(self, batch, index)

    patch.setattr(TrainingModule, "training_step", interrupted)


def test_the_progress_of_another_training_is_not_used(tmp_path: Path) -> None:
    fit(folder=tmp_path, seed=1)
    assert same_weights(fit(folder=tmp_path, seed=2), fit(seed=2))
    assert same_weights(fit(folder=tmp_path, weight_decay=0.5), fit(weight_decay=0.5))


def test_damaged_progress_is_named(tmp_path: Path) -> None:
    (tmp_path / "progress.pt").write_bytes(b"no archive")
    with pytest.raises(
        ValueError, match=r"progress.pt: damaged \(UnpicklingError\); delete it to train from the start"
    ):
        fit(folder=tmp_path)


def test_nothing_is_printed_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("pytorch_lightning").level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit()
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger("pytorch_lightning").level == level


def test_a_diverging_loss_names_step_and_epoch() -> None:
    with pytest.raises(
        ValueError, match=r"the loss became (nan|inf) in .*epoch 1.*lower learning_rate \(the largest is 1e\+03\)"
    ):
        fit(learning_rate=1e3, optimiser="sgd", epochs=4, augment="none")


@pytest.mark.parametrize(
    ("cells", "diverging", "where", "stopped"),
    [(24, 5, "step 2 of epoch 2", 6), (200, 3, "step 3 of epoch 1", CHECKED_TOGETHER)],
    ids=["end of an epoch", "within an epoch"],
)
def test_the_step_whose_loss_is_not_finite_is_named(
    cells: int, diverging: int, where: str, stopped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 cells are 3 steps an epoch; the losses are read together at its end, or after some steps."""
    steps, finite = 0, CrossEntropy.per_cell

    def per_cell(self: CrossEntropy, *arguments: Any, **options: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return finite(self, *arguments, **options) * (math.inf if steps == diverging else 1.0)

    monkeypatch.setattr(CrossEntropy, "per_cell", per_cell)
    with pytest.raises(ValueError, match=f"the loss became inf in {where}: "):
        fit(brightness_cells(cells, seed=1))
    assert steps == stopped


def test_weights_that_the_last_step_made_infinite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = training_module._copied
    monkeypatch.setattr(
        training_module, "_copied", lambda module: {k: v * torch.inf for k, v in copied(module).items()}
    )
    with pytest.raises(ValueError, match=r"the weights are not finite after epoch 1: .* \(the largest is 0.003\)"):
        fit(epochs=1)


def test_a_time_budget_ends_the_training() -> None:
    fitted = fit(epochs=50, minutes=0.001)
    assert len(fitted.curves) < 50
    assert fitted.training["stopped"] == "minutes=0.001"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
def test_a_network_is_trained_on_a_gpu() -> None:
    validation = brightness_cells(8, seed=2)
    fitted = fit(validation=validation, device="cuda")
    assert math.isclose(weighted_loss(fitted, validation), fitted.curves["validation_loss"].min(), rel_tol=1e-2)


def test_without_memory_for_a_batch_its_parts_give_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that holds at most three images: batches of eight are divided into four parts."""
    spec = NetworkSpec(arch="unnithan", size=16, weights="random", dropout=0.0)
    options: dict[str, Any] = {"spec": spec, "epochs": 2, "augment": "none"}
    enough = fit(**options)
    forward, limit = TrainableModule.forward, 3

    def limited(self: TrainableModule, images: torch.Tensor) -> torch.Tensor:
        if self.training and len(images) > limit:
            raise torch.OutOfMemoryError("no memory")
        return forward(self, images)

    monkeypatch.setattr(TrainableModule, "forward", limited)
    divided = fit(**options)
    assert divided.training["parts"] == 4
    for key in enough.weights:
        np.testing.assert_allclose(enough.weights[key], divided.weights[key], rtol=1e-3, atol=1e-5)
    limit = 1
    with pytest.raises(torch.OutOfMemoryError):
        fit(**options)


def test_crops_change_what_the_network_sees_and_the_chosen_stage_decides() -> None:
    whole_frame = replace(SPEC, view="frame")
    same: dict[str, Any] = {"spec": whole_frame, "epochs": None, "select": "last", "augment": "none"}
    both, whole, cropped = (fit(crops=crops, **same) for crops in (("9:1", "frame:1"), ("frame:2",), ("9:1", "9:1")))
    assert (both.spec.crop, whole.spec.crop, cropped.spec.crop) == (None, None, 9)
    losses = [one.curves["training_loss"].tolist() for one in (both, whole, cropped)]
    assert losses[0][0] == losses[2][0] != losses[1][0]
    assert losses[0][1] != losses[2][1]
    part = brightness_cells(4, seed=3)
    restored = TrainedNetwork.restored(cropped.spec, 2, dict(cropped.weights), mean=cropped.mean, std=cropped.std)
    outputs = [one.logits(part.cells, TTA["none"](), threads=1) for one in (cropped, restored)]
    np.testing.assert_array_equal(*outputs)


def test_a_training_on_crops_that_is_killed_resumes_to_equal_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"spec": replace(SPEC, view="frame"), "crops": ("9:1", "frame:1", "12:1"), "epochs": None}
    undisturbed = fit(**changes)
    for stop in (1, 2):
        with monkeypatch.context() as patch:
            _raise_after(patch, stop)
            with pytest.raises(KeyboardInterrupt):
                fit(folder=tmp_path / f"{stop}", **changes)
        assert without_times(fit(folder=tmp_path / f"{stop}", **changes)) == without_times(undisturbed)


def test_crops_of_a_view_of_the_mask_are_refused() -> None:
    with pytest.raises(ValueError, match="crops are squares of the frame; use view=frame"):
        fit(crops=("20:1",), epochs=None)
