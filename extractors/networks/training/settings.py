"""Settings of a training: the options of a network with every preset filled in and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.averages import Average
from extractors.networks.training.losses import Loss
from extractors.networks.training.schedules import Schedule
from extractors.networks.training.stages import Stage


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Values of all parameters of a training; see `extractors.networks.training.options.TrainingOptions`."""

    stages: tuple[Stage, ...]
    minutes: float | None
    bn: str
    scale: str
    batch_size: int
    accumulate: int
    optimiser: str
    momentum: float
    beta2: float
    learning_rate: Any
    eps: float
    weight_decay: float
    decay: str
    decay_norms: bool
    schedule: Schedule
    loss: Loss
    label_smoothing: float
    balance: str
    mixup: float
    clip: float
    average: Average
    precision: str
    augmentation: Augmentation | None
    patience: int
    select: str
    monitor: str

    @property
    def holds_out(self) -> bool:
        """Whether the training needs a validation part."""
        return self.patience > 0 or self.select == "best"

    def score(self, epoch: Mapping[str, Any]) -> float:
        """Return the validation score of a row of the table of epochs, by `monitor`; higher is better."""
        return float(-epoch["validation_loss"] if self.monitor == "loss" else epoch["validation_auroc"])
