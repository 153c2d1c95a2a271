"""Why a feature does not exist for a cell."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeAlias


class Status(IntEnum):
    """What stands behind one feature of one cell; every feature whose status is not `OK` is NaN.

    Attributes
    ----------
    OK
        The feature exists.
    EMPTY
        The mask has no pixel.
    TOO_SMALL
        The region has too few pixels, or no two of them at the distance that is asked for.
    FLAT
        The values do not vary, so that what is asked of their variation is undefined.
    NO_NUCLEUS
        No plausible nucleus was found inside the cell.
    TOUCHES_BORDER
        The image's frame cuts the region, so that its outline is not the region's own.
    """

    OK = 0
    EMPTY = 1
    TOO_SMALL = 2
    FLAT = 3
    NO_NUCLEUS = 4
    TOUCHES_BORDER = 5


Measured: TypeAlias = "dict[str, float | Status]"
"""Feature name to its value, or to the reason why there is none."""


def missing(names: Iterable[str], status: Status) -> Measured:
    """The same reason for every name."""
    return dict.fromkeys(names, status)
