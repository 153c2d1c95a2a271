"""Test-time augmentation: the mean of the logits of several views of an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import Component, number_field
from extractors.networks.inference.test_time_augmentation import ELEMENTS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Views(Component, ABC):
    """Views of an image whose logits are averaged."""

    @abstractmethod
    def augmented_views(self, images: torch.Tensor, fill: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the views, the images themselves first.

        Parameters
        ----------
        images : Tensor of float32, shape (n, 3, height, width)
            Normalised.
        fill : Tensor of float32, shape (3,)
            Normalised colour of pixels that a view brings in from outside the frame; see `ImageBatches.fill`.

        Yields
        ------
        Tensor of float32, same shape

        Raises
        ------
        ValueError
            The views need square images.
        """


@dataclass(frozen=True)
class NoViews(Views):
    """The image alone."""

    name: ClassVar[str] = "none"

    def augmented_views(self, images: torch.Tensor, fill: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the images."""
        yield images


@dataclass(frozen=True)
class DihedralViews(Views):
    """The 8 flips and quarter turns."""

    name: ClassVar[str] = "dihedral"

    def augmented_views(self, images: torch.Tensor, fill: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the 8 elements of the dihedral group, without interpolation."""
        height, width = images.shape[-2:]
        if height != width:
            raise ValueError(f"tta=dihedral needs square images; these are {height} x {width} px (height x width)")
        for element in range(ELEMENTS):
            yield dihedral(images, element)


@dataclass(frozen=True)
class RotatedViews(Views):
    """Rotations by multiples of 360 / n degrees around the centre, bilinear; quarter turns of squares are exact.

    With n = 8, the prediction of Prellberg & Kramer (2019, https://arxiv.org/abs/1906.09020).

    Parameters
    ----------
    n : int
        Number of rotations.
    """

    name: ClassVar[str] = "rotations"
    n: int = number_field(8, low=1, high=360)

    def augmented_views(self, images: torch.Tensor, fill: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the rotated images, counter-clockwise."""
        from torchvision.transforms.v2 import InterpolationMode, functional  # noqa: PLC0415 - heavy

        colour = fill.to(images.device)[:, None, None]
        for k in range(self.n):
            # Zero is the fill of torchvision that needs no second interpolation.
            turned = functional.rotate(images - colour, 360 * k / self.n, interpolation=InterpolationMode.BILINEAR)
            yield turned + colour if k else images


TTA: dict[str, type[Views]] = {mode.name: mode for mode in (NoViews, DihedralViews, RotatedViews)}
"""Modes of test-time augmentation by name."""


def dihedral(images: torch.Tensor, element: int) -> torch.Tensor:
    """Rotate images (n, channels, side, side) by `element % 4` quarter turns; elements from 4 on flip first."""
    import torch  # noqa: PLC0415 - heavy

    flipped = images.flip(-1) if element >= 4 else images
    return torch.rot90(flipped, element % 4, (-2, -1))


def mean_logits(
    network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, mode: Views, fill: torch.Tensor
) -> torch.Tensor:
    """Average the logits of a network over the views of each image.

    Parameters
    ----------
    network : callable
        Normalised images (n, 3, height, width) to logits (n, n_classes).
    images, fill : Tensor
        As for `Views.augmented_views`.
    mode : Views

    Returns
    -------
    Tensor of float64, shape (n, n_classes)
    """
    import torch  # noqa: PLC0415 - heavy

    return torch.stack([network(view).double() for view in mode.augmented_views(images, fill)]).mean(dim=0)
