"""One stage of a training: what each process that trains it needs.

Imports torch, so this module is imported only where a network is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from extractors.networks.training.epoch_log import EpochLog
from extractors.networks.training.image_batches import ImageBatches
from extractors.networks.training.network import TrainableNetwork
from extractors.networks.training.optimisers import make_optimiser
from extractors.networks.training.progress import Progress
from extractors.networks.training.settings import Settings
from extractors.networks.training.stages import Stage


@dataclass(frozen=True, kw_only=True)
class StageFit:
    """One stage of a training.

    Parameters
    ----------
    network : TrainableNetwork
        With the weights so far.
    n_classes : int
        Length of the logits.
    stage : Stage
        Epochs and trainable layers.
    settings : Settings
        Settings of the training.
    progress : Progress
        Updated and saved after each epoch.
    batches : ImageBatches
        Training images.
    seed : int
        Of dropout and mixup.
    threads : int
        Threads of torch.
    folder : Path or None
        Where the progress is saved.
    log : EpochLog or None
        Where each epoch is logged, after it was saved.
    report : callable or None
        Called with the row of each complete epoch after its progress is saved; may raise. None: not called.
    """

    network: TrainableNetwork
    n_classes: int
    stage: Stage
    settings: Settings
    progress: Progress
    batches: ImageBatches
    seed: int
    threads: int
    folder: Path | None
    log: EpochLog | None
    report: Callable[[Mapping[str, Any]], None] | None


def optimiser_of(network: TrainableNetwork, settings: Settings, rates: Sequence[float]) -> torch.optim.Optimizer:
    """Return the optimiser of a network; without rates, which the finder sets, each group has the rate 1."""
    groups = [[tensor for layer in group for tensor in layer.parameters()] for group in network.groups]
    return make_optimiser(
        settings.optimiser,
        groups,
        list(rates) or [1.0] * len(groups),
        momentum=settings.momentum,
        beta2=settings.beta2,
        weight_decay=settings.weight_decay,
        decay=settings.decay,
        eps=settings.eps,
        decay_norms=settings.decay_norms,
    )
