"""Gabor texture: amplitude and anisotropy of the responses to filters of several wavelengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from extractors.arrays import BoolArray, Float32Array, Int64Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integer, validated_integers
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.framework.windows import complete_windows

DAUGMAN = "Daugman 1985; Manjunath & Ma 1996"
OWN = "cytobench: gabor"
RATIO = "[1, orientations]"
LOCAL = "mean over points of the largest |r| of an orientation / mean over points and orientations of |r|"

SINGLE = 1e-5
"""Tolerance for single precision: at most 7e-7 on real cells, more for nearly constant regions."""

FEATURES = (
    Feature("mean", "mean over points and orientations of the amplitude |r|", "channel", "[0, inf)", DAUGMAN, SINGLE),
    Feature("sd", "mean over orientations of the standard deviation of |r|", "channel", "[0, inf)", DAUGMAN, SINGLE),
    Feature("energy", "mean over points and orientations of |r|^2", "channel^2", "[0, inf)", DAUGMAN, SINGLE),
    Feature("anisotropy", "largest / mean over orientations of the mean of |r|", "1", RATIO, OWN, SINGLE),
    Feature("local_anisotropy", LOCAL, "1", RATIO, OWN, SINGLE),
)
"""Features of one wavelength; r is the response per orientation, scaled so that a wave of amplitude A has |r| = A."""

OCTAVE = float(np.sqrt(np.log(2) / 2) * 3 / np.pi)
"""Standard deviation of the envelope, in wavelengths, of a filter with a bandwidth of one octave: 0.562."""

REACH = 3.0
"""Truncation of the envelope, in standard deviations."""


@dataclass(eq=False, repr=False, kw_only=True)
class Gabor(TextureBase):
    """Texture from Gabor filters of several wavelengths and orientations.

    The filter is 2 g(x) (exp(i k x) - d): an isotropic Gaussian g with sum 1 and a bandwidth of one octave, truncated
    at three standard deviations along rows and columns, times a plane wave; d makes the response to a constant 0. The
    background is filled with the mean of the region. Responses are sampled where the region extends one wavelength up,
    down, left and right (a square), on a grid centred on the bounding box with a step of a quarter of the wavelength,
    at least 2 px. Features are `TOO_SMALL` if there is no sample for a wavelength; the anisotropies are `FLAT` if no
    orientation responds.

    Parameters
    ----------
    wavelengths : sequence of int or int
        In pixels, at least 3.
    orientations : int
        Even number of angles, multiples of 180 degrees / orientations; a quarter turn permutes them.
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    wavelengths: Sequence[int] | int = (4, 8, 16, 32)
    orientations: int = 6

    def _features(self) -> Mapping[str, Feature]:
        if validated_integer("orientations", self.orientations, 2) % 2:
            raise ValueError(f"orientations={self.orientations!r}: expected an even number")
        return keyed(FEATURES, [f"w{length}" for length in self._lengths])

    def _measure(self, target: MaskedChannel) -> Measured:
        centred = target.filled - np.float32(target.mean)
        values: list[float | Status] = []
        for length in self._lengths:
            values += _statistics(
                gabor_amplitudes(centred, target.mask, wavelength=length, orientations=self.orientations)
            )
        return values

    @property
    def _lengths(self) -> tuple[int, ...]:
        return validated_integers("wavelengths", self.wavelengths, 3)


def gabor_amplitudes(centred: Float32Array, mask: BoolArray, *, wavelength: int, orientations: int) -> Float32Array:
    """Compute the amplitudes at the sample points at least one wavelength inside the mask.

    Parameters
    ----------
    centred : ndarray of float32, shape (height, width)
        0 outside the mask.
    mask : ndarray of bool, shape (height, width)
    wavelength : int
        In pixels.
    orientations : int
        Even.

    Returns
    -------
    ndarray of float32, shape (orientations, points)
        First the wave along columns, then both signs of each oblique orientation, last the wave along rows; points
        column by column.
    """
    down, along = (_grid(length, wavelength) for length in mask.shape)
    count = down.points[-1]
    if not count or not along.points[-1]:
        return np.empty((orientations, 0), dtype=np.float32)
    deep = complete_windows(mask, down.window, along.window)[down.starts, along.starts].T
    taps_down, taps_along = (_taps(wavelength, orientations, axis.window % 2 == 1) for axis in (down, along))
    half, reach = orientations // 2, taps_down.even.shape[1]
    rows, columns = mask.shape
    padded = np.zeros((rows + 2 * reach, columns), dtype=np.float32)
    padded[reach:-reach] = centred
    waves = _filtered(padded, taps_down.even, taps_down.odd, down.points)
    # Transposed, with even and odd parts side by side.
    across = np.zeros((half + 1, columns + 2 * reach, 2, count), dtype=np.float32)
    across[:, reach:-reach] = waves.transpose(0, 3, 1, 2)
    across = across.reshape(half + 1, -1, 2 * count)
    smooth = _filtered(across[half], taps_along.even[half:], taps_along.odd[half:], along.points)[0, 0]
    amplitudes: list[Float32Array] = []
    for a in range(half + 1):
        b = half - a
        both = _filtered(across[a], taps_along.even[b : b + 1], taps_along.odd[b : b + 1], along.points)[0]
        slopes = _sizes(both, taps_down.mean[a] * taps_along.mean[b] * smooth)
        amplitudes += [*slopes] if 0 < a < half else [slopes[0]]
    return np.stack(amplitudes).reshape(orientations, -1).take(np.flatnonzero(deep), axis=1)


class _Grid(NamedTuple):
    """Sample points along one axis, each centred in a window that extends one wavelength to either side.

    Parameters
    ----------
    window : int
        Odd if the points are pixel centres, even if they are between two pixels.
    starts : slice
        First pixels of the windows.
    points : ndarray of int64, shape (4,)
        Pixels below and above the first point, the step and the number of points.
    """

    window: int
    starts: slice
    points: Int64Array


def _grid(length: int, wavelength: int) -> _Grid:
    """Create a grid that is symmetric about the centre of an axis of `length` pixels."""
    window, step = 2 * wavelength + length % 2, max(wavelength // 4, 2)
    spare = length - window
    either_side = spare // 2 // step
    first, count = spare // 2 - either_side * step, 2 * either_side + 1 if spare >= 0 else 0
    points = np.array([first + (window - 1) // 2, first + window // 2, step, count])
    return _Grid(window, slice(first, None, step), points)


class _Taps(NamedTuple):
    """One-dimensional filters for distances x >= 0 from the point; even filters equal at -x, odd ones opposite.

    Parameters
    ----------
    even, odd : ndarray of float32, shape (orientations / 2 + 1, reach)
        Gaussian times cosine and Gaussian times sine, for decreasing frequencies, the last one 0.
    mean : ndarray of float32, shape (orientations / 2 + 1,)
        Response of `even` to a constant 1.
    """

    even: Float32Array
    odd: Float32Array
    mean: Float32Array


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
    filters = np.sqrt(2) * even, np.sqrt(2) * odd, 2 * even.sum(axis=1)
    return _Taps(*(taps.astype(np.float32) for taps in filters))


@compiled
def _add(total: Float32Array, weight: float, line: Float32Array) -> None:
    if weight != 0:
        for x in range(len(line)):
            total[x] += weight * line[x]


@compiled
def _filtered(image: Float32Array, even: Float32Array, odd: Float32Array, points: Int64Array) -> Float32Array:
    """Filter an image along its columns; shape (filters, even and odd, points, width)."""
    below, above, step, count = points
    filters, reach = even.shape
    width = image.shape[1]
    result = np.zeros((filters, 2, count, width), dtype=np.float32)
    sums, differences = np.empty(width, dtype=np.float32), np.empty(width, dtype=np.float32)
    for k in range(count):
        for t in range(reach):
            first, second = image[below + k * step + reach - t], image[above + k * step + reach + t]
            for x in range(width):
                sums[x] = first[x] + second[x]
                differences[x] = second[x] - first[x]
            for f in range(filters):
                _add(result[f, 0, k], even[f, t], sums)
                _add(result[f, 1, k], odd[f, t], differences)
    return result


@compiled
def _sizes(responses: Float32Array, constant: Float32Array) -> Float32Array:
    """Amplitudes of the wave of one slope and of the opposite one, shape (2, points, width).

    The responses are those of even and odd filters along the points, shape (2, points, 2 width), to what even and odd
    filters across them left side by side; the even ones to both without `constant`.
    """
    _, points, width = responses.shape
    width = width // 2
    result = np.empty((2, points, width), dtype=np.float32)
    for k in range(points):
        even_even, even_odd = responses[0, k, :width], responses[1, k, :width]
        odd_even, odd_odd = responses[0, k, width:], responses[1, k, width:]
        for x in range(width):
            real = even_even[x] - constant[k, x]
            result[0, k, x] = np.sqrt((real - odd_odd[x]) ** 2 + (even_odd[x] + odd_even[x]) ** 2)
            result[1, k, x] = np.sqrt((real + odd_odd[x]) ** 2 + (even_odd[x] - odd_even[x]) ** 2)
    return result


def _statistics(amplitudes: Float32Array) -> list[float | Status]:
    if amplitudes.shape[1] == 0:
        return [Status.TOO_SMALL] * len(FEATURES)
    exact = amplitudes.astype(np.float64)
    means = exact.mean(axis=1)
    mean = float(means.mean())
    sizes = [mean, float(exact.std(axis=1).mean()), float(np.mean(exact**2))]
    if mean <= FLAT:
        return [*sizes, Status.FLAT, Status.FLAT]
    return [*sizes, float(means.max()) / mean, float(exact.max(axis=0).mean()) / mean]
