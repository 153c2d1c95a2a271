"""From uint8 images to the normalised input of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractors.networks.training.channel_statistics import Statistics

if TYPE_CHECKING:
    import torch


def to_unit_scale(images: torch.Tensor) -> torch.Tensor:
    """Convert uint8 images (n, height, width, 3) to float32 (n, 3, height, width), contiguous, on the scale 0 to 1."""
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255.0)


def normalise(images: torch.Tensor, statistics: Statistics) -> torch.Tensor:
    """Compute (images - mean) / standard deviation.

    Parameters
    ----------
    images : Tensor of float32, shape (n, 3, height, width)
        On the scale 0 to 1.
    statistics : Statistics

    Returns
    -------
    Tensor of float32, same shape
    """
    import torch  # noqa: PLC0415 - heavy

    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in statistics)
    return (images - mean).div_(std)
