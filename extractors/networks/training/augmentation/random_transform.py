"""Base class of the augmentations: a component that changes each image at random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from extractors.component import Component

if TYPE_CHECKING:
    import torch


class Pictures(NamedTuple):
    """Images and masks, which transforms change in place.

    Parameters
    ----------
    images : Tensor of float32, shape (n, 3, height, width)
        RGB on the scale 0 to 1.
    masks : Tensor of bool, shape (n, height, width), or None
        True on the cell.
    fill : tuple of float
        Colour of pixels that a move brings in from outside the frame, RGB on the scale 0 to 1.
    """

    images: torch.Tensor
    masks: torch.Tensor | None
    fill: tuple[float, float, float]

    @property
    def cell(self) -> torch.Tensor:
        """The pixels of the cells, bool, shape (n, 1, height, width): the mask; without masks, all but exact black."""
        return (self.images > 0).any(dim=1, keepdim=True) if self.masks is None else self.masks[:, None]


@dataclass(frozen=True)
class RandomTransform(Component, ABC):
    """Random change of images.

    A subclass has the parameter `p`: the probability that an image is changed.
    """

    needs_masks: ClassVar[bool] = False
    """Whether the transform depends on the masks."""

    @abstractmethod
    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Change the images and masks in place, each image by its own draws.

        Parameters
        ----------
        pictures : Pictures
        generator : torch.Generator
            Source of all draws; their number depends on the number of images alone.
        strength : float
            Factor of the magnitudes, 0 to 1.
        """


def chosen(n: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Choose each of n images with probability `p`: bool, shape (n,)."""
    import torch  # noqa: PLC0415 - heavy

    return torch.rand(n, generator=generator) < p


def uniform(n: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """Draw n numbers between `low` and `high`: float32, shape (n,)."""
    import torch  # noqa: PLC0415 - heavy

    return low + (high - low) * torch.rand(n, generator=generator)
