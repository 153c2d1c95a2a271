"""The one training loop: Lightning, early stopping on held-out patients, the best epoch kept in memory."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from extractors.networks.training.augmentation import flips_and_turns, light_and_stain
from extractors.networks.training.data import Statistics

if TYPE_CHECKING:
    import torch

Batch = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


@dataclass(frozen=True, slots=True)
class LabelledPixels:
    """Cells with what is asked of the network.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, side, side, 3)
    targets : ndarray of int64, shape (n,)
        Class codes from 0.
    weights : ndarray of float32, shape (n,)
        Weight of each cell in the loss, >= 0, with a positive sum.
    """

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a network is trained.

    Parameters
    ----------
    epochs : int
        At most so many passes over the training cells.
    patience : int
        Stop after so many epochs without a lower validation loss.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov & Hutter 2019); the learning rate falls to 0 over `epochs` along a half cosine.
    batch_size : int
        Cells a step.
    augment : bool
        Show each cell turned by a random flip and quarter turn.
    jitter : float
        Standard deviation of the logarithm of the random gains of light and stain; 0: none.
    """

    epochs: int
    patience: int
    learning_rate: float
    weight_decay: float
    batch_size: int
    augment: bool
    jitter: float


@dataclass(slots=True)
class History:
    """What happened, epoch by epoch.

    Parameters
    ----------
    training, validation : list of float
        Weighted mean cross-entropy in nats; the training one is taken while the weights move, with dropout on.
    best_epoch : int
        Index of the epoch with the lowest validation loss, the one whose weights are kept.
    """

    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = -1


def train(
    network: torch.nn.Module,
    training: LabelledPixels,
    validation: LabelledPixels,
    *,
    schedule: Schedule,
    statistics: Statistics,
    seed: int,
) -> History:
    """Train `network` in place and leave it with the weights of its best epoch, in evaluation mode, on the CPU.

    The same seed, arguments and number of torch threads give the same weights, bit for bit.

    Parameters
    ----------
    network : torch.nn.Module
        Float32 (n, 3, side, side) to logits (n, classes).
    training, validation : LabelledPixels
        Their cells must come from different patients; this is the caller's to see to.
    schedule : Schedule
    statistics : (mean, std), ndarrays of float32, shape (3,)
        Channel statistics that pixels on the scale 0 to 1 are standardised with.
    seed : int
        Of order, augmentation and dropout.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        The loss is no longer a finite number.
    """
    import torch  # noqa: PLC0415 - heavy
    from lightning.pytorch import Trainer  # noqa: PLC0415 - heavy
    from lightning.pytorch.callbacks import EarlyStopping  # noqa: PLC0415 - heavy
    from lightning.pytorch.plugins.environments import LightningEnvironment  # noqa: PLC0415 - heavy

    history = History()
    lesson = _lesson(network, schedule, history)
    batches = _Batches(training, statistics, schedule, seed)
    checks = _Batches(validation, statistics, schedule, None)
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=schedule.epochs,
            callbacks=[EarlyStopping("validation", patience=schedule.patience)],
            plugins=[LightningEnvironment()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(lesson, batches, checks)
    network.load_state_dict(lesson.best)
    network.eval()
    return history


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Uint8 as float32 on the scale 0 to 1."""
    return pixels.float() / 255.0


def standardise(images: torch.Tensor, statistics: Statistics) -> torch.Tensor:
    """(n, side, side, 3) on the scale 0 to 1 as (n, 3, side, side), channels last in memory: (images - mean) / std."""
    import torch  # noqa: PLC0415 - heavy

    mean, std = (torch.from_numpy(part) for part in statistics)
    return ((images - mean) / std).permute(0, 3, 1, 2)


class _Batches:
    """Mini-batches from memory: shuffled and changed where there is a seed, in order where there is none."""

    def __init__(self, cells: LabelledPixels, statistics: Statistics, schedule: Schedule, seed: int | None) -> None:
        import torch  # noqa: PLC0415 - heavy

        self._pixels = torch.from_numpy(cells.pixels)
        self._targets = torch.from_numpy(cells.targets)
        self._weights = torch.from_numpy(cells.weights)
        self._statistics = statistics
        self._batch_size = schedule.batch_size
        self._augment, self._jitter = schedule.augment, schedule.jitter
        self._generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(len(self._targets) / self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        import torch  # noqa: PLC0415 - heavy

        n = len(self._targets)
        generator = self._generator
        order = torch.arange(n) if generator is None else torch.randperm(n, generator=generator)
        # Parts of equal size, so that no step sees a lone cell, of which batch norm has no variance.
        for rows in torch.tensor_split(order, len(self)):
            images = self._images(self._pixels[rows])
            yield standardise(images, self._statistics), self._targets[rows], self._weights[rows]

    def _images(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._generator is None:
            return scaled(pixels)
        turned = flips_and_turns(pixels, self._generator) if self._augment else pixels
        return light_and_stain(scaled(turned), self._jitter, self._generator)


def _lesson(network: torch.nn.Module, schedule: Schedule, history: History) -> Any:
    """The LightningModule around `network`; made in a function because importing Lightning takes seconds."""
    import torch  # noqa: PLC0415 - heavy
    from lightning.pytorch import LightningModule  # noqa: PLC0415 - heavy

    class Lesson(LightningModule):  # type: ignore[misc]  # Lightning is not followed by mypy
        def __init__(self) -> None:
            super().__init__()
            self.network = network.to(memory_format=torch.channels_last)
            self.best: dict[str, torch.Tensor] = {}
            self.total = torch.zeros(2, dtype=torch.float64)

        def _weighted_loss(self, batch: Batch) -> torch.Tensor:
            images, targets, weights = batch
            losses = torch.nn.functional.cross_entropy(self.network(images), targets, reduction="none")
            self.total += torch.stack([(losses.detach() * weights).sum(), weights.sum()])
            return (losses * weights).sum() / weights.sum()

        def on_train_epoch_start(self) -> None:
            self.total.zero_()

        def training_step(self, batch: Batch, _: int) -> torch.Tensor:
            loss = self._weighted_loss(batch)
            _check_finite(loss.item(), schedule.learning_rate)
            return loss

        def on_validation_epoch_start(self) -> None:
            history.training.append(float(self.total[0] / self.total[1]))
            self.total.zero_()

        def validation_step(self, batch: Batch, _: int) -> None:
            self._weighted_loss(batch)

        def on_validation_epoch_end(self) -> None:
            loss = float(self.total[0] / self.total[1])
            _check_finite(loss, schedule.learning_rate)
            if not history.validation or loss < min(history.validation):
                history.best_epoch = len(history.validation)
                self.best = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
            history.validation.append(loss)
            self.log("validation", loss)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(
                self.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
            )
            return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule.epochs)]

    return Lesson()


def _check_finite(loss: float, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss of the network became {loss}: its weights diverged; lower learning_rate (it is {learning_rate})"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's remarks about its own set-up; what matters is raised."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
