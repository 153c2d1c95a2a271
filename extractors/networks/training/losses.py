"""Losses of single cells: cross-entropy and focal loss, with label smoothing and soft targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import Component, number_field

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loss(Component, ABC):
    """Base class: one loss for each cell; weights of classes are weights of cells (`class_balance`)."""

    def per_cell(self, logits: torch.Tensor, targets: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
        """Compute the loss of each cell.

        Parameters
        ----------
        logits : Tensor, shape (n, n_classes)
            Any floating type; computed in at least float32.
        targets : Tensor, int64 of shape (n,) or floating of shape (n, n_classes)
            Class indices, or probabilities of the classes (mixup).
        label_smoothing : float
            Share e of each target that is spread evenly over all classes: (1 - e) t + e / n_classes, 0 <= e < 1
            (Szegedy et al. 2016).

        Returns
        -------
        Tensor of float32, or float64 for such logits, shape (n,)
            In nats, not averaged and not weighted.
        """
        import torch  # noqa: PLC0415 - heavy

        wide = logits if logits.dtype == torch.float64 else logits.float()
        soft = targets if targets.ndim == 2 else torch.nn.functional.one_hot(targets, wide.shape[1])
        smoothed = soft.to(wide.dtype) * (1 - label_smoothing) + label_smoothing / wide.shape[1]
        return self._of_log_probabilities(wide.log_softmax(dim=1), smoothed)

    @abstractmethod
    def _of_log_probabilities(self, log_probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy: the sum of -t log p over the classes."""

    name: ClassVar[str] = "cross_entropy"

    def _of_log_probabilities(self, log_probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return -(targets * log_probabilities).sum(dim=1)


@dataclass(frozen=True)
class Focal(Loss):
    """Focal loss (Lin et al. 2017): the sum of -t (1 - p)^gamma log p over the classes.

    For a class index it is the published -(1 - p_t)^gamma log p_t; gamma 0 is the cross-entropy. The published factor
    alpha by class is a weight of cells.

    Parameters
    ----------
    gamma : float
        Focusing parameter: larger values give less weight to cells that are classified well.
    """

    name: ClassVar[str] = "focal"
    gamma: float = number_field(2.0, low=0.0, high=20.0)

    def _of_log_probabilities(self, log_probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch  # noqa: PLC0415 - heavy

        # 1 - p is computed by expm1, and kept off 0, where the gradient of a power below 1 is infinite.
        misses = (-torch.expm1(log_probabilities)).clamp_min(torch.finfo(log_probabilities.dtype).tiny)
        return -(targets * misses**self.gamma * log_probabilities).sum(dim=1)


LOSSES: Mapping[str, type[Loss]] = {kind.name: kind for kind in (CrossEntropy, Focal)}
"""Losses by name."""
