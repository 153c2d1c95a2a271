"""Augmentation of training images by a sequence of random transforms, with a curriculum of their strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractors.networks.training.augmentation.affine import Affine
from extractors.networks.training.augmentation.blur import Blur
from extractors.networks.training.augmentation.colour import Colour
from extractors.networks.training.augmentation.crop import RandomCrop
from extractors.networks.training.augmentation.flips import Flips
from extractors.networks.training.augmentation.noise import Noise
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform
from extractors.networks.training.augmentation.rotate import Rotate
from extractors.networks.training.augmentation.stain import Stain
from extractors.networks.training.augmentation.turns import Turns
from extractors.networks.training.normalisation import to_unit_scale

if TYPE_CHECKING:
    import torch

AUGMENTATIONS: dict[str, type[RandomTransform]] = {
    transform.name: transform for transform in (Flips, Turns, Rotate, Affine, RandomCrop, Colour, Stain, Blur, Noise)
}
"""Augmentations by name."""


@dataclass(frozen=True)
class Augmentation:
    """Sequence of random transforms.

    Parameters
    ----------
    components : tuple of RandomTransform
        Applied in this order.
    curriculum : int
        Number of epochs over which the strength grows to 1, >= 0; with 0 it is 1 from the start.
    """

    components: tuple[RandomTransform, ...] = ()
    curriculum: int = 0

    @property
    def needs_masks(self) -> bool:
        """Whether a transform depends on masks."""
        return any(component.needs_masks for component in self.components)

    def strength(self, epoch: int) -> float:
        """Strength in an epoch, from 0 on: min(1, (epoch + 1) / curriculum)."""
        return min(1.0, (epoch + 1) / self.curriculum) if self.curriculum else 1.0

    def __call__(
        self,
        images: torch.Tensor,
        masks: torch.Tensor | None,
        generator: torch.Generator,
        *,
        strength: float = 1.0,
        fill: tuple[int, int, int] = (0, 0, 0),
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Augment each image by its own draws.

        Parameters
        ----------
        images : Tensor of uint8, shape (n, height, width, 3)
            RGB.
        masks : Tensor of bool, shape (n, height, width), or None
            True on the cell. They move with the images, interpolated and thresholded at one half. Without masks, the
            cell is all but exact black.
        generator : torch.Generator
            Source of all draws.
        strength : float
            Factor of the magnitudes, 0 to 1.
        fill : tuple of int
            Colour of pixels that a move brings in from outside the frame, 0 to 255.

        Returns
        -------
        images : Tensor of float32, shape (n, 3, height, width)
            On the scale 0 to 1; `stain` may exceed 1.
        masks : Tensor of bool, shape (n, height, width), or None

        Raises
        ------
        ValueError
            `turns` with images that are not square.
        """
        red, green, blue = (level / 255 for level in fill)
        moved = None if masks is None else masks.clone()
        pictures = Pictures(to_unit_scale(images), moved, (red, green, blue))
        for component in self.components:
            component(pictures, generator, strength=strength)
        return pictures.images, pictures.masks
