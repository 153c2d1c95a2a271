"""Recognition of patients from the features of their cells, within each class."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.seeds import seed_of
from bench.statistics.arrays import Codes, Floats, Values

FOLDS = 3
MAX_CELLS = 2000
"""Maximum number of cells per class: enough to distinguish 5 % from 2 %, and fast with 2000 features."""

MAX_ITERATIONS = 300


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
        1 / patients.
    majority : float
        Share of the patient with the most cells: accuracy of always predicting this patient.
    """

    label: str
    patients: int
    cells: int
    accuracy: float
    chance: float
    majority: float


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
        rows = _probed_rows(np.flatnonzero(labels == label), units, max_cells, seed)
        patients, counts = np.unique(units[rows], return_counts=True)
        if len(patients) < 2 or np.isnan(features[rows]).all():
            continue
        accuracy = _accuracy(np.asarray(features[np.sort(rows)], dtype=np.float64), units[np.sort(rows)], seed)
        share = float(counts.max() / counts.sum())
        results.append(Recognition(str(label), len(patients), len(rows), accuracy, 1 / len(patients), share))
    return results


def _probed_rows(rows: Codes, units: Values, max_cells: int, seed: int) -> Codes:
    if len(rows) > max_cells:
        rows = np.random.default_rng(seed_of("recognition", seed)).choice(rows, max_cells, replace=False)
    _, unit_of, counts = np.unique(units[rows], return_inverse=True, return_counts=True)
    return rows[counts[unit_of] >= FOLDS]


def _accuracy(x: Floats, y: Values, seed: int) -> float:
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed_of("recognition folds", seed))
    probe = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS)
    )
    with warnings.catch_warnings():
        # Full convergence is not needed for a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        return float((cross_val_predict(probe, x, y, cv=splitter) == y).mean())
