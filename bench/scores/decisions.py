"""Calibration, threshold and the patient's score, learned on the inner predictions of the training patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.scores.aggregation import AGGREGATES, decide_cells, patient_scores
from bench.scores.calibration import CALIBRATIONS, Calibrator, fit_calibrator
from bench.scores.thresholds import BALANCED, choose_threshold, parse_threshold, patient_weights

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Decision:
    """How probabilities become decisions.

    Parameters
    ----------
    calibrate : {"none", "sigmoid", "temperature"}
        How the classifier's probabilities are mended; see `bench.scores.calibration`.
    threshold : str
        `balanced`, a number, `sens@X` or `spec@X`; kept in its canonical form. Two classes only.
    aggregate : {"mean", "logit", "share"}
        How a patient's cells become one score; see `bench.scores.aggregation`.
    """

    calibrate: str = "none"
    threshold: str = BALANCED
    aggregate: str = "mean"

    def __post_init__(self) -> None:
        for name, known in (("calibrate", CALIBRATIONS), ("aggregate", AGGREGATES)):
            if getattr(self, name) not in known:
                raise BenchError(f"{name} {getattr(self, name)!r}: it is one of {', '.join(known)}")
        object.__setattr__(self, "threshold", str(parse_threshold(self.threshold)))


@dataclass(frozen=True)
class Inner:
    """Inner out-of-fold predictions of the training cells of one outer fold, as the classifier gave them.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_cells, n_classes)
        Not calibrated.
    labels : ndarray of int, shape (n_cells,)
        Class codes.
    units : ndarray, shape (n_cells,)
        Split unit of each cell.
    folds : ndarray of int, shape (n_cells,)
        Inner fold in which each cell was predicted.
    """

    probabilities: Floats
    labels: Codes
    units: npt.NDArray[Any]
    folds: npt.NDArray[Any]


@dataclass(frozen=True)
class Decided:
    """What one outer fold's test cells are given.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_cells, n_classes)
        Calibrated, where asked for.
    threshold : float
        From which probability of the positive class on a cell is positive; NaN with more than two classes.
    patient_threshold : float
        The same for the patient's score; NaN with more than two classes, and where a training patient has cells of
        both classes, so that patients have no label.
    """

    probabilities: Floats
    threshold: float
    patient_threshold: float


def decide(raw: Floats, inner: Inner, decision: Decision, *, positive: int) -> Decided:
    """Learn a fold's decision on the training patients, and apply it to its test cells.

    In this order, each on the inner out-of-fold predictions of the training patients alone: the calibrator, with
    weight 1 / (cells of the split unit); on the calibrated inner scores the threshold of the cells; with it, the inner
    patients' scores and, by the same rule, each patient weighing 1, the threshold of the patients.

    The inner scores that the thresholds are chosen on were calibrated without their own patients: those of each inner
    fold by a calibrator that was fitted on the other inner folds. The test cells get the calibrator that was fitted
    on all. (Chosen on scores that the last one had been fitted on, a threshold of cells would move with them and
    decide the same, since the maps keep the order; a patient's mean score would not.)

    Parameters
    ----------
    raw : ndarray of float64, shape (n_test_cells, n_classes)
        Probabilities of the test cells, as the classifier gave them.
    inner : Inner
        From at least two inner folds, each of which holds every class.
    positive : int
        Code of the positive class of two.

    Raises
    ------
    BenchError
        A class is missing in the inner folds that a calibrator would be fitted on.
    """
    everything = np.ones(len(inner.labels), dtype=np.bool_)
    probabilities = _calibrator(inner, everything, decision, positive)(raw)
    if raw.shape[1] != 2:
        return Decided(probabilities, float("nan"), float("nan"))
    fitted = _cross_calibrated(inner, decision, positive)
    rule, weights = parse_threshold(decision.threshold), patient_weights(inner.units)
    threshold = choose_threshold(rule, fitted[:, positive], inner.labels == positive, weights)

    units, unit_of = np.unique(inner.units, return_inverse=True)
    labels = label_of_units(unit_of, inner.labels, len(units))
    if labels is None:
        return Decided(probabilities, threshold, float("nan"))
    cells = decide_cells(fitted, threshold, positive)
    scores = patient_scores(decision.aggregate, fitted, cells, unit_of, len(units))[:, positive]
    patient_threshold = choose_threshold(rule, scores, labels == positive, np.ones(len(units)))
    return Decided(probabilities, threshold, patient_threshold)


def decided_table(table: pd.DataFrame, found: Decided, classes: Sequence[str], *, calibrated: bool) -> pd.DataFrame:
    """A table of raw predictions with what was decided.

    Parameters
    ----------
    table : DataFrame
        With `p_<class>` as the classifier gave them; one row a test cell.
    found : Decided
        Of the same cells in the same order.
    calibrated : bool
        Whether `p_<class>` change; what they were is then kept as `raw_<class>`.

    Returns
    -------
    DataFrame
        With the columns `threshold` and `patient_threshold`.
    """
    columns = [f"p_{label}" for label in classes]
    decided = table.assign(threshold=found.threshold, patient_threshold=found.patient_threshold)
    if calibrated:
        decided[[f"raw_{label}" for label in classes]] = table[columns].to_numpy()
        decided[columns] = found.probabilities
    return decided


def label_of_units(unit_of: Codes, labels: Codes, n_units: int) -> Codes | None:
    """The one label of each split unit, shape (n_units,); None where a unit has cells of several classes.

    A unit without cells has label -1.
    """
    lowest, highest = np.full(n_units, np.iinfo(np.intp).max), np.full(n_units, -1)
    np.minimum.at(lowest, unit_of, labels)
    np.maximum.at(highest, unit_of, labels)
    return highest if np.array_equal(lowest[unit_of], highest[unit_of]) else None


def _cross_calibrated(inner: Inner, decision: Decision, positive: int) -> Floats:
    fitted = np.empty_like(inner.probabilities)
    for fold in np.unique(inner.folds):
        here = inner.folds == fold
        fitted[here] = _calibrator(inner, ~here, decision, positive)(inner.probabilities[here])
    return fitted


def _calibrator(inner: Inner, rows: npt.NDArray[np.bool_], decision: Decision, positive: int) -> Calibrator:
    probabilities, labels = inner.probabilities[rows], inner.labels[rows]
    n_classes, present = probabilities.shape[1], len(np.unique(labels))
    if decision.calibrate != "none" and present < n_classes:
        raise BenchError(
            f"calibration ({decision.calibrate}) needs cells of every class in the inner folds that it is fitted on, "
            f"but only {present} of {n_classes} are there; ask for fewer --inner-folds or for --calibrate none"
        )
    return fit_calibrator(
        decision.calibrate, probabilities, labels, patient_weights(inner.units[rows]), positive=positive
    )
