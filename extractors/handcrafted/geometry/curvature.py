"""Curvature of an outline."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from extractors.arrays import Float64Array
from extractors.handcrafted.geometry.level_lines import Points

SIGMA = 0.012
"""Standard deviation of the smoothing before differentiation, as a share of the length of the contour."""


def curvature(contour: Points, *, sigma: float = SIGMA) -> tuple[Float64Array, Float64Array]:
    """Compute the curvature along a closed contour, smoothed and differentiated as a Fourier series.

    Parameters
    ----------
    contour : ndarray of float64, shape (n, 2)
        Equally spaced (x, y) with positive signed area.
    sigma : float
        Standard deviation of the smoothing, as a share of the length of the contour.

    Returns
    -------
    curvature : ndarray of float64, shape (n,)
        In 1/px; positive where the contour is convex.
    steps : ndarray of float64, shape (n,)
        Length of the contour represented by each value.
    """
    n = len(contour)
    series = np.fft.fft(contour[:, 0] + 1j * contour[:, 1])
    first, second = np.fft.ifft(_derivatives(n, sigma) * series)
    speed = np.abs(first)
    return (first.real * second.imag - first.imag * second.real) / speed**3, speed / n


@cache
def _derivatives(n: int, sigma: float) -> npt.NDArray[np.complex128]:
    """Factors that smooth a Fourier series and differentiate it once and twice."""
    order = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    smoothing = np.exp(-0.5 * (sigma * order) ** 2)
    return np.stack([1j * order * smoothing, -(order**2) * smoothing])
