"""Outlines of a phantom cell: clefts of known number and depth, known sphericity, a ring of known area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.datasets.phantom.appearance import CellAppearance

Floats = npt.NDArray[np.float64]

ANGLES = 2048
"""Number of directions of an outline; 0.5 px of arc at the largest radius of a 300 px frame."""

ANGLE: Floats = np.linspace(0.0, 2.0 * np.pi, ANGLES, endpoint=False)

THINNEST_RING_PX = 1.5


@dataclass(frozen=True, slots=True)
class Outlines:
    """Nucleus and cell as radii in pixels around one centre, in the directions `ANGLE`.

    Parameters
    ----------
    nucleus, cell : ndarray of float64, shape (ANGLES,)
        Radii.
    cleft_depth_px : float
        Depth of each drawn cleft; 0 without clefts.
    """

    nucleus: Floats
    cell: Floats
    cleft_depth_px: float

    def truth(self) -> dict[str, float]:
        """Return the true shape, computed from the outlines, not from pixels.

        Returns
        -------
        dict
            `nucleus_radius_px` (radius r of the disc of equal area), `cleft_depth` (depth over r, 0 without
            clefts), `sphericity` (2 sqrt(pi A) / P of the nucleus, 1 for a disc) and `nc_ratio` (area of the nucleus
            over that of the cell).
        """
        area = outline_area(self.nucleus)
        radius = float(np.sqrt(area / np.pi))
        return {
            "nucleus_radius_px": radius,
            "cleft_depth": self.cleft_depth_px / radius,
            "sphericity": float(2.0 * np.sqrt(np.pi * area) / outline_length(self.nucleus)),
            "nc_ratio": area / outline_area(self.cell),
        }


def draw_outlines(appearance: CellAppearance, rng: np.random.Generator) -> Outlines:
    """Draw outlines of nucleus and cell in random directions.

    The nucleus is a convex disc with a second and a third harmonic, minus its clefts. The cell is the nucleus with
    half-filled clefts, plus a ring that is three times as thick on one side as on the other; its thickness solves the
    quadratic equation for the area of the cell.
    """
    turn = rng.uniform(0.0, 2.0 * np.pi, 3)
    convex = (
        1.0
        + appearance.elongation * np.cos(2.0 * (ANGLE - turn[0]))
        + appearance.skew * np.cos(3.0 * (ANGLE - turn[1]))
    )
    clefts = appearance.cleft_depth * notches(appearance.n_clefts, rng)
    nucleus = appearance.nucleus_radius_px * (convex - clefts)
    filled = appearance.nucleus_radius_px * (convex - 0.5 * clefts)

    profile = 1.0 + 0.5 * np.cos(ANGLE - turn[2])
    a, b = np.mean(profile**2), 2.0 * np.mean(filled * profile)
    c = np.mean(filled**2) - np.mean(nucleus**2) / appearance.nc_ratio
    thickness = (np.sqrt(max(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a)
    cell = filled + np.maximum(thickness * profile, THINNEST_RING_PX)
    return Outlines(
        nucleus, cell, appearance.nucleus_radius_px * appearance.cleft_depth if appearance.n_clefts else 0.0
    )


def notches(count: int, rng: np.random.Generator) -> Floats:
    """Sum of `count` Gaussian notches of height 1, evenly spaced with jitter so that they remain separate.

    Returns
    -------
    ndarray of float64, shape (ANGLES,)
        0 everywhere if `count` is 0. The number of random draws does not depend on `count`.
    """
    start, jitter = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.12, 0.12, 4)
    widths = rng.uniform(0.10, 0.15, 4)
    total = np.zeros(ANGLES)
    for i in range(count):
        at = start + 2.0 * np.pi * (i + jitter[i]) / count
        away = (ANGLE - at + np.pi) % (2.0 * np.pi) - np.pi
        total += np.exp(-0.5 * (away / widths[i]) ** 2)
    return total


def outline_area(radius: Floats) -> float:
    """Area of a star-shaped outline from radii at equal angles: half the integral of the squared radius."""
    return float(np.pi * np.mean(radius**2))


def outline_length(radius: Floats) -> float:
    """Length of the closed polygon through the points of an outline."""
    points = radius * np.exp(1j * np.linspace(0.0, 2.0 * np.pi, len(radius), endpoint=False))
    return float(np.abs(np.roll(points, -1) - points).sum())
