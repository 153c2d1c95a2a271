"""Uniform rotation-invariant local binary patterns (Ojala 2002) of pixels whose circle is inside the region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from extractors.arrays import BoolArray, Float64Array, Int64Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integers
from extractors.handcrafted.framework.status import Status

OJALA = "Ojala 2002"
POINTS = 8
"""Points of the circle per pixel of radius."""

LARGEST = 7
"""Largest radius: the signs of its points must fit a 64-bit integer."""

GRID = 65536
"""Points are rounded to this fraction of a pixel, so that interpolation is exact."""


@dataclass(eq=False, repr=False, kw_only=True)
class Lbp(TextureBase):
    """Histograms of local binary patterns, and median and spread of the local variance, on circles of several radii.

    Points of a circle between pixels are interpolated bilinearly; a point is `not darker` if its value is at least that
    of the centre. A pixel counts if its square of 2 radius + 1 pixels is in the region, which contains the circle and
    all interpolated pixels; the features are `TOO_SMALL` if there is none. Sums are exact, so quarter turns and flips
    change no bit of a bin. The bins of a histogram sum to 1; all are included, because linear models are regularised.

    Parameters
    ----------
    scales : sequence of int or int
        Radii of the circles in pixels, 1 to 7; a circle has 8 points per pixel of radius.
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    scales: Sequence[int] | int = (1, 2, 3)

    def _features(self) -> Mapping[str, Feature]:
        return {key: feature for radius in self._radii for key, feature in features(radius).items()}

    def _measure(self, target: MaskedChannel) -> Measured:
        return [value for radius in self._radii for value in _at_radius(target, radius)]

    @property
    def _radii(self) -> tuple[int, ...]:
        return validated_integers("scales", self.scales, 1, LARGEST)


@cache
def features(radius: int) -> Mapping[str, Feature]:
    """Features of one radius, keyed `feature.rRADIUS`."""
    points = POINTS * radius
    circle = f"{points} points at {radius} px"
    uniform = [
        Feature(f"u{ones}", f"share of pixels with {ones} of {circle} not darker, in one arc", "1", "[0, 1]", OJALA)
        for ones in range(points + 1)
    ]
    variance = f"sum (g - mean g)^2 / {points} of {circle}"
    table = (
        *uniform,
        Feature("other", f"share of pixels whose not darker of {circle} are no single arc", "1", "[0, 1]", OJALA),
        Feature("var_median", f"median over pixels of {variance}", "channel^2", "[0, inf)", OJALA),
        Feature("var_iqr", f"75th less 25th percentile over pixels of {variance}", "channel^2", "[0, inf)", OJALA),
    )
    return keyed(table, [f"r{radius}"])


@cache
def circle(radius: int) -> tuple[Int64Array, Float64Array]:
    """Compute the points of a circle, starting at the right.

    Parameters
    ----------
    radius : int
        Pixels.

    Returns
    -------
    corners : ndarray of int64, shape (8 * radius, 4)
        Pixels around each point relative to the centre: upper and lower row, left and right column.
    weights : ndarray of float64, shape (8 * radius, 4)
        Bilinear weights of the upper left, upper right, lower left and lower right pixel; they sum to 1.
    """
    points = POINTS * radius
    across = np.rint(radius * GRID * np.cos(2 * np.pi * np.arange(points) / points)).astype(np.int64)
    position = np.stack([np.roll(across, points // 4), across], axis=1)
    low, part = position // GRID, position % GRID
    high = low + (part > 0)
    lower, right = (part / GRID).T
    upper, left = 1 - lower, 1 - right
    corners = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    return corners, np.stack([upper * left, upper * right, lower * left, lower * right], axis=1)


def _at_radius(channel: MaskedChannel, radius: int) -> list[float | Status]:
    if not channel.core(radius).any():
        return [Status.TOO_SMALL] * len(features(radius))
    integers, unit = channel.integers
    counts, variances = _patterns(integers.astype(np.float64), channel.core(radius), *circle(radius))
    lower, median, upper = _quartiles(variances) * unit**2
    return [*(counts / len(variances)).tolist(), float(median), float(upper - lower)]


def _quartiles(values: Float64Array) -> Float64Array:
    """Compute the quartiles of `np.percentile` in a fraction of its time."""
    ranked = np.sort(values)
    positions = np.array([0.25, 0.5, 0.75]) * (len(values) - 1)
    below = positions.astype(np.int64)
    first, second = ranked[below], ranked[np.minimum(below + 1, len(values) - 1)]
    return np.asarray(first + (positions - below) * (second - first))


@compiled
def _patterns(
    values: Float64Array, core: BoolArray, corners: Int64Array, weights: Float64Array
) -> tuple[Int64Array, Float64Array]:
    """Counts of u0 to uP and of other patterns, and the variance on the circle of each core pixel."""
    points = len(corners)
    counts = np.zeros(points + 2, dtype=np.int64)
    variances = np.empty(core.size, dtype=np.float64)
    position = 0
    for y in range(core.shape[0]):
        inside = np.flatnonzero(core[y])
        if len(inside) == 0:
            continue
        start, stop = inside[0], inside[-1] + 1
        signs, total, squares = _circles(values, (y, start, stop), corners, weights)
        for i in inside - start:
            variances[position] = max(squares[i] / points - (total[i] / points) ** 2, 0.0)
            position += 1
            counts[_pattern(signs[i], points)] += 1
    return counts, variances[:position].copy()


@compiled
def _circles(
    values: Float64Array, row: tuple[int, int, int], corners: Int64Array, weights: Float64Array
) -> tuple[Int64Array, Float64Array, Float64Array]:
    """For a range of pixels of a row: one bit per point that is not darker than the centre.

    Also the sum and the sum of squares of the differences of the points from the centre.
    """
    y, start, stop = row
    n = stop - start
    signs, total, squares = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    middle = values[y, start:stop]
    for point in range(len(corners)):
        upper, lower, left, right = corners[point]
        a, b, c, d = weights[point]
        first = values[y + upper, start + left : stop + left]
        second = values[y + upper, start + right : stop + right]
        third = values[y + lower, start + left : stop + left]
        fourth = values[y + lower, start + right : stop + right]
        bit = 1 << point
        for i in range(n):
            brighter = a * first[i] + b * second[i] + c * third[i] + d * fourth[i] - middle[i]
            signs[i] |= bit if brighter >= 0 else 0
            total[i] += brighter
            squares[i] += brighter * brighter
    return signs, total, squares


@compiled
def _pattern(signs: int, points: int) -> int:
    """Number of ones if they form at most one arc, else the number of points plus one."""
    changes = signs ^ ((signs >> 1) | ((signs & 1) << (points - 1)))
    return _ones(signs) if _ones(changes) <= 2 else points + 1


@compiled
def _ones(bits: int) -> int:
    """Number of ones (population count)."""
    bits = bits - ((bits >> 1) & 0x5555555555555555)
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (bits * 0x0101010101010101) >> 56
