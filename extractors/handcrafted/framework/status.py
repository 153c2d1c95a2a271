"""Status codes of undefined features."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias


class Status(IntEnum):
    """Status of one feature of one cell; a feature whose status is not `OK` is NaN.

    Attributes
    ----------
    OK
        The feature is defined.
    EMPTY
        The mask has no pixel.
    TOO_SMALL
        The region has too few pixels, or no two pixels at the required distance.
    FLAT
        The values do not vary, so statistics of their variation are undefined.
    NO_NUCLEUS
        No plausible nucleus was segmented inside the cell.
    TOUCHES_BORDER
        The frame of the image truncates the region, so its outline is incomplete.
    """

    OK = 0
    EMPTY = 1
    TOO_SMALL = 2
    FLAT = 3
    NO_NUCLEUS = 4
    TOUCHES_BORDER = 5


FeatureValues: TypeAlias = dict[str, float | Status]
"""Value of each feature by name, or the reason why it is undefined."""
