"""Calibration, thresholds and patient scores, fitted on inner out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.scores.aggregation import AGGREGATES, decide_cells, patient_scores
from bench.scores.calibration import CALIBRATIONS, Calibrator, fit_calibrator
from bench.scores.thresholds import BALANCED, choose_threshold, parse_threshold, patient_weights
from bench.statistics.arrays import Codes, Flags, Floats, Values


@dataclass(frozen=True)
class Decision:
    """Settings that turn probabilities into decisions.

    Parameters
    ----------
    calibrate : {"none", "sigmoid", "temperature"}
        Calibration method; see `bench.scores.calibration`.
    threshold : str
        `balanced`, a number, `sens@X` or `spec@X`; stored in its canonical form. Two classes only.
    aggregate : {"mean", "logit", "share"}
        Aggregation of a patient's cells into one score; see `bench.scores.aggregation`.
    """

    calibrate: str = "none"
    threshold: str = BALANCED
    aggregate: str = "mean"

    def __post_init__(self) -> None:
        for name, known in (("calibrate", CALIBRATIONS), ("aggregate", AGGREGATES)):
            if getattr(self, name) not in known:
                raise BenchError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(known)}")
        object.__setattr__(self, "threshold", str(parse_threshold(self.threshold)))


@dataclass(frozen=True)
class Inner:
    """Uncalibrated inner out-of-fold predictions of the training cells of one outer fold.

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
    units: Values
    folds: Values


@dataclass(frozen=True)
class FittedDecision:
    """Calibration and thresholds fitted on training patients.

    Parameters
    ----------
    calibrator : callable
        Uncalibrated probabilities to probabilities; the identity without calibration.
    calibrated : bool
        Whether the probabilities change.
    threshold : float
        A cell is positive from this probability of the positive class on; NaN with more than two classes.
    patient_threshold : float
        The same for the patient's score; NaN with more than two classes, and where a training patient has cells of
        both classes, so that patients have no single label.
    """

    calibrator: Calibrator
    calibrated: bool
    threshold: float
    patient_threshold: float

    def add_to(self, table: pd.DataFrame, raw: Floats, classes: Sequence[str]) -> pd.DataFrame:
        """Add calibrated probabilities and thresholds to a table of uncalibrated predictions.

        Parameters
        ----------
        table : DataFrame
            Columns `p_<class>` (uncalibrated); one row per test cell.
        raw : ndarray of float64, shape (n_cells, n_classes)
            The uncalibrated probabilities.

        Returns
        -------
        DataFrame
            The table with the columns `threshold` and `patient_threshold`. With calibration, `p_<class>` are the
            calibrated probabilities and `raw_<class>` the uncalibrated ones.
        """
        decided = table.assign(threshold=self.threshold, patient_threshold=self.patient_threshold)
        if self.calibrated:
            decided[[f"raw_{label}" for label in classes]] = raw
            decided[[f"p_{label}" for label in classes]] = self.calibrator(raw)
        return decided


def fit_decision(inner: Inner, decision: Decision, *, positive: int) -> FittedDecision:
    """Fit calibration and thresholds on training patients.

    Every step uses inner out-of-fold predictions of training patients only, in this order: the calibrator, with weight
    1 / (cells of the split unit); the cell threshold on the calibrated inner scores; with it, the inner patient scores
    and, by the same rule and with weight 1 for each patient, the patient threshold.

    Inner scores are cross-calibrated before thresholds are chosen: the scores of each inner fold by a calibrator fitted
    on the other inner folds. Test cells are calibrated by the calibrator fitted on all inner folds. (On scores that the
    calibrator was fitted on, a cell threshold would give the same decisions, since calibration is monotonic; the mean
    score of a patient would not.)

    Parameters
    ----------
    inner : Inner
        Predictions of at least two inner folds, each of which contains every class.
    decision : Decision
        Calibration method, threshold rule and aggregation.
    positive : int
        Code of the positive class of two.

    Raises
    ------
    BenchError
        A class is missing in the inner folds that a calibrator is fitted on.
    """
    all_rows = np.ones(len(inner.labels), dtype=np.bool_)
    calibrator = _calibrator(inner, all_rows, decision, positive)
    calibrated = decision.calibrate != "none"
    if inner.probabilities.shape[1] != 2:
        return FittedDecision(calibrator, calibrated, float("nan"), float("nan"))
    fitted = _cross_calibrated(inner, decision, positive)
    rule, weights = parse_threshold(decision.threshold), patient_weights(inner.units)
    threshold = choose_threshold(rule, fitted[:, positive], inner.labels == positive, weights)

    units, unit_of = np.unique(inner.units, return_inverse=True)
    labels = label_of_units(unit_of, inner.labels, len(units))
    if labels is None:
        return FittedDecision(calibrator, calibrated, threshold, float("nan"))
    cells = decide_cells(fitted, threshold, positive)
    scores = patient_scores(decision.aggregate, fitted, cells, unit_of, len(units))[:, positive]
    patient_threshold = choose_threshold(rule, scores, labels == positive, np.ones(len(units)))
    return FittedDecision(calibrator, calibrated, threshold, patient_threshold)


def label_of_units(unit_of: Codes, labels: Codes, n_units: int) -> Codes | None:
    """Label of each split unit, shape (n_units,); None where a unit has cells of several classes.

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


def _calibrator(inner: Inner, rows: Flags, decision: Decision, positive: int) -> Calibrator:
    probabilities, labels = inner.probabilities[rows], inner.labels[rows]
    n_classes, present = probabilities.shape[1], len(np.unique(labels))
    if decision.calibrate != "none" and present < n_classes:
        raise BenchError(
            f"calibration ({decision.calibrate}) needs cells of every class in the inner folds that it is fitted on, "
            f"but contains only {present} of {n_classes}; use fewer --inner-folds, or --calibrate none"
        )
    return fit_calibrator(
        decision.calibrate, probabilities, labels, patient_weights(inner.units[rows]), positive=positive
    )
