"""Undecimated wavelet texture: magnitude, energy and entropy of the detail at each scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from extractors.arrays import Float64Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integer, validated_names
from extractors.handcrafted.framework.status import Status
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
"""Features of one level; c are the n coefficients whose support is inside the region."""

LOW_PASS = {
    "haar": np.array([1 / 2, 1 / 2]),
    "bior1.3": np.array([-1 / 16, 1 / 16, 1 / 2, 1 / 2, 1 / 16, -1 / 16]),
    "bior2.2": np.array([-1 / 8, 1 / 4, 3 / 4, 1 / 4, -1 / 8]),
}
"""Low-pass filters with sum 1: Haar; Cohen, Daubechies & Feauveau 1992.

All are symmetric. Daubechies' db2 is not: on real cells, flipping the image more than doubled some energies.
"""

HIGH_PASS = {
    "haar": np.array([-1 / 2, 1 / 2]),
    "bior1.3": np.array([0.0, 0.0, -1 / 2, 1 / 2, 0.0, 0.0]),
    "bior2.2": np.array([0.0, 1 / 4, -1 / 2, 1 / 4, 0.0]),
}
"""High-pass filters with the same centre."""

WAVELETS = tuple(LOW_PASS)


@dataclass(eq=False, repr=False, kw_only=True)
class Wavelets(TextureBase):
    """Texture from undecimated wavelets: magnitude, energy and entropy of the detail at each level.

    The transform is undecimated (à trous) and therefore invariant to translations. Only coefficients whose support is
    inside the region count, so that its border has no effect. Rows and columns form one subband, because a quarter turn
    exchanges them. The low-pass residual of the last level is omitted; colour features describe it. Features are
    `TOO_SMALL` if no support is inside the region, and so is the entropy of a single coefficient; the entropy of a
    subband without energy is `FLAT`.

    Parameters
    ----------
    wavelet : str
        One of `WAVELETS`; `bior2.2` is blind to linear gradients.
    depth : int
        Number of levels, 1 to 6; the support of `bior1.3` is 6, 16 and 36 px wide on the first three.
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    wavelet: str = "bior1.3"
    depth: int = 3

    def _features(self) -> Mapping[str, Feature]:
        validated_names([self.wavelet], WAVELETS, "wavelet")
        depth = validated_integer("depth", self.depth, 1, 6)
        return keyed(FEATURES, [f"level{level}" for level in range(1, depth + 1)])

    def _measure(self, target: MaskedChannel) -> Measured:
        # Integers and filters of powers of two: coefficients are exact in every orientation.
        integers, step = target.integers
        centred = np.where(target.mask, integers - round(target.mean / step), 0).astype(np.float64)
        values: list[float | Status] = []
        for details in undecimated(centred, self.wavelet, self.depth):
            inside = np.flatnonzero(complete_windows(target.mask, details.support, details.support))
            axial = details.axial.reshape(2, -1).take(inside, axis=1)
            diagonal = details.diagonal.ravel().take(inside)
            values += [*_statistics(axial.ravel(), step), *_statistics(diagonal, step)]
        return values


@dataclass(frozen=True)
class Details:
    """Coefficients of one level, indexed by the first row and column of their support.

    Parameters
    ----------
    axial : ndarray of float64, shape (2, height, width)
        High-pass along columns and low-pass along rows, and vice versa.
    diagonal : ndarray of float64, shape (height, width)
        High-pass along both.
    support : int
        Side in pixels of the square that a coefficient depends on, including the smoothing at previous levels.
    """

    axial: Float64Array
    diagonal: Float64Array
    support: int


def undecimated(image: Float64Array, wavelet: str, depth: int) -> list[Details]:
    """Compute the undecimated transform, normalised so that the energies of the Haar subbands sum to the variance.

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
        One per level; coefficients are empty at levels whose support exceeds the image.
    """
    low, high = LOW_PASS[wavelet], HIGH_PASS[wavelet]
    levels, smooth = [], image
    support = 1
    for level in range(depth):
        apart = 2**level
        support += (len(low) - 1) * apart
        smooth_rows, detail_rows = (_filtered(smooth, taps, 0, apart) for taps in (low, high))
        axial = np.stack([_filtered(smooth_rows, high, apart, 0), _filtered(detail_rows, low, apart, 0)])
        levels.append(Details(axial, _filtered(detail_rows, high, apart, 0), support))
        smooth = _filtered(smooth_rows, low, apart, 0)
    return levels


@compiled
def _filtered(image: Float64Array, taps: Float64Array, down: int, right: int) -> Float64Array:
    """Weighted sums of pixels spaced `down` rows and `right` columns apart, where all of them exist."""
    reach = len(taps) - 1
    height, width = max(image.shape[0] - reach * down, 0), max(image.shape[1] - reach * right, 0)
    filtered = np.zeros((height, width))
    for y in range(height):
        total = filtered[y]
        for t in range(len(taps)):
            weight = taps[t]
            if weight != 0:
                line = image[y + t * down, t * right : t * right + width]
                for x in range(width):
                    total[x] += weight * line[x]
    return filtered


def _statistics(coefficients: Float64Array, step: float) -> list[float | Status]:
    """Mean magnitude, energy and entropy of coefficients given in multiples of `step`."""
    n = len(coefficients)
    if n == 0:
        return [Status.TOO_SMALL] * 3
    squares = np.square(coefficients)
    total = float(squares.sum())
    sizes = [float(np.abs(coefficients).mean()) * step, total / n * step**2]
    if n == 1 or sizes[1] <= FLAT**2:
        return [*sizes, Status.TOO_SMALL if n == 1 else Status.FLAT]
    weighted = squares * np.log2(np.where(squares > 0, squares, 1))
    entropy = np.log2(total) - float(weighted.sum()) / total
    return [*sizes, float(np.clip(entropy / np.log2(n), 0, 1))]
