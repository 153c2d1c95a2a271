"""Curvature against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.handcrafted.geometry.contour import signed_area
from extractors.handcrafted.geometry.curvature import curvature


def test_curvature_of_an_ellipse_in_closed_form() -> None:
    a, b = 3.0, 2.0
    t = np.arange(4096) * 2 * np.pi / 4096
    ellipse = np.stack([a * np.cos(t), b * np.sin(t)], axis=1)
    bends, steps = curvature(ellipse, sigma=0)
    expected = a * b / (a**2 * np.sin(t) ** 2 + b**2 * np.cos(t) ** 2) ** 1.5
    np.testing.assert_allclose(bends, expected, rtol=1e-6)
    assert (bends * steps).sum() == pytest.approx(2 * np.pi, rel=1e-9)
    assert signed_area(ellipse) > 0


def test_smoothing_damps_each_harmonic_by_its_gaussian() -> None:
    # Smoothed by 0.012 of the length, harmonic n keeps exp(-(2 pi 0.012 n)^2 / 2) of its amplitude.
    t = np.arange(512) * 2 * np.pi / 512
    wave = np.exp(1j * t) + 0.01 * np.exp(9j * t)
    smoothed = np.exp(-0.5 * (0.024 * np.pi * np.array([1, 9])) ** 2) * [1, 0.01]
    first = 1j * smoothed[0] * np.exp(1j * t) + 9j * smoothed[1] * np.exp(9j * t)
    second = -smoothed[0] * np.exp(1j * t) - 81 * smoothed[1] * np.exp(9j * t)
    bends, steps = curvature(np.stack([wave.real, wave.imag], axis=1))
    np.testing.assert_allclose(bends, (np.conj(first) * second).imag / np.abs(first) ** 3, rtol=1e-9)
    np.testing.assert_allclose(steps, np.abs(first) * 2 * np.pi / 512, rtol=1e-9)
