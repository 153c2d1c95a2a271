"""Mixup: pairs of training images and their targets are mixed (Zhang et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch


class MixedBatch(NamedTuple):
    """A batch of mixed cells.

    Parameters
    ----------
    images : Tensor, shape (n, ...)
        share x image i + (1 - share) x image p(i), with one permutation p.
    targets : Tensor, shape (n, n_classes)
        Probabilities of the classes, mixed in proportion to share x weight i and (1 - share) x weight p(i).
    weights : Tensor, shape (n,)
        share x weight i + (1 - share) x weight p(i). With these targets, the weighted loss of a mixed cell is
        share x (weighted loss for the class of i) + (1 - share) x (weighted loss for the class of p(i)).
    """

    images: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def mixup(
    images: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    *,
    n_classes: int,
    alpha: float,
    rng: np.random.Generator,
) -> MixedBatch:
    """Mix each cell of a batch with another one.

    Parameters
    ----------
    images : Tensor of floats, shape (n, ...)
    targets : Tensor of int64, shape (n,)
        Class indices.
    weights : Tensor of floats, shape (n,)
        Positive weights of the cells in the loss.
    n_classes : int
    alpha : float
        Parameter of the distribution Beta(alpha, alpha) of the share, which is drawn once for the batch; positive.
    rng : numpy.random.Generator
        Draws the share, then the permutation.

    Raises
    ------
    ValueError
        `alpha` is not positive.
    """
    import torch  # noqa: PLC0415 - heavy

    if not alpha > 0:
        raise ValueError(f"mixup needs a positive parameter of its Beta distribution; it is {alpha}")
    share = float(rng.beta(alpha, alpha))
    partners = torch.from_numpy(rng.permutation(len(images))).to(images.device)
    weighted = torch.nn.functional.one_hot(targets, n_classes) * weights[:, None]
    mixed = share * weighted + (1 - share) * weighted[partners]
    total = mixed.sum(dim=1)
    return MixedBatch(share * images + (1 - share) * images[partners], mixed / total[:, None], total)
