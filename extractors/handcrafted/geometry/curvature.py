"""How an outline bends."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.geometry.level_lines import Points

SIGMA = 0.012
"""Smoothing of the contour before its curvature is taken, as a share of its length."""


def curvature(contour: Points, *, sigma: float = SIGMA) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Curvature along a closed contour after Gaussian smoothing, by differentiation of its Fourier series.

    Parameters
    ----------
    contour : ndarray of float64, shape (n, 2)
        Equally spaced (x, y) with positive signed area.
    sigma : float
        Standard deviation of the smoothing, as a share of the contour's length.

    Returns
    -------
    curvature : ndarray of float64, shape (n,)
        Per pixel; positive where the contour is convex.
    steps : ndarray of float64, shape (n,)
        Length of contour that each value stands for.
    """
    n = len(contour)
    series = np.fft.fft(contour[:, 0] + 1j * contour[:, 1])
    first, second = np.fft.ifft(_derivatives(n, sigma) * series)
    speed = np.abs(first)
    return (first.real * second.imag - first.imag * second.real) / speed**3, speed / n


@cache
def _derivatives(n: int, sigma: float) -> npt.NDArray[np.complex128]:
    """Factors that smooth a Fourier series and differentiate it once, and twice."""
    order = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    smoothing = np.exp(-0.5 * (sigma * order) ** 2)
    return np.stack([1j * order * smoothing, -(order**2) * smoothing])
