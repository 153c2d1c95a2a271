"""Phantom patients: classes differ by an effect, patients differ by a signature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.datasets.phantom.appearance import CellAppearance, Triple
from bench.datasets.phantom.mixtures import ATTRIBUTES, MIXTURES
from bench.errors import BenchError, did_you_mean

Floats = npt.NDArray[np.float64]

NORMAL, DISEASED = "normal", "diseased"

SIGNATURE = {
    "nucleus_density": 0.03,
    "nucleus_red": 0.02,
    "nucleus_green": 0.03,
    "cytoplasm_density": 0.03,
    "cytoplasm_blue": 0.02,
    "brightness": 0.03,
    "gamma": 0.03,
    "grain": 0.08,
    "contrast": 0.08,
    "noise": 0.08,
    "blur": 0.06,
}
"""Dimensions of a patient signature and their spread among cells of one patient (of the logarithm)."""

DRAWN = 5
"""Attributes of `ATTRIBUTES`, the first ones, that vary by a normal number of their own among cells."""

RANGES = {
    "patients": (1, 10_000),
    "cells": (1, 100_000),
    "spread": (0, 2),
    "effect": (0, 10),
    "clefts": (0, 10),
    "roundness": (0, 10),
    "chromatin": (0, 10),
    "size_effect": (0, 100),
    "stain_effect": (0, 100),
    "signature": (0, 10),
    "size": (48, 4096),
    "debris": (0, 1),
    "seed": (0, 2**32 - 1),
}
"""Lowest and highest value of each parameter of `PhantomSpec`."""

NUCLEUS_RGB: Triple = (63.0, 25.0, 75.0)
CYTOPLASM_RGB: Triple = (92.0, 54.0, 110.0)


@dataclass(frozen=True)
class PhantomSpec:
    """Parameters of a phantom dataset.

    Parameters
    ----------
    patients : int
        Patients of each class.
    cells : float
        Mean number of cells of a patient; the numbers are log-normal, rounded, at least 1.
    spread : float
        Standard deviation of the logarithm of the number of cells of a patient; 0: all have `cells`.
    effect : float
        Factor on every difference between the classes. 0: none, no pixel depends on the class.
    signature : float
        Strength of the patient signature in eleven independent dimensions of stain, brightness, optics and chromatin.
        0: none; 3 and more: patients are recognisable from 10 cells of each of 200 patients.
    size : int
        Height and width of the images in pixels; all lengths scale with it, except the blur.
    debris : float
        Fraction of cells with debris, which touches the cell in three of four cases.
    seed : int
        Random seed.
    mixture : str
        What differs between the classes, one of `MIXTURES`. `"shape"`: clefts, roundness and chromatin, with size and
        stain nearly matched; `"size"`: mostly the size of cell and nucleus, and clefts.
    clefts, roundness, chromatin, size_effect, stain_effect : float
        Factors on the mixture's difference in the number and depth of clefts, in the harmonics of the outline, in the
        grain of the chromatin, in the size of nucleus and cytoplasm, and in the density of the nucleus. 1: the
        difference of the mixture; 0: none.

    Raises
    ------
    BenchError
        The mixture is unknown, or a value is out of range (`RANGES`).
    """

    patients: int = 12
    cells: float = 25.0
    spread: float = 0.4
    effect: float = 1.0
    signature: float = 1.0
    size: int = 300
    debris: float = 0.2
    seed: int = 0
    mixture: str = "shape"
    clefts: float = 1.0
    roundness: float = 1.0
    chromatin: float = 1.0
    size_effect: float = 1.0
    stain_effect: float = 1.0

    def __post_init__(self) -> None:
        if self.mixture not in MIXTURES:
            near = did_you_mean(str(self.mixture), list(MIXTURES))
            raise BenchError(f"phantom cells: mixture is {self.mixture!r}.{near} Choose one of {', '.join(MIXTURES)}.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            integral = name in ("patients", "size", "seed")
            if not low <= value <= high or (integral and value != int(value)):
                kind = "an integer" if integral else "a number"
                raise BenchError(f"phantom cells: {name} is {value}; it must be {kind} from {low:g} to {high:g}")


@dataclass(frozen=True)
class PhantomPatient:
    """A patient: identity, number of cells and position among patients.

    Parameters
    ----------
    id : str
        `P001`, `P002`, ..., independent of the class.
    index : int
        Position, from 0.
    label : str
        `"diseased"` or `"normal"`.
    n_cells : int
        Number of cells.
    course : ndarray of float64, shape (8,)
        Severity relative to the class, for each of `ATTRIBUTES`.
    signature : ndarray of float64, shape (11,)
        Position in each dimension of `SIGNATURE`: mean 0, variance 1 among patients, within +- sqrt(3).
    """

    id: str
    index: int
    label: str
    n_cells: int
    course: Floats
    signature: Floats


def patients_of(spec: PhantomSpec) -> list[PhantomPatient]:
    """Return the patients of both classes in mixed order.

    Each patient depends only on `spec.seed`, `spec.cells`, `spec.spread` and its position, so that a larger set begins
    with the smaller one. One of two neighbours, chosen at random, is diseased.
    """
    return [_patient(spec, index) for index in range(2 * spec.patients)]


def cell_appearance(spec: PhantomSpec, patient: PhantomPatient, rng: np.random.Generator) -> CellAppearance:
    """Draw the appearance of one cell of a patient.

    `patient.label` and `patient.course` have no effect if `spec.effect` is 0 or the five factors are 0,
    `patient.signature` has none if `spec.signature` is 0.
    """
    mixture = MIXTURES[spec.mixture]
    shift = class_shift(spec, patient)
    latent = dict(zip(ATTRIBUTES, shift[:DRAWN] + _normal(rng, DRAWN), strict=False))
    less_round, skewed, dense = map(math.exp, shift[DRAWN:] * (0.5, 0.5, -SIGNATURE["nucleus_density"]))
    drift = mixture.signature_spread * spec.signature * patient.signature + _normal(rng, len(SIGNATURE))
    sign = {name: math.exp(sd * d) for (name, sd), d in zip(SIGNATURE.items(), drift, strict=True)}
    roundest, span = mixture.elongation
    elongation, skew, debris, loose = rng.uniform(size=4)

    scale = spec.size / 300.0
    odds = (0.72 / 0.28) * math.exp(0.4 * latent["nc"])
    return CellAppearance(
        n_clefts=sum(latent["clefts"] > threshold for threshold in mixture.cleft_thresholds),
        cleft_depth=_between(0.18 * math.exp(0.25 * latent["depth"]), 0.11, 0.36),
        elongation=_between((roundest + span * elongation) * less_round, 0.0, 0.15),
        skew=_between(0.03 * skew * skewed, 0.0, 0.04),
        nucleus_radius_px=scale * _between(57.0 * math.exp(0.10 * latent["radius"]), 38.0, 76.0),
        nc_ratio=_between(odds / (1.0 + odds), 0.55, 0.92),
        grain_px=scale * _between(mixture.grain_px * math.exp(-0.18 * latent["grain"]) * sign["grain"], 2.5, 24.0),
        contrast=_between(mixture.contrast * sign["contrast"], 0.02, 0.35),
        nucleus_rgb=_tint(NUCLEUS_RGB, dense * sign["nucleus_density"], sign["nucleus_red"], sign["nucleus_green"]),
        cytoplasm_rgb=_tint(CYTOPLASM_RGB, sign["cytoplasm_density"], 1.0 / sign["cytoplasm_blue"], 1.0),
        brightness=sign["brightness"],
        gamma=sign["gamma"],
        noise=_between(1.2 * sign["noise"], 0.2, 6.0),
        blur_px=_between(1.0 * sign["blur"], 0.4, 4.0),
        debris="none" if debris >= spec.debris else "loose" if loose < 0.25 else "touching",
    )


def random_stream(spec: PhantomSpec, *key: int) -> np.random.Generator:
    """Return the generator of one patient (position) or one cell (position of the patient, number of the cell)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(spec.seed, spawn_key=key)))


def class_shift(spec: PhantomSpec, patient: PhantomPatient) -> Floats:
    """Shift of each of `ATTRIBUTES` for the cells of a patient: class and severity."""
    strength = [getattr(spec, ATTRIBUTES[name]) * MIXTURES[spec.mixture].shifts[name] for name in ATTRIBUTES]
    burden = patient.course + (patient.label == DISEASED)
    return np.asarray(spec.effect * np.array(strength) * burden)


def _patient(spec: PhantomSpec, index: int) -> PhantomPatient:
    rng = random_stream(spec, index)
    size, shared = _normal(rng, 2)
    own = _normal(rng, DRAWN)
    signature = math.sqrt(3.0) * rng.uniform(-1.0, 1.0, len(SIGNATURE))
    more = _normal(random_stream(spec, index, 0, 1), len(ATTRIBUTES) - DRAWN)
    spread = MIXTURES[spec.mixture].severity_spread
    course = spread * shared + spread * np.concatenate([own, more])
    n_cells = round(spec.cells * math.exp(spec.spread * size - 0.5 * spec.spread**2))
    first_is_ill = random_stream(spec, index // 2, 0, 0).random() < 0.5
    label = DISEASED if first_is_ill == (index % 2 == 0) else NORMAL
    return PhantomPatient(f"P{index + 1:03d}", index, label, max(n_cells, 1), course, signature)


def _normal(rng: np.random.Generator, count: int) -> Floats:
    """Draw standard normal numbers, clipped at +- 3 so that every cell can be drawn."""
    return np.clip(rng.standard_normal(count), -3.0, 3.0)


def _tint(rgb: Triple, density: float, red: float, green: float) -> Triple:
    """Scale the density, the ratio of red to blue, and green of a colour."""
    return rgb[0] * density * red, rgb[1] * density * green, rgb[2] * density / red


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
