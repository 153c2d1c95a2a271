"""Changes that leave a cell's diagnosis alone: flips and quarter turns, and another lamp or stain."""

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


def light_and_stain(images: torch.Tensor, spread: float, generator: torch.Generator) -> torch.Tensor:
    """Each image under a lamp and with a stain of its own: multiplied by one gain, and by one more for each channel.

    A patient's cells share their slide, so light and stain are what a network recognises patients by; varying them
    takes that away.

    Parameters
    ----------
    images : Tensor of float32, shape (n, side, side, channels)
        On the scale 0 to 1.
    spread : float
        Standard deviation of the logarithm of every gain; 0 changes nothing.
    generator : torch.Generator
        Source of the gains.

    Returns
    -------
    Tensor
        Same shape; not clipped at 1.
    """
    import torch  # noqa: PLC0415 - heavy

    n, channels = images.shape[0], images.shape[3]
    lamp = torch.randn(n, 1, 1, 1, generator=generator)
    stain = torch.randn(n, 1, 1, channels, generator=generator)
    return images * torch.exp(spread * (lamp + stain))
