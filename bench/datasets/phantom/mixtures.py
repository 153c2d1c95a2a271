"""Mixtures of synthetic cells: spread of the cells and what differs between the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ATTRIBUTES = {
    "clefts": "clefts",
    "depth": "clefts",
    "grain": "chromatin",
    "radius": "size_effect",
    "nc": "size_effect",
    "elongation": "roundness",
    "skew": "roundness",
    "density": "stain_effect",
}
"""Attributes that differ between the classes, and the parameter of `PhantomSpec` that scales the difference."""


@dataclass(frozen=True)
class Mixture:
    """Constants of a mixture of diseased and normal cells.

    Parameters
    ----------
    shifts : mapping
        Difference between the classes of each of `ATTRIBUTES` at parameters 1, in standard deviations among cells of
        one patient; of the harmonics of the outline, in halves of the logarithm. Diseased cells have more and deeper
        clefts, finer grain, larger and less round nuclei, less cytoplasm and darker nuclei.
    cleft_thresholds : tuple of 4 floats
        Standard normal values above which a nucleus of a normal patient has one more cleft.
    grain_px, contrast : float
        Chromatin of a normal cell, see `CellAppearance`, at 300 pixels.
    elongation : tuple of 2 floats
        Lowest `CellAppearance.elongation` of normal cells, and the width of its range.
    signature_spread : float
        Spread among patients at `signature` 1, in standard deviations among cells of one patient.
    severity_spread : float
        Spread of the severity among patients, shared by all attributes and again in each, in units of the shift.
    """

    shifts: Mapping[str, float]
    cleft_thresholds: tuple[float, float, float, float]
    grain_px: float
    contrast: float
    elongation: tuple[float, float]
    signature_spread: float
    severity_spread: float


MIXTURES: Mapping[str, Mixture] = {
    "shape": Mixture(
        shifts={
            "clefts": 0.65,
            "depth": 0.4,
            "grain": 2.75,
            "radius": 0.1,
            "nc": 0.1,
            "elongation": 0.4,
            "skew": 0.4,
            "density": 0.1,
        },
        cleft_thresholds=(0.8, 1.5, 2.1, 2.7),
        grain_px=7.5,
        contrast=0.12,
        elongation=(0.01, 0.11),
        signature_spread=1.3,
        severity_spread=0.1,
    ),
    "size": Mixture(
        shifts={
            "clefts": 1.75,
            "depth": 1.15,
            "grain": 1.3,
            "radius": 1.25,
            "nc": 1.1,
            "elongation": 0.0,
            "skew": 0.0,
            "density": 0.0,
        },
        cleft_thresholds=(0.4, 1.2, 1.9, 2.6),
        grain_px=8.0,
        contrast=0.11,
        elongation=(0.02, 0.11),
        signature_spread=1.8,
        severity_spread=0.2,
    ),
}
"""`shape`, the default: clefts, roundness and chromatin differ, size and stain nearly match. `size`: the size of cell
and nucleus differs most."""
