"""Recognition of patients from the features of their cells, within each class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.evidence.text import LEVEL, share_of
from bench.statistics.arrays import Codes, Floats, Values
from bench.statistics.multiple import holm
from extractors.seeds import seed_of

FOLDS = 3
MAX_CELLS = 2000
"""Maximum number of cells per class: enough to distinguish 5 % from 2 %, and fast with 2000 features."""

MAX_ITERATIONS = 300

SIZE = 0.05
"""Minimum share of cells beyond chance with which patients count as recognisable."""


@dataclass(frozen=True)
class Recognition:
    """Result of the probe in one class.

    Parameters
    ----------
    label : str
        Class.
    patients, cells : int
        Number of probed split units and cells.
    accuracy : float
        Share of cells with the correct patient, in [0, 1].
    chance : float
        The same share if the predictions were independent of the cells: sum over patients of the share of cells times
        the share of predictions; 1 / patients for patients with equally many cells.
    p : float
        One-sided p-value of the accuracy against chance; after Holm's correction over the classes.
    """

    label: str
    patients: int
    cells: int
    accuracy: float
    chance: float
    p: float

    @property
    def beyond_chance(self) -> float:
        """Share of the cells that are recognised beyond chance: (accuracy - chance) / (1 - chance), Cohen's kappa."""
        return (self.accuracy - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    @property
    def significant(self) -> bool:
        """Whether the accuracy is above chance at `LEVEL`."""
        return self.p <= LEVEL

    @property
    def recognisable(self) -> bool:
        """Whether patients are recognisable: above chance at `LEVEL`, and `SIZE` or more of the cells beyond it."""
        return self.significant and self.beyond_chance >= SIZE

    def __str__(self) -> str:
        return f"{share_of(self.accuracy)} of the cells of {self.label}, where {share_of(self.chance)} is chance"


def recognise_patients(
    features: Values, labels: Values, units: Values, *, max_cells: int = MAX_CELLS, seed: int = 0
) -> list[Recognition]:
    """Predict the patient within each class by logistic regression on standardised features, with cell-level 3-fold CV.

    Within a class, so that class differences do not contribute. The split is by cell on purpose: the probe measures
    whether patients of the training cells are recognised.

    Parameters
    ----------
    features : ndarray, shape (n_cells, n_features)
        Feature values; NaN is imputed by the median.
    labels, units : ndarray of str, shape (n_cells,)
        Class and split unit of each cell.
    max_cells : int
        Maximum number of cells per class; a random sample is used above it.

    Returns
    -------
    list of Recognition
        Sorted by class; classes with fewer than two patients of at least 3 cells, or without any value, are omitted.
    """
    results = []
    for label in np.unique(labels):
        rows = np.sort(_probed_rows(np.flatnonzero(labels == label), units, max_cells, seed))
        if len(np.unique(units[rows])) < 2 or np.isnan(features[rows]).all():
            continue
        predicted = _predictions(np.asarray(features[rows], dtype=np.float64), units[rows], seed)
        results.append(recognition_of(str(label), units[rows], predicted))
    corrected = holm([one.p for one in results])
    return [replace(one, p=float(p)) for one, p in zip(results, corrected, strict=True)]


def recognition_of(label: str, true: Values, predicted: Values) -> Recognition:
    """Compare predicted with true patients.

    The number of correct predictions is compared with its distribution over random assignments of the predictions to
    the cells, by its exact mean and variance and a normal approximation with continuity correction. With a[k] cells and
    b[k] predictions of patient k among n, the mean is sum(a b) / n and the variance
    [sum(a b)^2 - n sum(a b (a + b)) + n^2 sum(a b)] / (n^2 (n - 1)).

    Parameters
    ----------
    label : str
        Class of the cells.
    true, predicted : ndarray of str, shape (n_cells,)
        Patient of each cell; at least two patients.

    References
    ----------
    Fleiss, Cohen and Everitt, Psychological Bulletin 72:323 (1969): the variance of kappa under independence.
    """
    patients, codes = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    n = len(true)
    a, b = (np.bincount(part, minlength=len(patients)).astype(np.float64) for part in (codes[:n], codes[n:]))
    hits = int((codes[:n] == codes[n:]).sum())
    product = float((a * b).sum())
    mean = product / n
    variance = (product**2 - n * float((a * b * (a + b)).sum()) + n**2 * product) / (n**2 * (n - 1))
    p = float(norm.sf((hits - mean - 0.5) / np.sqrt(variance))) if variance > 0 else 1.0
    return Recognition(label, int((a > 0).sum()), n, hits / n, mean / n, p)


def recognisable_text(recognition: Sequence[Recognition]) -> str:
    """Describe in which classes patients are recognised above chance; empty if in none, or if none was probed."""
    significant = [one for one in recognition if one.significant]
    if not significant:
        return ""
    named = "; ".join(map(str, significant))
    if any(one.recognisable for one in significant):
        return f"patients can be recognised from the features (right patient for {named})"
    return f"patients are recognised slightly more often than by chance (right patient for {named})"


def _probed_rows(rows: Codes, units: Values, max_cells: int, seed: int) -> Codes:
    if len(rows) > max_cells:
        rows = np.random.default_rng(seed_of("recognition", seed)).choice(rows, max_cells, replace=False)
    _, unit_of, counts = np.unique(units[rows], return_inverse=True, return_counts=True)
    return rows[counts[unit_of] >= FOLDS]


def _predictions(x: Floats, y: Values, seed: int) -> Values:
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed_of("recognition folds", seed))
    probe = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS)
    )
    with warnings.catch_warnings():
        # Full convergence is not needed for a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        return np.asarray(cross_val_predict(probe, x, y, cv=splitter))
