"""How well patients are recognised from the features of their cells, within each class."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.seeds import seed_of

FOLDS = 3
MAX_CELLS = 2000
"""Cells of a class that are probed at most: enough to tell 5 % from 2 %, and quick with 2000 features."""

MAX_ITERATIONS = 300


@dataclass(frozen=True)
class Recognition:
    """What the probe found in one class.

    Parameters
    ----------
    label : str
        The class.
    patients, cells : int
        Split units and cells that were probed.
    accuracy : float
        Share of cells whose patient was named rightly, in [0, 1].
    chance : float
        1 / patients.
    majority : float
        Share of the patient with the most cells: what naming always this one comes to.
    """

    label: str
    patients: int
    cells: int
    accuracy: float
    chance: float
    majority: float

    @property
    def above_chance(self) -> bool:
        """Whether the accuracy is above what needs no features by more than three standard errors."""
        idle = max(self.chance, self.majority)
        return self.accuracy > idle + 3 * float(np.sqrt(idle * (1 - idle) / self.cells))


def recognise_patients(
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    units: npt.NDArray[Any],
    *,
    max_cells: int = MAX_CELLS,
    seed: int = 0,
) -> list[Recognition]:
    """Probe each class with a logistic regression on standardised features, cell-level 3-fold.

    Within a class, since between classes the class does the work. The split is by cell on purpose: what is asked is
    whether a patient seen in training is recognised again.

    Parameters
    ----------
    features : ndarray, shape (n_cells, n_features)
        NaN where a feature does not exist; its median stands in.
    labels, units : ndarray of str, shape (n_cells,)
        Class and split unit of each cell.
    max_cells : int
        Cells of a class at most; more are drawn from at random.

    Returns
    -------
    list of Recognition
        In sort order of the classes; classes with fewer than two patients of at least 3 cells are left out.
    """
    found = []
    for label in np.unique(labels):
        rows = _probed(np.flatnonzero(labels == label), units, max_cells, seed)
        patients, counts = np.unique(units[rows], return_counts=True)
        if len(patients) < 2:
            continue
        accuracy = _accuracy(np.asarray(features[np.sort(rows)], dtype=np.float64), units[np.sort(rows)], seed)
        share = float(counts.max() / counts.sum())
        found.append(Recognition(str(label), len(patients), len(rows), accuracy, 1 / len(patients), share))
    return found


def _probed(rows: npt.NDArray[np.intp], units: npt.NDArray[Any], max_cells: int, seed: int) -> npt.NDArray[np.intp]:
    if len(rows) > max_cells:
        rows = np.random.default_rng(seed_of("recognition", seed)).choice(rows, max_cells, replace=False)
    _, unit_of, counts = np.unique(units[rows], return_inverse=True, return_counts=True)
    return rows[counts[unit_of] >= FOLDS]


def _accuracy(x: npt.NDArray[np.float64], y: npt.NDArray[Any], seed: int) -> float:
    right = 0
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed_of("recognition folds", seed))
    for train, test in splitter.split(x, y):
        known = ~np.isnan(x[train]).all(axis=0)
        probe = make_pipeline(
            SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS)
        )
        with warnings.catch_warnings():
            # How far the last step of a probe has converged does not matter for what it recognises.
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe.fit(x[train][:, known], y[train])
        right += int((probe.predict(x[test][:, known]) == y[test]).sum())
    return right / len(y)
