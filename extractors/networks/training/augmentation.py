"""Random augmentation of training images: flips, quarter turns, brightness and stain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class CellAugmentation:
    """Augmentation that preserves the diagnosis of a cell.

    Parameters
    ----------
    flips : bool
        Apply a random element of the dihedral group to each image.
    jitter : float
        Standard deviation of the logarithm of the random gains; see `random_gains`.
    """

    flips: bool
    jitter: float

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Augment uint8 images (n, side, side, 3) to float32 images of the same shape on the scale 0 to 1."""
        flipped = random_dihedral(images, generator) if self.flips else images
        return random_gains(to_unit_scale(flipped), self.jitter, generator)


def to_unit_scale(images: torch.Tensor) -> torch.Tensor:
    """Convert uint8 to float32 on the scale 0 to 1."""
    return images.float() / 255.0


def random_dihedral(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Apply a random element of the dihedral group of the square to each image.

    Parameters
    ----------
    images : Tensor, shape (n, side, side, channels)
        Any type; pixels are moved without interpolation.
    generator : torch.Generator
        Source of the choices; all eight elements are equally likely.

    Returns
    -------
    Tensor
        Same shape and type; the input is unchanged.
    """
    import torch  # noqa: PLC0415 - heavy

    choices = torch.randint(8, (images.shape[0],), generator=generator)
    transformed = torch.empty_like(images)
    for choice in range(8):
        rows = torch.nonzero(choices == choice).flatten()
        transformed[rows] = dihedral(images[rows], choice)
    return transformed


def dihedral(images: torch.Tensor, element: int) -> torch.Tensor:
    """Rotate images, shape (n, side, side, channels), by `element % 4` quarter turns; elements from 4 on flip first."""
    import torch  # noqa: PLC0415 - heavy

    flipped = torch.flip(images, dims=(2,)) if element >= 4 else images
    return torch.rot90(flipped, element % 4, dims=(1, 2))


def random_gains(images: torch.Tensor, spread: float, generator: torch.Generator) -> torch.Tensor:
    """Multiply each image by a random gain (brightness) and each of its channels by another (stain).

    The cells of a patient share a slide, so a network can recognise patients by brightness and stain; random gains
    remove this cue.

    Parameters
    ----------
    images : Tensor of float32, shape (n, side, side, channels)
        On the scale 0 to 1.
    spread : float
        Standard deviation of the logarithm of every gain; 0 leaves the images unchanged.
    generator : torch.Generator
        Source of the gains.

    Returns
    -------
    Tensor
        Same shape; not clipped at 1.
    """
    import torch  # noqa: PLC0415 - heavy

    n, channels = images.shape[0], images.shape[3]
    brightness = torch.randn(n, 1, 1, 1, generator=generator)
    stain = torch.randn(n, 1, 1, channels, generator=generator)
    return images * torch.exp(spread * (brightness + stain))
