"""Elliptic Fourier descriptors of the outlines of the cell and its nucleus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from extractors.arrays import Float64Array
from extractors.handcrafted.framework.bases import Measured, OutlineBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.parameters import validated_integer
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.geometry.level_lines import Points

KUHL = "Kuhl & Giardina 1982"

LARGEST_HARMONIC = 64
"""A quarter of the number of points of the smooth contour."""


@dataclass(eq=False, repr=False, kw_only=True)
class Fourier(OutlineBase):
    """Elliptic Fourier descriptors of the outlines of cell and nucleus, invariant to rotation, scale and reflection.

    Features are the amplitude of each harmonic of the smooth contour, and of all but the first together. Harmonic n
    traverses an ellipse n times per revolution of the outline; a disc has only the first harmonic. Outlines are
    traversed at constant speed, so an ellipse with half axes 2 : 1 has an irregularity of 0.10. Threads of up to two
    pixels are removed first; features are `TOO_SMALL` if the region is too thin for a smooth contour. Spectra of the
    tangent angle are omitted: their low bands are redundant, their high bands describe the pixel grid.

    Parameters
    ----------
    harmonics : int
        Number of harmonics, 2 to 64.
    regions : sequence of str or str
        See `OutlineBase`.
    """

    harmonics: int = 10

    def _features(self) -> Mapping[str, Feature]:
        last = validated_integer("harmonics", self.harmonics, 2, LARGEST_HARMONIC)
        amplitude = "sqrt(a^2 + b^2 + c^2 + d^2) of harmonic {} / larger half axis of the ellipse of harmonic 1"
        ratio = f"sum of both half axes of harmonics 2 to {last} / that of harmonic 1; 0 for a disc"
        harmonics = [
            Feature(f"harmonic_{n}", amplitude.format(n), "1", "[1, 1.415)" if n == 1 else "[0, inf)", KUHL)
            for n in range(1, last + 1)
        ]
        return keyed([*harmonics, Feature("irregularity", ratio, "1", "[0, inf)", "BMC Bioinformatics 13:232")])

    def _measure(self, target: Region) -> Measured:
        contour = target.opened_contour
        if contour is None:
            return Status.TOO_SMALL
        squares, sums = _sizes(elliptic_fourier(contour, self.harmonics))
        larger = (sums[0] + np.sqrt(max(2 * squares[0] - sums[0] ** 2, 0.0))) / 2
        return [*(np.sqrt(squares) / larger).tolist(), float(sums[1:].sum() / sums[0])]


def elliptic_fourier(polygon: Points, harmonics: int) -> Float64Array:
    """Compute the Fourier series of a closed polygon traversed at constant speed, integrated exactly.

    Parameters
    ----------
    polygon : ndarray of float64, shape (n, 2)
        (x, y); no two neighbours are equal, the last is connected to the first.
    harmonics : int

    Returns
    -------
    ndarray of float64, shape (harmonics, 4)
        Coefficients a, b, c, d: x = sum a cos(n t) + b sin(n t), y = sum c cos(n t) + d sin(n t), with t from 0 to 2 pi
        along the outline [1]_.

    References
    ----------
    .. [1] Kuhl & Giardina, Elliptic Fourier features of a closed contour, CGIP 18 (1982) 236.
    """
    steps = np.roll(polygon, -1, axis=0) - polygon
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    along = np.cumsum(lengths)
    total = along[-1]
    turn = np.exp(2j * np.pi / total * along)
    # Cumulative products take a tenth of the time of sines and cosines of every harmonic.
    waves = np.cumprod(np.broadcast_to(turn, (harmonics, len(turn))), axis=0)
    differences = waves - np.roll(waves, 1, axis=1)
    series = differences @ (steps / lengths[:, None])
    series *= (total / (2 * np.pi**2 * np.arange(1, harmonics + 1) ** 2))[:, None]
    return np.stack([series[:, 0].real, series[:, 0].imag, series[:, 1].real, series[:, 1].imag], axis=1)


def _sizes(series: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Sum of squares and sum of the half axes of the ellipse of each harmonic."""
    a, b, c, d = series.T
    squares = (series**2).sum(axis=1)
    return squares, np.sqrt(squares + 2 * np.abs(a * d - b * c))
