"""Quantisation of the values in a region to grey levels 1 to L; the background is 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, UInt16Array
from extractors.handcrafted.framework.parameters import validated_integer

MAX_LEVELS = 1024
"""Largest number of grey levels of one region with bins of fixed width; matrices grow with its square."""


@dataclass(frozen=True)
class Binning:
    """Binning of grey levels: a fixed number of bins, or bins of fixed width.

    Parameters
    ----------
    levels : int
        Number of equal bins between the smallest and the largest value in the region (IBSI: fixed bin number). The
        result is invariant to brightness and contrast of the region.
    width : float or None
        Width of the bins in the unit of the channel, with edges at its multiples (IBSI: fixed bin size). A level means
        the same in every cell. Overrides `levels`.
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
        Highest possible level.
    """

    levels: UInt16Array
    count: int

    @cached_property
    def framed(self) -> UInt16Array:
        """The levels with a border of background one pixel wide, so that every pixel has 8 neighbours."""
        return np.pad(self.levels, 1)


def binning(levels: int, bin_width: float | None) -> Binning:
    """Create the binning from the parameters of an extractor.

    Raises
    ------
    ValueError
        A parameter is out of range.
    """
    validated_integer("levels", levels, 2, 256)
    if bin_width is not None and (isinstance(bin_width, bool) or not 0 < float(bin_width) < np.inf):
        raise ValueError(f"bin_width={bin_width!r}: expected a positive number or None")
    return Binning(levels, None if bin_width is None else float(bin_width))


def quantise(exact: npt.NDArray[np.number], mask: BoolArray, bins: Binning, unit: float) -> Quantised:
    """Quantise the values inside a mask.

    Parameters
    ----------
    exact : ndarray, shape (height, width)
        Values times `unit`; integers are binned without rounding.
    mask : ndarray of bool, shape (height, width)
        At least two different values are inside.
    bins : Binning
    unit : float
        Scale of `exact`: value = exact / unit.

    Raises
    ------
    ValueError
        Bins of fixed width give more than `MAX_LEVELS` levels.
    """
    inside = exact[mask]
    low, high = inside.min(), inside.max()
    if bins.width is None:
        scaled = bins.levels * (inside - low)
        steps = scaled // (high - low) if np.issubdtype(exact.dtype, np.integer) else np.floor(scaled / (high - low))
        indices, count = np.minimum(steps, bins.levels - 1), bins.levels
    else:
        # 1.001 * 1000 is not 1001 in floating point: round to 15 decimal digits, the precision of a float.
        width = float(f"{bins.width * unit:.15g}")
        first = np.floor(low / width)
        indices = np.floor(inside / width) - first
        count = int(indices.max()) + 1
        if count > MAX_LEVELS:
            raise ValueError(
                f"bin_width={bins.width}: {count} grey levels in one region, the maximum is {MAX_LEVELS}; "
                "choose wider bins"
            )
    levels = np.zeros(mask.shape, dtype=np.uint16)
    levels[mask] = indices + 1
    return Quantised(levels, count)
