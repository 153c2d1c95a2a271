"""Elliptic Fourier descriptors: how far the outlines of the cell and its nucleus are from an ellipse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.cell_regions import OUTLINED
from extractors.handcrafted.framework.family import Family, HandcraftedBase, outline_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.geometry.level_lines import Points

KUHL = "Kuhl & Giardina 1982"

MIN_AREA = 8
"""Fewest pixels of which a shape is told."""

LARGEST_HARMONIC = 64
"""A quarter of the smooth contour's points."""


class Fourier(HandcraftedBase):
    """Elliptic Fourier descriptors of the outlines of cell and nucleus; the same for turned, scaled and mirrored cells.

    Parameters
    ----------
    harmonics : int
        How many, 2 to 64.
    regions : sequence of str or str
        Of `cell`, `nucleus`.
    """

    def __init__(self, harmonics: int = 10, regions: Sequence[str] | str = OUTLINED) -> None:
        self.harmonics = harmonics
        self.regions = regions

    def _families(self) -> list[Family]:
        """The one family."""
        harmonics = _checked_harmonics(self.harmonics)
        return [
            outline_family(
                "fourier",
                keyed(features(harmonics)),
                lambda region: fourier(region, harmonics=harmonics),
                regions=self.regions,
                min_area=MIN_AREA,
            )
        ]


def features(harmonics: int) -> tuple[Feature, ...]:
    """What is measured with so many harmonics.

    Spectra of the outline's tangent angle are left out: their low bands say the same, their high ones tell of pixels.
    """
    amplitude = "sqrt(a^2 + b^2 + c^2 + d^2) of harmonic {} / larger half axis of the ellipse of harmonic 1"
    ratio = "sum of both half axes of harmonics 2 to {} / that of harmonic 1; 0 for a disc"
    return (
        *(
            Feature(f"harmonic_{n}", amplitude.format(n), "1", "[1, 1.415)" if n == 1 else "[0, inf)", KUHL)
            for n in range(1, harmonics + 1)
        ),
        Feature("irregularity", ratio.format(harmonics), "1", "[0, inf)", "BMC Bioinformatics 13:232"),
    )


def fourier(region: Region, *, harmonics: int) -> Measured:
    """Size of each harmonic of the smooth contour, and of all but the first together.

    Free of the contour's starting point, of direction, angle and size. Harmonic n runs n times round an ellipse while
    the outline is walked once. A disc has the first only. So has an ellipse at the pace of its own angle; as outlines
    are walked at constant speed, one of half axes 2 : 1 has an irregularity of 0.10.

    Parameters
    ----------
    region : Region
        Of at least 8 pixels; threads of up to two pixels are removed first.
    harmonics : int
        How many.

    Returns
    -------
    Measured
        A value for each of `features(harmonics)`; `TOO_SMALL` where the region is too thin to have a smooth contour.
    """
    contour = region.cleaned.smooth_contour if region.cleaned is not None else None
    if contour is None:
        return missing(keyed(features(harmonics)), Status.TOO_SMALL)
    squares, sums = _sizes(elliptic_fourier(contour, harmonics))
    larger = (sums[0] + np.sqrt(max(2 * squares[0] - sums[0] ** 2, 0.0))) / 2
    found: Measured = {f"harmonic_{n}": size for n, size in enumerate((np.sqrt(squares) / larger).tolist(), 1)}
    return found | {"irregularity": float(sums[1:].sum() / sums[0])}


def elliptic_fourier(polygon: Points, harmonics: int) -> npt.NDArray[np.float64]:
    """Fourier series of a closed polygon walked at constant speed, integrated exactly.

    Parameters
    ----------
    polygon : ndarray of float64, shape (n, 2)
        (x, y); no two neighbours are equal, the last is joined to the first.
    harmonics : int

    Returns
    -------
    ndarray of float64, shape (harmonics, 4)
        a, b, c, d of each: x = sum a cos(n t) + b sin(n t), y = sum c cos(n t) + d sin(n t), t from 0 to 2 pi along the
        outline [1]_.

    References
    ----------
    .. [1] Kuhl & Giardina, Elliptic Fourier features of a closed contour, CGIP 18 (1982) 236.
    """
    steps = np.roll(polygon, -1, axis=0) - polygon
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    along = np.cumsum(lengths)
    total = along[-1]
    turn = np.exp(2j * np.pi / total * along)
    # Powers by repeated products cost a tenth of sines and cosines of every harmonic.
    waves = np.cumprod(np.broadcast_to(turn, (harmonics, len(turn))), axis=0)
    differences = waves - np.roll(waves, 1, axis=1)
    series = differences @ (steps / lengths[:, None])
    series *= (total / (2 * np.pi**2 * np.arange(1, harmonics + 1) ** 2))[:, None]
    return np.stack([series[:, 0].real, series[:, 0].imag, series[:, 1].real, series[:, 1].imag], axis=1)


def _sizes(series: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum of the squares and sum of the half axes of each harmonic's ellipse."""
    a, b, c, d = series.T
    squares = (series**2).sum(axis=1)
    return squares, np.sqrt(squares + 2 * np.abs(a * d - b * c))


def _checked_harmonics(harmonics: int) -> int:
    if not isinstance(harmonics, int) or isinstance(harmonics, bool) or not 2 <= harmonics <= LARGEST_HARMONIC:
        raise ValueError(f"harmonics={harmonics!r}: a whole number from 2 to {LARGEST_HARMONIC} is expected")
    return harmonics
