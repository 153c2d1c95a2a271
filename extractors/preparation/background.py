"""Preparation step that fills the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from extractors.component import choice_field
from extractors.preparation.step import Picture, Step, replace_cell_pixels


@dataclass(frozen=True)
class Mask(Step):
    """Fill the background with one colour.

    Parameters
    ----------
    to : {"black", "mean", "leave"}
        Black; the rounded mean colour of the cell; or unchanged, which is equivalent to omitting the step.
    """

    name: ClassVar[str] = "mask"
    to: str = choice_field("black", "mean", "leave")

    @property
    def is_identity(self) -> bool:
        """True for `leave`."""
        return self.to == "leave"

    def _apply(self, picture: Picture) -> Picture:
        if self.is_identity:
            return picture
        colour = np.zeros(3, dtype=np.uint8)
        if self.to == "mean":
            # By channel: a third of the memory, and faster than a mean along one axis.
            means = [picture.image[..., channel][picture.mask].mean(dtype=np.float64) for channel in range(3)]
            colour = np.rint(means).astype(np.uint8)
        return replace_cell_pixels(picture._replace(image=np.full_like(picture.image, colour)), picture.image)
