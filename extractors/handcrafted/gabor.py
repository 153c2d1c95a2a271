"""Texture from Gabor filters: how strong waves of given lengths are in a region, and whether they share a direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.framework.windows import complete_windows

DAUGMAN = "Daugman 1985; Manjunath & Ma 1996"

SINGLE = 1e-5
"""Change under turns of sums in single precision: 7e-7 at most on real cells, more where a region is nearly flat."""

FEATURES = (
    Feature("mean", "mean over points and orientations of the amplitude |r|", "channel", "[0, inf)", DAUGMAN, SINGLE),
    Feature("sd", "mean over orientations of the standard deviation of |r|", "channel", "[0, inf)", DAUGMAN, SINGLE),
    Feature("energy", "mean over points and orientations of |r|^2", "channel^2", "[0, inf)", DAUGMAN, SINGLE),
    Feature(
        "anisotropy",
        "largest / mean over orientations of the mean of |r|",
        "1",
        "[1, orientations]",
        "cytobench: gabor",
        SINGLE,
    ),
    Feature(
        "local_anisotropy",
        "mean over points of the largest |r| of an orientation / mean over points and orientations of |r|",
        "1",
        "[1, orientations]",
        "cytobench: gabor",
        SINGLE,
    ),
)
"""Of one wavelength; r is the response of each orientation, scaled so that a wave of amplitude A gives |r| = A."""

OCTAVE = float(np.sqrt(np.log(2) / 2) * 3 / np.pi)
"""Standard deviation of the envelope, in wavelengths, of a filter that is one octave wide: 0.562."""

REACH = 3.0
"""Where the envelope is cut, in standard deviations."""

Floats = npt.NDArray[np.float32]


class Gabor(HandcraftedBase):
    """Texture from Gabor filters of several wavelengths and orientations.

    Parameters
    ----------
    wavelengths : sequence of int or int
        Pixels, from 3 on.
    orientations : int
        An even number, so that a quarter turn exchanges them: multiples of 180 degrees / orientations.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    def __init__(
        self,
        wavelengths: Sequence[int] | int = (4, 8, 16, 32),
        orientations: int = 6,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.wavelengths = wavelengths
        self.orientations = orientations
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        lengths, orientations = _checked_wavelengths(self.wavelengths), _checked_orientations(self.orientations)
        return [
            texture_family(
                "gabor",
                keyed(FEATURES, [f"w{length}" for length in lengths]),
                lambda plane: gabor(plane, wavelengths=lengths, orientations=orientations),
                regions=self.regions,
                channels=self.channels,
            )
        ]


def gabor(plane: Plane, *, wavelengths: Sequence[int], orientations: int) -> Measured:
    """Amplitudes of waves in a region.

    The filter is 2 g(x) (exp(i k x) - d): an isotropic Gaussian g of sum 1, one octave wide, cut at three standard
    deviations along rows and columns, around a plane wave, and d such that a constant gives 0. The background counts
    as the region's mean. Responses are taken where the region reaches a wavelength up, down, left and right (a square),
    at points a quarter of a wavelength apart, at least 2 px, in a grid centred on the bounding box.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    wavelengths : sequence of int
        Pixels.
    orientations : int
        Even.

    Returns
    -------
    Measured
        A value for each of `FEATURES` and wavelength, keyed `feature.wWAVELENGTH`. `FLAT` where the plane is constant;
        `TOO_SMALL` where no point lies deep enough inside for a wavelength; `FLAT` for the anisotropies where no
        orientation responds.
    """
    if plane.is_flat:
        return missing(keyed(FEATURES, [f"w{length}" for length in wavelengths]), Status.FLAT)
    centred = plane.filled - np.float32(plane.mean)
    found: Measured = {}
    for length in wavelengths:
        amplitudes = gabor_amplitudes(centred, plane.mask, wavelength=length, orientations=orientations)
        found |= dict(zip(keyed(FEATURES, [f"w{length}"]), _statistics(amplitudes), strict=True))
    return found


def gabor_amplitudes(centred: Floats, mask: npt.NDArray[np.bool_], *, wavelength: int, orientations: int) -> Floats:
    """Size of the responses at the points that lie a wavelength deep inside the mask.

    Parameters
    ----------
    centred : ndarray of float32, shape (height, width)
        0 outside the mask.
    mask : ndarray of bool, shape (height, width)
    wavelength : int
        Pixels.
    orientations : int
        Even.

    Returns
    -------
    ndarray of float32, shape (orientations, points)
        First waves that run down the columns, then the two of each slope, last those along the rows; points
        column by column.
    """
    down, along = (_Grid.of(length, wavelength) for length in mask.shape)
    if not down.count or not along.count:
        return np.empty((orientations, 0), dtype=np.float32)
    deep = complete_windows(mask, down.window, along.window)[down.places, along.places].T
    taps_down, taps_along = (_taps(wavelength, orientations, axis.window % 2 == 1) for axis in (down, along))
    half, reach = orientations // 2, taps_down.reach
    rows, columns = mask.shape
    padded = np.zeros((rows + 2 * reach, columns), dtype=np.float32)
    padded[reach:-reach] = centred
    waves = _filtered(padded, taps_down.even, taps_down.odd, down.points)
    # Rows and columns exchanged, even and odd parts side by side.
    across = np.zeros((half + 1, columns + 2 * reach, 2, down.count), dtype=np.float32)
    across[:, reach:-reach] = waves.transpose(0, 3, 1, 2)
    across = across.reshape(half + 1, -1, 2 * down.count)
    smooth = _filtered(across[half], taps_along.even[half:], taps_along.odd[half:], along.points)[0, 0]
    found = []
    for a in range(half + 1):
        b = half - a
        both = _filtered(across[a], taps_along.even[b : b + 1], taps_along.odd[b : b + 1], along.points)[0]
        slopes = _sizes(both, taps_down.mean[a] * taps_along.mean[b] * smooth)
        found += [*slopes] if 0 < a < half else [slopes[0]]
    return np.stack(found).reshape(orientations, -1).take(np.flatnonzero(deep), axis=1)


@dataclass(frozen=True)
class _Grid:
    """Points along one axis, each in the middle of a window that reaches a wavelength to either side.

    Parameters
    ----------
    window : int
        Odd where the points are pixel centres, even where they lie between two.
    first, step, count : int
        Windows begin at pixel `first` and every `step` pixels on.
    """

    window: int
    first: int
    step: int
    count: int

    @classmethod
    def of(cls, length: int, wavelength: int) -> _Grid:
        """A grid that is the same from both ends of an axis of `length` pixels."""
        window, step = 2 * wavelength + length % 2, max(wavelength // 4, 2)
        spare = length - window
        either_side = spare // 2 // step
        return cls(window, spare // 2 - either_side * step, step, 2 * either_side + 1 if spare >= 0 else 0)

    @property
    def places(self) -> slice:
        """Where the windows begin."""
        return slice(self.first, None, self.step)

    @property
    def points(self) -> npt.NDArray[np.int64]:
        """Pixels beside the first point, below and above, the step and the number of points."""
        return np.array([self.first + (self.window - 1) // 2, self.first + self.window // 2, self.step, self.count])


@dataclass(frozen=True)
class _Taps:
    """Filters along one axis for distances from the point on: at x and at -x they are equal, or opposite.

    Parameters
    ----------
    even, odd : ndarray of float32, shape (orientations / 2 + 1, reach)
        Gauss times cosine, Gauss times sine, for falling frequencies, the last 0.
    mean : ndarray of float32, shape (orientations / 2 + 1,)
        Response of `even` to a constant 1.
    """

    even: Floats
    odd: Floats
    mean: Floats

    @property
    def reach(self) -> int:
        """Number of taps to either side."""
        return int(self.even.shape[1])


@lru_cache(maxsize=64)
def _taps(wavelength: int, orientations: int, at_pixels: bool) -> _Taps:
    spread = OCTAVE * wavelength
    x = np.arange(np.ceil(REACH * spread)) + (0.0 if at_pixels else 0.5)
    envelope = np.exp(-0.5 * (x / spread) ** 2)
    envelope[x == 0] /= 2  # the pixel at the point itself is taken from both sides
    envelope /= 2 * envelope.sum()
    angles = np.pi * np.arange(orientations // 2 + 1) / orientations
    frequencies = 2 * np.pi / wavelength * np.cos(angles)
    frequencies[-1] = 0
    even, odd = (envelope * wave(np.outer(frequencies, x)) for wave in (np.cos, np.sin))
    scale = np.sqrt(2)
    return _Taps(
        (scale * even).astype(np.float32), (scale * odd).astype(np.float32), (2 * even.sum(axis=1)).astype(np.float32)
    )


@compiled
def _add(total: Floats, weight: float, line: Floats) -> None:
    if weight != 0:
        for x in range(len(line)):
            total[x] += weight * line[x]


@compiled
def _filtered(image: Floats, even: Floats, odd: Floats, points: npt.NDArray[np.int64]) -> Floats:
    """The image filtered along its columns; shape (filters, even and odd, points, width)."""
    below, above, step, count = points
    filters, reach = even.shape
    width = image.shape[1]
    found = np.zeros((filters, 2, count, width), dtype=np.float32)
    sums, differences = np.empty(width, dtype=np.float32), np.empty(width, dtype=np.float32)
    for k in range(count):
        for t in range(reach):
            first, second = image[below + k * step + reach - t], image[above + k * step + reach + t]
            for x in range(width):
                sums[x] = first[x] + second[x]
                differences[x] = second[x] - first[x]
            for f in range(filters):
                _add(found[f, 0, k], even[f, t], sums)
                _add(found[f, 1, k], odd[f, t], differences)
    return found


@compiled
def _sizes(responses: Floats, constant: Floats) -> Floats:
    """Amplitudes of the wave of one slope and of the opposite one, shape (2, points, width).

    The responses are those of even and odd filters along the points, shape (2, points, 2 width), to what even and odd
    filters across them left side by side; the even ones to both without `constant`.
    """
    _, points, width = responses.shape
    width = width // 2
    found = np.empty((2, points, width), dtype=np.float32)
    for k in range(points):
        even_even, even_odd = responses[0, k, :width], responses[1, k, :width]
        odd_even, odd_odd = responses[0, k, width:], responses[1, k, width:]
        for x in range(width):
            real = even_even[x] - constant[k, x]
            found[0, k, x] = np.sqrt((real - odd_odd[x]) ** 2 + (even_odd[x] + odd_even[x]) ** 2)
            found[1, k, x] = np.sqrt((real + odd_odd[x]) ** 2 + (even_odd[x] - odd_even[x]) ** 2)
    return found


def _statistics(amplitudes: Floats) -> list[float | Status]:
    if amplitudes.shape[1] == 0:
        return [Status.TOO_SMALL] * len(FEATURES)
    exact = amplitudes.astype(np.float64)
    means = exact.mean(axis=1)
    mean = float(means.mean())
    sizes = [mean, float(exact.std(axis=1).mean()), float(np.mean(exact**2))]
    if mean <= FLAT:
        return [*sizes, Status.FLAT, Status.FLAT]
    return [*sizes, float(means.max()) / mean, float(exact.max(axis=0).mean()) / mean]


def _checked_wavelengths(wavelengths: Sequence[int] | int) -> tuple[int, ...]:
    lengths = tuple(wavelengths) if isinstance(wavelengths, Sequence) else (wavelengths,)
    whole = all(isinstance(length, int) and not isinstance(length, bool) and length >= 3 for length in lengths)
    if not lengths or not whole or len(set(lengths)) < len(lengths):
        raise ValueError(f"wavelengths={wavelengths!r}: different whole numbers of pixels from 3 on are expected")
    return lengths


def _checked_orientations(orientations: int) -> int:
    whole = isinstance(orientations, int) and not isinstance(orientations, bool)
    if not whole or orientations < 2 or orientations % 2:
        raise ValueError(f"orientations={orientations!r}: an even number from 2 on is expected")
    return orientations
