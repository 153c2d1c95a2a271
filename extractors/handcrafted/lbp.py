"""Uniform, rotation-invariant local binary patterns (Ojala 2002) of pixels whose whole circle lies in the region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, texture_family
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status, missing

OJALA = "Ojala 2002"
POINTS = 8
"""Points of the circle for each pixel of its radius."""

LARGEST = 7
"""The largest radius: the signs of its points must fit a whole number of 64 bits."""

GRID = 65536
"""Points are rounded to this part of a pixel, so that their weights and what they are multiplied with are exact."""

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
BoolMask = npt.NDArray[np.bool_]


class Lbp(HandcraftedBase):
    """Histograms of local binary patterns and the local variance, on circles of several radii.

    The bins of a histogram sum to 1; all are kept, since a linear model is regularised anyway.

    Parameters
    ----------
    scales : sequence of int or int
        Radii of the circles in pixels, 1 to 7, with 8 points for each.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    def __init__(
        self,
        scales: Sequence[int] | int = (1, 2, 3),
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.scales = scales
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        radii = _checked_scales(self.scales)
        return [
            texture_family(
                "lbp",
                {key: feature for radius in radii for key, feature in features(radius).items()},
                lambda plane: lbp(plane, radii=radii),
                regions=self.regions,
                channels=self.channels,
            )
        ]


@cache
def features(radius: int) -> Mapping[str, Feature]:
    """The features of one radius, keyed `feature.rRADIUS`."""
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
    return {f"{feature.name}.r{radius}": feature for feature in table}


def lbp(plane: Plane, *, radii: Sequence[int]) -> Measured:
    """Histogram of the patterns, and median and spread of the local variance, for each radius.

    A point of a circle between pixels has their bilinear interpolation, and is `not darker` where that is at least the
    value in the circle's middle. Only pixels count whose square of 2 radius + 1 pixels lies in the region: it holds
    the circle and all that is read for it. Quarter turns and flips change no bin by a bit, since no sum is rounded.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    radii : sequence of int
        Pixels.

    Returns
    -------
    Measured
        A value for each of `features(radius)`. `FLAT` where the plane is constant; `TOO_SMALL` where no circle of a
        radius lies in the region.
    """
    found: Measured = {}
    for radius in radii:
        names = features(radius)
        if plane.is_flat:
            found |= missing(names, Status.FLAT)
        elif not plane.core(radius).any():
            found |= missing(names, Status.TOO_SMALL)
        else:
            found |= dict(zip(names, _at_radius(plane, radius), strict=True))
    return found


@cache
def circle(radius: int) -> tuple[Whole, Floats]:
    """The points of a circle, from the right on, a quarter turn being a quarter of them.

    Parameters
    ----------
    radius : int
        Pixels.

    Returns
    -------
    corners : ndarray of int64, shape (8 * radius, 4)
        Of the pixels around each point, from the middle: upper and lower row, left and right column.
    weights : ndarray of float64, shape (8 * radius, 4)
        Of upper left, upper right, lower left and lower right pixel in the bilinear interpolation; they sum to 1.
    """
    points = POINTS * radius
    across = np.rint(radius * GRID * np.cos(2 * np.pi * np.arange(points) / points)).astype(np.int64)
    place = np.stack([np.roll(across, points // 4), across], axis=1)
    low, part = place // GRID, place % GRID
    high = low + (part > 0)
    lower, right = (part / GRID).T
    upper, left = 1 - lower, 1 - right
    corners = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    return corners, np.stack([upper * left, upper * right, lower * left, lower * right], axis=1)


def _at_radius(plane: Plane, radius: int) -> list[float]:
    whole, unit = plane.whole
    counts, variances = _patterns(whole.astype(np.float64), plane.core(radius), *circle(radius))
    lower, median, upper = _quartiles(variances) * unit**2
    return [*(counts / len(variances)).tolist(), float(median), float(upper - lower)]


def _quartiles(values: Floats) -> Floats:
    """As `np.percentile` gives them; to sort first is several times as fast."""
    ranked = np.sort(values)
    places = np.array([0.25, 0.5, 0.75]) * (len(values) - 1)
    below = places.astype(np.int64)
    first, second = ranked[below], ranked[np.minimum(below + 1, len(values) - 1)]
    return np.asarray(first + (places - below) * (second - first))


def _checked_scales(scales: Sequence[int] | int) -> tuple[int, ...]:
    radii = (scales,) if isinstance(scales, int) else tuple(scales)
    whole = all(isinstance(r, int) and not isinstance(r, bool) and 1 <= r <= LARGEST for r in radii)
    if not radii or not whole or len(set(radii)) < len(radii):
        raise ValueError(f"scales={scales!r}: different whole numbers of pixels from 1 to {LARGEST} are expected")
    return radii


@compiled
def _patterns(values: Floats, core: BoolMask, corners: Whole, weights: Floats) -> tuple[Whole, Floats]:
    """Counts of u0 to uP and of the other patterns, and the variance on the circle of each pixel of the core."""
    points = len(corners)
    counts = np.zeros(points + 2, dtype=np.int64)
    variances = np.empty(core.size, dtype=np.float64)
    place = 0
    for y in range(core.shape[0]):
        start, stop = 0, core.shape[1]
        while start < stop and not core[y, start]:
            start += 1
        while start < stop and not core[y, stop - 1]:
            stop -= 1
        if start == stop:
            continue
        signs, total, squares = _circles(values, (y, start, stop), corners, weights)
        for i in range(stop - start):
            if core[y, start + i]:
                variances[place] = max(squares[i] / points - (total[i] / points) ** 2, 0.0)
                place += 1
                counts[_pattern(signs[i], points)] += 1
    return counts, variances[:place].copy()


@compiled
def _circles(
    values: Floats, row: tuple[int, int, int], corners: Whole, weights: Floats
) -> tuple[Whole, Floats, Floats]:
    """Of the pixels of a row, from a column to another: a bit for each point that is not darker than the middle.

    And the sum, and the sum of squares, of what the points are brighter by.
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
    """The number of ones where they make one arc or none, else one more than there are points."""
    changes = signs ^ ((signs >> 1) | ((signs & 1) << (points - 1)))
    return _ones(signs) if _ones(changes) <= 2 else points + 1


@compiled
def _ones(bits: int) -> int:
    """Number of ones, counted by pairs, by fours, by bytes and in all at once."""
    bits = bits - ((bits >> 1) & 0x5555555555555555)
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (bits * 0x0101010101010101) >> 56
