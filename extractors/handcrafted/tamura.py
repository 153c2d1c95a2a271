"""Tamura texture: coarseness, contrast and directionality (Tamura, Mori & Yamawaki 1978)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from extractors.arrays import BoolArray, Float32Array, Float64Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integer
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.framework.windows import complete_windows

TAMURA = "Tamura, Mori & Yamawaki 1978"
COARSENESS = "mean over points of the side 2^k of the windows, one on either side, whose means differ most"
DIRECTIONALITY = (
    "1 - second moment of the gradients' directions about one of them, the smallest / that of all directions alike"
)

FEATURES = (
    Feature("coarseness", COARSENESS, "pixels", "[2, 2^largest]", TAMURA),
    Feature("contrast", "sd / (m4 / sd^4)^(1/4)", "channel", "(0, inf)", TAMURA),
    Feature("directionality", DIRECTIONALITY, "1", "[0, 1]", f"{TAMURA}, with one peak"),
)

DIRECTIONS = 16
"""Bins of 180 degrees / 16, the first centred on the direction of the rows: quarter turns and flips permute them."""


@dataclass(eq=False, repr=False, kw_only=True)
class Tamura(TextureBase):
    """Tamura's coarseness, contrast and directionality.

    Parameters
    ----------
    largest : int
        Binary logarithm of the side of the largest windows, 1 to 8. Coarseness compares windows with sides of 2, 4, ...
        2^largest pixels, at points where the largest ones are in the region.
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    features = FEATURES
    largest: int = 5

    def _features(self) -> Mapping[str, Feature]:
        validated_integer("largest", self.largest, 1, 8)
        return super()._features()

    def _measure(self, target: MaskedChannel) -> Measured:
        # Integers for luma, red, green and blue, so that sums and ties are exact.
        values, mask = target.exact.astype(np.float64), target.mask
        return [coarseness(values, mask, self.largest), contrast(target.inside), directionality(values, mask)]


def coarseness(values: Float64Array, mask: BoolArray, largest: int) -> float | Status:
    """Compute the mean over points of the side of the windows whose means differ most.

    Points are corners of pixels, because windows with an even side have no centre pixel. At each point, the windows to
    its left and right and those above and below are compared. For equal differences the larger windows win, so that
    stripes as wide as a window give its side. A point counts if all windows are in the region and some differ.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
    mask : ndarray of bool, shape (height, width)
    largest : int
        Binary logarithm of the side of the largest windows.

    Returns
    -------
    float or Status
        In pixels; `TOO_SMALL` if the windows fit in the region nowhere, `FLAT` if they differ nowhere.
    """
    side, half = 2**largest, 2 ** (largest - 1)
    if min(mask.shape) < 2 * side:
        return Status.TOO_SMALL
    wide, tall = complete_windows(mask, side, 2 * side), complete_windows(mask, 2 * side, side)
    inside = wide[half : wide.shape[0] - half] & tall[:, half : tall.shape[1] - half]
    if not inside.any():
        return Status.TOO_SMALL
    sides = _best_sides(cv2.integral(values, sdepth=cv2.CV_64F), largest)[inside]
    differing = sides[sides > 0]
    return float(differing.mean(dtype=np.float64)) if differing.size else Status.FLAT


def contrast(inside: Float64Array) -> float:
    """Compute the standard deviation over the fourth root of the kurtosis m4 / sd^4.

    Parameters
    ----------
    inside : ndarray of float64, shape (n,)
        Not all equal.
    """
    squares = (inside - inside.mean()) ** 2
    variance = squares.mean()
    return float(np.sqrt(variance) / (np.mean(squares**2) / variance**2) ** 0.25)


def directionality(values: Float64Array, mask: BoolArray) -> float | Status:
    """Compute the sharpness of the peak of the histogram of gradient directions: 1 for one direction, 0 for uniform.

    Prewitt gradients of the pixels whose eight neighbours are in the region, weighted by magnitude, with directions
    modulo 180 degrees. The peak is the bin about which the second moment is smallest. Tamura instead splits the
    histogram at valleys into several peaks, which is sensitive to rotation and noise.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    float or Status
        `TOO_SMALL` without such a pixel; `FLAT` if all gradients are 0.
    """
    inside = np.flatnonzero(complete_windows(mask, 3, 3))
    if not inside.size:
        return Status.TOO_SMALL
    columns, rows = values[:-2] + values[1:-1] + values[2:], values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    right = (columns[:, 2:] - columns[:, :-2]).ravel().take(inside)
    down = (rows[2:] - rows[:-2]).ravel().take(inside)
    sizes = np.sqrt(right**2 + down**2)
    if not sizes.any():
        return Status.FLAT
    bins = np.rint(np.arctan2(down, right) * (DIRECTIONS / np.pi)).astype(np.int64) & (DIRECTIONS - 1)
    histogram = np.bincount(bins, weights=sizes, minlength=DIRECTIONS) / sizes.sum()
    steps = np.arange(DIRECTIONS)
    apart = np.minimum(steps, DIRECTIONS - steps) ** 2
    moments = apart[(steps[:, None] - steps) % DIRECTIONS] @ histogram
    return float(1 - moments.min() / apart.mean())


@compiled
def _best_sides(sums: Float64Array, largest: int) -> Float32Array:
    """Side of the best windows at each corner at least 2^largest pixels away from the frame; 0 if none differ.

    `sums` is the integral image: for each corner, the sum of all values above and to the left.
    """
    margin = 2**largest
    rows, columns = sums.shape[0] - 2 * margin, sums.shape[1] - 2 * margin
    sides = np.zeros((rows, columns), dtype=np.float32)
    strongest = np.zeros((rows, columns))
    for k in range(1, largest + 1):
        side, half = 2**k, 2 ** (k - 1)
        for y in range(rows):
            top, above, here = sums[y + margin - side], sums[y + margin - half], sums[y + margin]
            below, bottom = sums[y + margin + half], sums[y + margin + side]
            best, difference = sides[y], strongest[y]
            for x in range(columns):
                left, middle, right = x + margin - side, x + margin, x + margin + side
                across = (below[right] - 2 * below[middle] + below[left]) - (
                    above[right] - 2 * above[middle] + above[left]
                )
                first, second = x + margin - half, x + margin + half
                down = (bottom[second] - 2 * here[second] + top[second]) - (
                    bottom[first] - 2 * here[first] + top[first]
                )
                step = max(abs(across), abs(down)) / side**2
                if step >= difference[x] and step > 0:
                    difference[x], best[x] = step, side
    return sides
