"""One channel of one region, cropped to it: what every texture family takes."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.quantisation import Binning, Quantised, quantise

FLAT = 1e-4
"""Spread of the values, in any channel's unit, up to which a region is flat but for rounding."""

WHOLE_BITS = 18
"""Of the largest value of a channel that is not whole; an interpolation of it is then exact in double precision."""


class Plane:
    """Values of one channel and the region in which they count.

    Parameters
    ----------
    exact : ndarray of int32 or float32, shape (height, width)
        Values times `unit`; whole numbers where the channel has them, so that equal colours tie exactly.
    mask : ndarray of bool, shape (height, width)
        The region, with a pixel in each of the four outer rows and columns.
    unit : float
        1000 for luma, else 1.
    """

    def __init__(self, exact: npt.NDArray[np.number], mask: npt.NDArray[np.bool_], unit: float = 1.0) -> None:
        self.exact = exact
        self.mask = mask
        self.unit = unit
        self._quantised: dict[Binning, Quantised | None] = {}
        self._cores: dict[int, npt.NDArray[np.bool_]] = {}

    @cached_property
    def values(self) -> npt.NDArray[np.float32]:
        """In the channel's own unit (0 to 255 for luma), background included; shape (height, width)."""
        return np.asarray(self.exact / self.unit, dtype=np.float32)

    @cached_property
    def inside(self) -> npt.NDArray[np.float64]:
        """The values in the mask, in the channel's own unit, shape (n,)."""
        return np.asarray(self.exact[self.mask] / self.unit, dtype=np.float64)

    @cached_property
    def mean(self) -> float:
        """Mean of the values in the mask."""
        return float(self.inside.mean())

    @cached_property
    def is_flat(self) -> bool:
        """Whether all values in the mask are equal but for rounding."""
        return bool(np.ptp(self.inside) <= FLAT)

    @cached_property
    def filled(self) -> npt.NDArray[np.float32]:
        """The values with the mean of those in the mask in place of the background."""
        return np.where(self.mask, self.values, np.float32(self.mean))

    @cached_property
    def whole(self) -> tuple[npt.NDArray[np.int32], float]:
        """Whole numbers, shape (height, width), and what they are multiples of, so that sums of them do not round.

        `exact` and 1 / `unit` where those are whole already; else 18 bits for the largest value in the mask.
        """
        if np.issubdtype(self.exact.dtype, np.integer):
            return self.exact.astype(np.int32, copy=False), 1 / self.unit
        largest = np.max(np.abs(self.exact[self.mask]))
        step = float(np.ldexp(1.0, np.frexp(largest)[1] - WHOLE_BITS))
        return np.rint(np.where(self.mask, self.exact, 0) / step).astype(np.int32), step / self.unit

    def core(self, reach: int) -> npt.NDArray[np.bool_]:
        """Pixels whose neighbours up to `reach` rows and columns away all lie in the mask, shape (height, width)."""
        if reach not in self._cores:
            square = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
            eroded = cv2.erode(self.mask.view(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
            self._cores[reach] = eroded.view(np.bool_)
        return self._cores[reach]

    def quantised(self, bins: Binning) -> Quantised | None:
        """Grey levels in the mask, cut once for all families that ask for the same; None where it is flat."""
        if bins not in self._quantised:
            self._quantised[bins] = None if self.is_flat else quantise(self.exact, self.mask, bins, self.unit)
        return self._quantised[bins]
