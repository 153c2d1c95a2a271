"""The eight positions of a square: quarter turns and mirror images of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from extractors.component import number_field
from extractors.preparation.step import Picture, Step

POSITIONS = 8
"""Number of positions; 0 is that of the file."""


@dataclass(frozen=True)
class Position(Step):
    """Turn image and masks by quarter turns, and mirror them.

    Parameters
    ----------
    number : int
        0 to 7: the number of counter-clockwise quarter turns, plus 4 if the picture is mirrored left to right first.
    """

    name: ClassVar[str] = "position"
    number: int = number_field(0, low=0, high=POSITIONS - 1)

    def _apply(self, picture: Picture) -> Picture:
        turns, mirrored = self.number % 4, self.number >= 4
        return picture.mapped(lambda part: np.ascontiguousarray(np.rot90(part[:, ::-1] if mirrored else part, turns)))
