"""Texture from undecimated wavelets: how much detail of each size a region holds, and how evenly it is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, chosen, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.framework.windows import complete_windows

MALLAT = "Mallat 1989; Laine & Fan 1993"
ENTROPY = "-sum p log p / log n of p = c^2 / sum c^2"

FEATURES = (
    Feature("axial_mean", "mean |c| of the details along rows and along columns", "channel", "[0, inf)", MALLAT),
    Feature("axial_energy", "mean c^2 of the details along rows and along columns", "channel^2", "[0, inf)", MALLAT),
    Feature("axial_entropy", f"{ENTROPY}, details along rows and along columns", "1", "[0, 1]", MALLAT),
    Feature("diagonal_mean", "mean |c| of the details along both", "channel", "[0, inf)", MALLAT),
    Feature("diagonal_energy", "mean c^2 of the details along both", "channel^2", "[0, inf)", MALLAT),
    Feature("diagonal_entropy", f"{ENTROPY}, details along both", "1", "[0, 1]", MALLAT),
)
"""Of one level; c are the n coefficients whose whole support lies in the region."""

LOW_PASS = {
    "haar": (1 / 2, 1 / 2),
    "bior1.3": (-1 / 16, 1 / 16, 1 / 2, 1 / 2, 1 / 16, -1 / 16),
    "bior2.2": (-1 / 8, 1 / 4, 3 / 4, 1 / 4, -1 / 8),
}
"""Smoothing filters of sum 1: Haar; Cohen, Daubechies & Feauveau 1992.

All are symmetric. Daubechies' db2 is not: on real cells a flip of the image more than doubled some of its energies.
"""

HIGH_PASS = {
    "haar": (-1 / 2, 1 / 2),
    "bior1.3": (0.0, 0.0, -1 / 2, 1 / 2, 0.0, 0.0),
    "bior2.2": (0.0, 1 / 4, -1 / 2, 1 / 4, 0.0),
}
"""Filters of the detail, around the same middle."""

WAVELETS = tuple(LOW_PASS)

TINY = np.finfo(np.float64).tiny
"""In place of 0 where a logarithm is multiplied by 0."""

Floats = npt.NDArray[np.float64]


class Wavelets(HandcraftedBase):
    """Texture from undecimated wavelets.

    Parameters
    ----------
    wavelet : str
        One of `WAVELETS`; `bior2.2` does not see slopes.
    depth : int
        Number of levels, 1 to 6; the support of `bior1.3` is 6, 16 and 36 px wide on the first three.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    def __init__(
        self,
        wavelet: str = "bior1.3",
        depth: int = 3,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.wavelet = wavelet
        self.depth = depth
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        (wavelet,), depth = chosen(self.wavelet, WAVELETS, "wavelet"), _checked_depth(self.depth)
        return [
            texture_family(
                "wavelets",
                keyed(FEATURES, [f"level{level}" for level in range(1, depth + 1)]),
                lambda plane: wavelets(plane, wavelet=wavelet, depth=depth),
                regions=self.regions,
                channels=self.channels,
            )
        ]


@dataclass(frozen=True)
class Details:
    """Coefficients of one level, by the first row and column of their support.

    Parameters
    ----------
    axial : ndarray of float64, shape (2, height, width)
        Detail along columns of what is smooth along rows, and the other way round.
    diagonal : ndarray of float64, shape (height, width)
        Detail along both.
    support : int
        Height and width of the pixels that a coefficient depends on, smoothing of the levels before included.
    """

    axial: Floats
    diagonal: Floats
    support: int


def wavelets(plane: Plane, *, wavelet: str, depth: int) -> Measured:
    """Size, energy and spread of the detail on each level.

    The transform is undecimated (à trous), so that it does not matter where the region lies; a coefficient counts where
    its whole support is in the region, so that the region's edge does not matter either. Rows and columns are one
    subband, since a quarter turn exchanges them. What is smooth after the last level is left to the colour.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    wavelet : str
        One of `WAVELETS`.
    depth : int
        Number of levels.

    Returns
    -------
    Measured
        A value for each of `FEATURES` and level, keyed `feature.levelLEVEL`. `FLAT` where the plane is constant and for
        the entropy of a subband without energy; `TOO_SMALL` where no support lies in the region, and for the entropy of
        one coefficient.
    """
    if plane.is_flat:
        return missing(keyed(FEATURES, [f"level{level}" for level in range(1, depth + 1)]), Status.FLAT)
    # Whole numbers and filters of powers of two: no coefficient is rounded, whichever way the cell lies.
    values, step = plane.whole
    centred = np.where(plane.mask, values - round(plane.mean / step), 0).astype(np.float64)
    found: Measured = {}
    for level, details in enumerate(undecimated(centred, wavelet, depth), 1):
        inside = np.flatnonzero(complete_windows(plane.mask, details.support, details.support))
        axial = details.axial.reshape(2, -1).take(inside, axis=1)
        diagonal = details.diagonal.ravel().take(inside)
        of_level = [*_statistics(axial.ravel(), step), *_statistics(diagonal, step)]
        found |= dict(zip(keyed(FEATURES, [f"level{level}"]), of_level, strict=True))
    return found


def undecimated(image: Floats, wavelet: str, depth: int) -> list[Details]:
    """The undecimated transform, normalised so that Haar's subbands share out the variance.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
    wavelet : str
        One of `WAVELETS`.
    depth : int
        Number of levels.

    Returns
    -------
    list of Details
        By level; without elements from the level on where the support is larger than the image.
    """
    low, high = _filters(wavelet)
    found, smooth = [], image
    support = 1
    for level in range(depth):
        apart = 2**level
        support += (len(low) - 1) * apart
        smooth_rows, detail_rows = (_filtered(smooth, taps, 0, apart) for taps in (low, high))
        axial = np.stack([_filtered(smooth_rows, high, apart, 0), _filtered(detail_rows, low, apart, 0)])
        found.append(Details(axial, _filtered(detail_rows, high, apart, 0), support))
        smooth = _filtered(smooth_rows, low, apart, 0)
    return found


@lru_cache(maxsize=len(WAVELETS))
def _filters(wavelet: str) -> tuple[Floats, Floats]:
    return np.array(LOW_PASS[wavelet]), np.array(HIGH_PASS[wavelet])


@compiled
def _filtered(image: Floats, taps: Floats, down: int, right: int) -> Floats:
    """Sums of pixels that lie `down` rows and `right` columns apart, weighted, where all of them exist."""
    reach = len(taps) - 1
    height, width = max(image.shape[0] - reach * down, 0), max(image.shape[1] - reach * right, 0)
    found = np.zeros((height, width))
    for y in range(height):
        total = found[y]
        for t in range(len(taps)):
            weight = taps[t]
            if weight != 0:
                line = image[y + t * down, t * right : t * right + width]
                for x in range(width):
                    total[x] += weight * line[x]
    return found


def _statistics(coefficients: Floats, step: float) -> list[float | Status]:
    """Mean size, energy and entropy of coefficients in multiples of `step`."""
    n = len(coefficients)
    if n == 0:
        return [Status.TOO_SMALL] * 3
    squares = np.square(coefficients)
    total = float(squares.sum())
    sizes = [float(np.abs(coefficients).mean()) * step, total / n * step**2]
    if n == 1 or sizes[1] <= FLAT**2:
        return [*sizes, Status.TOO_SMALL if n == 1 else Status.FLAT]
    weighted = squares * np.log2(np.maximum(squares, TINY))
    entropy = np.log2(total) - float(weighted.sum()) / total
    return [*sizes, float(np.clip(entropy / np.log2(n), 0, 1))]


def _checked_depth(depth: int) -> int:
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= 6:
        raise ValueError(f"depth={depth!r}: a whole number from 1 to 6 is expected")
    return depth
