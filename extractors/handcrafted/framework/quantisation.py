"""Cutting the values inside a region into grey levels 1 to L; the background is 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

MAX_LEVELS = 1024
"""Most grey levels that fixed bins may make of one region; matrices grow with the square."""


@dataclass(frozen=True)
class Binning:
    """How grey levels are cut: a fixed number of bins, or bins of a fixed width.

    Parameters
    ----------
    levels : int
        Number of equal bins between the smallest and the largest value in the region (IBSI: fixed bin number), so
        that brightness and contrast of the whole region do not matter.
    width : float or None
        Width of the bins in the channel's unit, with edges at its multiples (IBSI: fixed bin size), so that a level
        means the same in every cell. It goes before `levels`.
    """

    levels: int = 32
    width: float | None = None


@dataclass(frozen=True)
class Quantised:
    """Grey levels of a region.

    Parameters
    ----------
    levels : ndarray of uint16, shape (height, width)
        1 to `count` inside the region, 0 outside.
    count : int
        The highest level that may occur.
    """

    levels: npt.NDArray[np.uint16]
    count: int

    @cached_property
    def framed(self) -> npt.NDArray[np.uint16]:
        """The levels in a frame of background one pixel wide, so that every pixel has 8 neighbours."""
        height, width = self.levels.shape
        framed = np.zeros((height + 2, width + 2), dtype=np.uint16)
        framed[1:-1, 1:-1] = self.levels
        return framed


def binning(levels: int, bin_width: float | None) -> Binning:
    """The binning of an extractor's parameters.

    Raises
    ------
    ValueError
        Out of range.
    """
    if isinstance(levels, bool) or not isinstance(levels, int) or not 2 <= levels <= 256:
        raise ValueError(f"levels={levels!r}: a whole number from 2 to 256 is expected")
    if bin_width is not None and (isinstance(bin_width, bool) or not 0 < float(bin_width) < np.inf):
        raise ValueError(f"bin_width={bin_width!r}: a number above 0, or none, is expected")
    return Binning(levels, None if bin_width is None else float(bin_width))


def quantise(exact: npt.NDArray[np.number], mask: npt.NDArray[np.bool_], bins: Binning, unit: float) -> Quantised:
    """Grey levels of the values inside the mask.

    Parameters
    ----------
    exact : ndarray, shape (height, width)
        Whole numbers are cut without rounding.
    mask : ndarray of bool, shape (height, width)
        With two different values in it.
    bins : Binning
    unit : float
        What `exact` is multiples of: value = exact / unit.

    Raises
    ------
    ValueError
        Bins of a fixed width are so narrow that there are more than `MAX_LEVELS`.
    """
    inside = exact[mask]
    low, high = inside.min(), inside.max()
    if bins.width is None:
        scaled = bins.levels * (inside - low)
        steps = scaled // (high - low) if np.issubdtype(exact.dtype, np.integer) else np.floor(scaled / (high - low))
        cut, count = np.minimum(steps, bins.levels - 1), bins.levels
    else:
        # 1.001 * 1000 is not 1001: decimals are meant, and no float holds more than 15 of them.
        width = float(f"{bins.width * unit:.15g}")
        first = np.floor(low / width)
        cut = np.floor(inside / width) - first
        count = int(cut.max()) + 1
        if count > MAX_LEVELS:
            raise ValueError(f"bin_width={bins.width}: {count} grey levels in one region; at most {MAX_LEVELS} may be")
    levels = np.zeros(mask.shape, dtype=np.uint16)
    levels[mask] = cut + 1
    return Quantised(levels, count)
