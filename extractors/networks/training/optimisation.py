"""Optimisers with their learning-rate schedules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Optimisation(Protocol):
    """An optimiser and a learning-rate schedule with one step per epoch."""

    @property
    def learning_rate(self) -> float:
        """Initial learning rate."""

    def configure(self, parameters: Iterable[torch.nn.Parameter], epochs: int) -> tuple[Any, Any]:
        """Create the optimiser of `parameters` and its scheduler for at most `epochs` epochs."""


@dataclass(frozen=True, slots=True)
class AdamWCosine:
    """AdamW (Loshchilov & Hutter 2019); the learning rate decreases to 0 over all epochs along a half cosine.

    Parameters
    ----------
    learning_rate, weight_decay : float
        Parameters of AdamW.
    """

    learning_rate: float
    weight_decay: float

    def configure(self, parameters: Iterable[torch.nn.Parameter], epochs: int) -> tuple[Any, Any]:
        """Create the optimiser and its scheduler; see `Optimisation`."""
        import torch  # noqa: PLC0415 - heavy

        optimiser = torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
        return optimiser, torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
