"""Moves of image and mask together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from extractors.networks.training.augmentation.random_transform import Pictures

if TYPE_CHECKING:
    import torch

Move = Callable[["torch.Tensor", int, list[float] | None], "torch.Tensor"]
"""Moves channels (c, height, width), of the picture of that number, and fills with a value for each; None is zero."""


def move_each(pictures: Pictures, selected: torch.Tensor, move: Move) -> None:
    """Move each selected image, with its mask as a fourth channel, which is thresholded at one half.

    Parameters
    ----------
    pictures : Pictures
    selected : Tensor of bool, shape (n,)
    move : Move
        With bilinear interpolation. Pixels from outside the frame are outside the mask.
    """
    import torch  # noqa: PLC0415 - heavy

    images, masks = pictures.images, pictures.masks
    fill = [*pictures.fill, *([] if masks is None else [0.0])] if any(pictures.fill) else None
    for row in selected.nonzero().flatten().tolist():
        channels = images[row] if masks is None else torch.cat([images[row], masks[row, None].float()])
        moved = move(channels, row, fill)
        images[row] = moved[:3]
        if masks is not None:
            masks[row] = moved[3] > 0.5
