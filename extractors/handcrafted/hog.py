"""Histogram of gradient orientations of a region (Dalal & Triggs 2005), sorted for invariance to rotations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float64Array, Int32Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Status

DALAL = "Dalal & Triggs 2005"
ORIENTATIONS = "orientations of the gradient"
BINS = 8
"""Bins of 22.5 degrees centred at 0, 22.5 and so on: with an even number, quarter turns and flips permute the bins."""

FEATURES = (
    *(
        Feature(f"share_{place}", f"share {place} of {BINS} {ORIENTATIONS}, largest first", "1", "[0, 1]", DALAL)
        for place in range(1, BINS + 1)
    ),
    Feature("entropy", "-sum share log2 share", "bit", "[0, 3]", "Shannon"),
    Feature("first_harmonic", "|sum m exp(2 i angle)| / sum m of gradients m", "1", "[0, 1]", "Bigun & Granlund 1987"),
    Feature("second_harmonic", "|sum m exp(4 i angle)| / sum m of gradients m", "1", "[0, 1]", "Mardia & Jupp 2000"),
)


class Hog(TextureBase):
    """Sorted histogram of gradient orientations, its entropy, and its alignment with one or two crossed axes.

    Sorting needs no reference axis, which a round cell does not have. The shares sum to 1; all are included, because
    linear models are regularised. All features are `TOO_SMALL` if no pixel has its eight neighbours in the region, and
    `FLAT` if all gradients of these pixels are 0.

    Parameters: see `TextureBase`.
    """

    features = FEATURES

    def _measure(self, target: MaskedChannel) -> Measured:
        if not target.core(1).any():
            return Status.TOO_SMALL
        histogram, harmonics = orientations(target)
        total = histogram.sum()
        if total == 0:
            return Status.FLAT
        shares = np.sort(histogram / total)[::-1]
        some = shares[shares > 0]
        return [*shares.tolist(), abs(float(some @ np.log2(some))), *(np.abs(harmonics) / total).tolist()]


def orientations(channel: MaskedChannel) -> tuple[Float64Array, npt.NDArray[np.complex128]]:
    """Accumulate the gradients by orientation, opposite directions together.

    Central differences at the pixels whose eight neighbours are in the region, so that its border has no effect.

    Parameters
    ----------
    channel : MaskedChannel

    Returns
    -------
    histogram : ndarray of float64, shape (8,)
        Sum of the magnitudes at 0, 22.5, ..., 157.5 degrees from the rows, clockwise in the displayed image; each is
        interpolated linearly between the two nearest bins.
    harmonics : ndarray of complex128, shape (2,)
        Sum of m exp(2 i angle) and of m exp(4 i angle).
    """
    sums = _orientations(channel.integers[0], channel.core(1))
    return sums[:BINS], sums[BINS:].view(np.complex128)


@compiled
def _orientations(values: Int32Array, core: BoolArray) -> Float64Array:
    """Histogram, then real and imaginary part of each harmonic."""
    sums = np.zeros(BINS + 4)
    cosine = sine = cosine_twice = sine_twice = 0.0
    for y in range(core.shape[0]):
        inside = np.flatnonzero(core[y])
        if len(inside) == 0:
            continue
        start, stop = inside[0], inside[-1] + 1
        right = values[y, start + 1 : stop + 1] - values[y, start - 1 : stop - 1]
        down = values[y + 1, start:stop] - values[y - 1, start:stop]
        place, size, harmonics = _polar(right, down)
        for i in inside - start:
            lower = int(place[i])
            sums[lower % BINS] += size[i] * (lower + 1 - place[i])
            sums[(lower + 1) % BINS] += size[i] * (place[i] - lower)
            cosine += harmonics[0, i]
            sine += harmonics[1, i]
            cosine_twice += harmonics[2, i]
            sine_twice += harmonics[3, i]
    sums[BINS], sums[BINS + 1], sums[BINS + 2], sums[BINS + 3] = cosine, sine, cosine_twice, sine_twice
    return sums


@compiled
def _polar(rights: Int32Array, downs: Int32Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Angle in bins (0 to 8) and magnitude of gradients, and their terms of the harmonics; all 0 without a gradient.

    The arc tangent is Abramowitz & Stegun 4.4.49 in the first octant, accurate to 2e-8, extended by symmetry.
    """
    n = len(rights)
    place, size, harmonics = np.empty(n), np.empty(n), np.empty((4, n))
    for i in range(n):
        right, down = float(rights[i]), float(downs[i])
        across, along = abs(right), abs(down)
        length = np.sqrt(right * right + down * down)
        t = min(across, along) / max(across, along, 1.0)
        u = t * t
        high = ((0.0028662257 * u - 0.0161657367) * u + 0.0429096138) * u - 0.0752896400
        low = (((high * u + 0.1065626393) * u - 0.1420889944) * u + 0.1999355085) * u - 0.3333314528
        octant = t * (1 + low * u) * (BINS / np.pi)
        quadrant = octant if across >= along else BINS / 2 - octant
        place[i] = quadrant if right * down >= 0 else BINS - quadrant
        size[i] = length
        scale = 1 / max(length, 1.0)
        cosine, sine = (right * right - down * down) * scale, 2 * right * down * scale
        harmonics[0, i], harmonics[1, i] = cosine, sine
        harmonics[2, i], harmonics[3, i] = (cosine * cosine - sine * sine) * scale, 2 * cosine * sine * scale
    return place, size, harmonics
