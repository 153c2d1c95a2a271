"""One channel of one region: the input of all texture families."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float32Array, Float64Array, Int32Array
from extractors.handcrafted.framework.quantisation import Binning, Quantised, quantise

FLAT = 1e-4
"""Largest range of the values, in the unit of the channel, of a region that is constant up to rounding."""

INTEGER_BITS = 18
"""Bits of the largest value of a channel without integer values; interpolation is then exact in double precision."""


class MaskedChannel:
    """Values of one channel and the mask of the region.

    Parameters
    ----------
    exact : ndarray of int32 or float32, shape (height, width)
        Values times `unit`; integers if the channel has them, so that equal colours are equal exactly.
    mask : ndarray of bool, shape (height, width)
        The region; it touches all four sides of the array.
    unit : float
        1000 for luma, else 1.
    """

    def __init__(self, exact: npt.NDArray[np.number], mask: BoolArray, unit: float = 1.0) -> None:
        self.exact = exact
        self.mask = mask
        self.unit = unit
        self._quantised: dict[Binning, Quantised] = {}
        self._cores: dict[int, BoolArray] = {}

    @cached_property
    def values(self) -> Float32Array:
        """Values in the unit of the channel (0 to 255 for luma), background included; shape (height, width)."""
        return np.asarray(self.exact / self.unit, dtype=np.float32)

    @cached_property
    def inside(self) -> Float64Array:
        """Values in the mask, in the unit of the channel; shape (n,)."""
        return np.asarray(self.exact[self.mask] / self.unit, dtype=np.float64)

    @cached_property
    def mean(self) -> float:
        """Mean of the values in the mask."""
        return float(self.inside.mean())

    @cached_property
    def is_flat(self) -> bool:
        """Whether all values in the mask are equal up to rounding."""
        return bool(np.ptp(self.inside) <= FLAT)

    @cached_property
    def filled(self) -> Float32Array:
        """Values with the background replaced by the mean of the region."""
        return np.where(self.mask, self.values, np.float32(self.mean))

    @cached_property
    def integers(self) -> tuple[Int32Array, float]:
        """Integer values, shape (height, width), and their step in the unit of the channel; their sums are exact.

        `exact` and 1 / `unit` if those are integers already; else rounded to 18 bits of the largest value in the mask.
        """
        if np.issubdtype(self.exact.dtype, np.integer):
            return self.exact.astype(np.int32, copy=False), 1 / self.unit
        largest = np.max(np.abs(self.exact[self.mask]))
        step = float(np.ldexp(1.0, np.frexp(largest)[1] - INTEGER_BITS))
        return np.rint(np.where(self.mask, self.exact, 0) / step).astype(np.int32), step / self.unit

    def core(self, reach: int) -> BoolArray:
        """Pixels whose neighbours up to `reach` rows and columns away are all in the mask, shape (height, width)."""
        if reach not in self._cores:
            square = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
            eroded = cv2.erode(self.mask.view(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
            self._cores[reach] = eroded.view(np.bool_)
        return self._cores[reach]

    def quantised(self, bins: Binning) -> Quantised:
        """Grey levels in the mask, computed once per binning; the channel must not be flat."""
        if bins not in self._quantised:
            self._quantised[bins] = quantise(self.exact, self.mask, bins, self.unit)
        return self._quantised[bins]
