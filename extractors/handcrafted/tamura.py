"""Texture as people describe it: coarseness, contrast and directionality (Tamura, Mori & Yamawaki 1978)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.framework.windows import complete_windows

TAMURA = "Tamura, Mori & Yamawaki 1978"

FEATURES = (
    Feature(
        "coarseness",
        "mean over points of the side 2^k of the windows, one on either side, whose means differ most",
        "pixels",
        "[2, 2^largest]",
        TAMURA,
    ),
    Feature("contrast", "sd / (m4 / sd^4)^(1/4)", "channel", "(0, inf)", TAMURA),
    Feature(
        "directionality",
        "1 - second moment of the gradients' directions about one of them, the smallest / that of all directions alike",
        "1",
        "[0, 1]",
        f"{TAMURA}, with one peak",
    ),
)

DIRECTIONS = 16
"""Bins of 180 degrees / 16, the first around the rows' direction: quarter turns and flips exchange them."""

Floats = npt.NDArray[np.float64]


class Tamura(HandcraftedBase):
    """Tamura's coarseness, contrast and directionality.

    Parameters
    ----------
    largest : int
        The windows of the coarseness have sides of 2, 4, ... 2^largest pixels, 1 to 8; it is measured where the region
        reaches as far as the largest ones.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    def __init__(
        self,
        largest: int = 5,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.largest = largest
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        largest = _checked_largest(self.largest)
        return [
            texture_family(
                "tamura",
                keyed(FEATURES),
                lambda plane: tamura(plane, largest=largest),
                regions=self.regions,
                channels=self.channels,
            )
        ]


def tamura(plane: Plane, *, largest: int) -> Measured:
    """Coarseness, contrast and directionality of a region.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    largest : int
        Binary logarithm of the side of the largest windows.

    Returns
    -------
    Measured
        A value for each of `FEATURES`. `FLAT` where the plane is constant, for coarseness where no windows differ, and
        for directionality where no gradient is left; `TOO_SMALL` for coarseness where the largest windows fit nowhere,
        for directionality where no pixel has all its eight neighbours in the region.
    """
    if plane.is_flat:
        return missing(keyed(FEATURES), Status.FLAT)
    # Multiples of the channel's unit, which are whole numbers for luma and the primaries: sums and ties are exact.
    values = plane.exact.astype(np.float64)
    return {
        "coarseness": coarseness(values, plane.mask, largest),
        "contrast": contrast(plane.inside),
        "directionality": directionality(values, plane.mask),
    }


def coarseness(values: Floats, mask: npt.NDArray[np.bool_], largest: int) -> float | Status:
    """Mean over points of the side of the windows whose means differ most.

    Points are corners of pixels, since windows with an even side have no middle pixel: each lies between two windows
    that share a side, left and right of it and above and below it. Of equal differences the larger windows count, so
    that stripes as wide as a window have its side. Points count where all windows lie in the region and some differ.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
    mask : ndarray of bool, shape (height, width)
    largest : int
        Binary logarithm of the side of the largest windows.

    Returns
    -------
    float or Status
        Pixels; `TOO_SMALL` where the windows lie in the region at no point, `FLAT` where they differ at none.
    """
    side, half = 2**largest, 2 ** (largest - 1)
    if min(mask.shape) < 2 * side:
        return Status.TOO_SMALL
    wide, tall = complete_windows(mask, side, 2 * side), complete_windows(mask, 2 * side, side)
    whole = wide[half : wide.shape[0] - half] & tall[:, half : tall.shape[1] - half]
    if not whole.any():
        return Status.TOO_SMALL
    sides = _best_sides(cv2.integral(values, sdepth=cv2.CV_64F), largest)[whole]
    differing = sides[sides > 0]
    return float(differing.mean(dtype=np.float64)) if differing.size else Status.FLAT


def contrast(inside: Floats) -> float:
    """Standard deviation over the fourth root of the kurtosis, which is m4 / sd^4.

    Parameters
    ----------
    inside : ndarray of float64, shape (n,)
        Not all equal.
    """
    squares = (inside - inside.mean()) ** 2
    variance = squares.mean()
    return float(np.sqrt(variance) / (np.mean(squares**2) / variance**2) ** 0.25)


def directionality(values: Floats, mask: npt.NDArray[np.bool_]) -> float | Status:
    """How sharp the peak in the histogram of gradient directions is: 1 for one direction, 0 for all alike.

    Prewitt's gradients of the pixels whose eight neighbours are in the region, each by its size in the bin of its
    direction, modulo 180 degrees. The peak is the bin about which the second moment is smallest; Tamura cuts the
    histogram at valleys into several peaks, which neither turns nor noise leave alone.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    float or Status
        `TOO_SMALL` without such a pixel; `FLAT` where all their gradients are 0.
    """
    whole = np.flatnonzero(complete_windows(mask, 3, 3))
    if not whole.size:
        return Status.TOO_SMALL
    columns, rows = values[:-2] + values[1:-1] + values[2:], values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    right = (columns[:, 2:] - columns[:, :-2]).ravel().take(whole)
    down = (rows[2:] - rows[:-2]).ravel().take(whole)
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
def _best_sides(sums: Floats, largest: int) -> npt.NDArray[np.float32]:
    """Side of the best windows at each corner that is 2^largest pixels or more away from the frame.

    0 where none differ. `sums` holds, for each corner, the sum of all values above and left of it.
    """
    margin = 2**largest
    rows, columns = sums.shape[0] - 2 * margin, sums.shape[1] - 2 * margin
    found = np.zeros((rows, columns), dtype=np.float32)
    strongest = np.zeros((rows, columns))
    for k in range(1, largest + 1):
        side, half = 2**k, 2 ** (k - 1)
        for y in range(rows):
            top, above, here = sums[y + margin - side], sums[y + margin - half], sums[y + margin]
            below, bottom = sums[y + margin + half], sums[y + margin + side]
            best, difference = found[y], strongest[y]
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
    return found


def _checked_largest(largest: int) -> int:
    if isinstance(largest, bool) or not isinstance(largest, int) or not 1 <= largest <= 8:
        raise ValueError(f"largest={largest!r}: a whole number from 1 to 8 is expected")
    return largest
