"""Discrete cosine transform of the resized grey image as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from extractors.arrays import UInt8Array
from extractors.frame_features import FrameFeatures, grey, resized
from extractors.handcrafted.framework.feature import ANY, Column, Feature
from extractors.handcrafted.framework.parameters import validated_integer

LARGEST_SIZE, LARGEST_K = 1024, 256
"""Largest side of the resized image, and largest number of frequencies along a side: 65,536 features."""

COEFFICIENT = Feature(
    "coefficient",
    "ln(1 + |C|), C orthonormal DCT-II coefficient of the grey levels: a_u a_v sum g cos((2r+1)u pi/2n) "
    "cos((2c+1)v pi/2n), a_0 = sqrt(1/n), else sqrt(2/n)",
    "1",
    "[0, inf)",
    "Ahmed, Natarajan & Rao 1974",
    ANY,
)


@dataclass(eq=False, repr=False, kw_only=True)
class Dct(FrameFeatures):
    """Logarithmic magnitudes of the lowest frequencies of the two-dimensional discrete cosine transform.

    The full frame is resized to a square of `size` pixels and converted to grey levels g from 0 to 255 (Rec. 601 luma).
    With the orthonormal coefficients C of the DCT-II, the features are ln(1 + abs(C)) of the first `k` vertical and the
    first `k` horizontal frequencies, row by row.

    Parameters
    ----------
    size : int
        Side n of the resized image in pixels, 1 to `LARGEST_SIZE`.
    k : int
        Number of frequencies along each side, 1 to `LARGEST_K` and at most `size`: `k`^2 features.

    References
    ----------
    Ahmed, Natarajan and Rao (1974), Discrete cosine transform, IEEE Transactions on Computers C-23, 90-93.
    """

    size: int = 256
    k: int = 64

    def catalogue(self) -> list[Column]:
        """Formula, unit, range and source of each column: `dct.u003v010` is vertical frequency 3, horizontal 10."""
        size = validated_integer("size", self.size, 1, LARGEST_SIZE)
        frequencies = range(validated_integer("k", self.k, 1, min(LARGEST_K, size)))
        return [Column(f"dct.u{u:03d}v{v:03d}", COEFFICIENT) for u in frequencies for v in frequencies]

    def _values(self, image: UInt8Array) -> npt.NDArray[np.floating[Any]]:
        levels = grey(resized(image, self.size))
        lowest = scipy.fft.dctn(levels, type=2, norm="ortho")[: self.k, : self.k]
        return np.asarray(np.log1p(np.abs(lowest)).reshape(-1))
