"""Averages of the weights over steps or epochs: exponential moving average and stochastic weight averaging."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import Component, number_field

if TYPE_CHECKING:
    import torch
    from torch.optim.swa_utils import AveragedModel


@dataclass(frozen=True)
class Average(Component, ABC):
    """Base class: when the average takes in the weights, and what becomes of batch-norm statistics.

    Attributes
    ----------
    recompute_batch_norms : bool
        Whether the averaged network needs `recompute_batch_norms` before it is evaluated. Not if batch norms are
        frozen.
    needs_last_epochs : bool
        Whether the average is of the last epochs of a training, so that it can neither stop early nor choose an epoch.
    """

    recompute_batch_norms: ClassVar[bool] = False
    needs_last_epochs: ClassVar[bool] = False

    @abstractmethod
    def start(self, network: torch.nn.Module) -> AveragedModel | None:
        """Return an average without weights so far; None: there is none.

        The average has a copy of the network as `module`. `update_parameters(network)` takes in the weights; the first
        time it copies them. Its `state_dict` restores it.
        """

    def updates_after_step(self) -> bool:
        """Whether the average takes in the weights after each step."""
        return False

    def updates_after_epoch(self, epoch: int, epochs: int) -> bool:
        """Whether the average takes in the weights after this epoch, with the index `epoch` of `epochs`."""
        return False


@dataclass(frozen=True)
class NoAverage(Average):
    """The weights of the last step."""

    name: ClassVar[str] = "none"

    def start(self, network: torch.nn.Module) -> AveragedModel | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Ema(Average):
    """Exponential moving average of the weights after each step (Polyak & Juditsky 1992).

    After update t = 0, 1, ..., the average is d average + (1 - d) weights with d = min(decay, (1 + t) / (10 + t)) for
    t > 0, so that the initial weights do not dominate a short training (rule of TensorFlow's
    `ExponentialMovingAverage` with `num_updates`); update 0 copies. Batch-norm statistics are averaged in the same way.
    Buffers of integers are copied.

    Parameters
    ----------
    decay : float
        Largest weight of the previous average.
    """

    name: ClassVar[str] = "ema"
    decay: float = number_field(0.999, low=0.0, high=0.999999)

    def start(self, network: torch.nn.Module) -> AveragedModel | None:
        """Return an average without weights so far."""
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: PLC0415 - heavy

        def update(
            averages: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], updates: torch.Tensor | int
        ) -> None:
            decay = min(self.decay, (1 + int(updates)) / (10 + int(updates)))
            if averages[0].is_floating_point():
                average_floats = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # of torch
                average_floats(tuple(averages), tuple(weights), updates)
                return
            # torch would round a mean of integers towards zero, which changes even constant buffers.
            for average, weight in zip(averages, weights, strict=True):
                average.copy_(weight)

        return AveragedModel(network, multi_avg_fn=update, use_buffers=True)

    def updates_after_step(self) -> bool:
        """True."""
        return True


@dataclass(frozen=True)
class Swa(Average):
    """Stochastic weight averaging: the mean of the weights at the end of the last epochs (Izmailov et al. 2018).

    Batch-norm statistics are recomputed with the averaged weights by a pass over the training part.

    Parameters
    ----------
    epochs : int
        Number of epochs that are averaged; all epochs if there are fewer.
    """

    name: ClassVar[str] = "swa"
    recompute_batch_norms: ClassVar[bool] = True
    needs_last_epochs: ClassVar[bool] = True
    epochs: int = number_field(5, low=1, high=100_000)

    def start(self, network: torch.nn.Module) -> AveragedModel | None:
        """Return an average without weights so far."""
        from torch.optim.swa_utils import AveragedModel  # noqa: PLC0415 - heavy

        return AveragedModel(network)

    def updates_after_epoch(self, epoch: int, epochs: int) -> bool:
        """Whether the epoch is one of the last `self.epochs`."""
        return epoch >= epochs - self.epochs


AVERAGES: Mapping[str, type[Average]] = {kind.name: kind for kind in (NoAverage, Ema, Swa)}
"""Averages by name."""


def recompute_batch_norms(network: torch.nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replace all batch-norm statistics by the means over batches; do nothing without batch norms.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place; its training mode is restored.
    batches : iterable of Tensor
        Inputs of the network, of training cells only, on its device.
    """
    from torch.optim.swa_utils import update_bn  # noqa: PLC0415 - heavy

    update_bn(batches, network)
