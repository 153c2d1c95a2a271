"""Random flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Flips(RandomTransform):
    """Flips left to right and top to bottom, independently of each other. They have no strength.

    With `turns`, all eight flips and quarter turns are equally likely.

    Parameters
    ----------
    p : float
        Probability of each of the two flips.
    """

    name: ClassVar[str] = "flips"
    p: float = number_field(0.5, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Flip in place."""
        for axis in (-1, -2):
            rows = chosen(len(pictures.images), self.p, generator)
            pictures.images[rows] = pictures.images[rows].flip(axis)
            if pictures.masks is not None:
                pictures.masks[rows] = pictures.masks[rows].flip(axis)
