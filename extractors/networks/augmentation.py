"""The eight flips and quarter turns of a square cell: it has no up and no left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def flips_and_turns(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image turned by its own random element of the dihedral group of the square.

    Parameters
    ----------
    images : Tensor, shape (n, side, side, channels)
        Any type; the pixels are moved, never interpolated.
    generator : torch.Generator
        Source of the choices; all eight are equally likely.

    Returns
    -------
    Tensor
        Same shape and type; the input is left as it is.
    """
    import torch  # noqa: PLC0415 - heavy

    choices = torch.randint(8, (images.shape[0],), generator=generator)
    turned = torch.empty_like(images)
    for choice in range(8):
        rows = torch.nonzero(choices == choice).flatten()
        turned[rows] = dihedral(images[rows], choice)
    return turned


def dihedral(images: torch.Tensor, element: int) -> torch.Tensor:
    """Images, shape (n, side, side, channels), turned by `element % 4` quarter turns, mirrored first from 4 on."""
    import torch  # noqa: PLC0415 - heavy

    mirrored = torch.flip(images, dims=(2,)) if element >= 4 else images
    return torch.rot90(mirrored, element % 4, dims=(1, 2))
