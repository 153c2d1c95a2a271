"""Scores of kept predictions, patient by patient, with patient-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.statistics import patient_draws, percentile_interval

Floats = npt.NDArray[np.float64]

CHUNK = 2000
"""Bootstrap draws that are scored at once."""


@dataclass(frozen=True)
class Metric:
    """A column of the leaderboard.

    Parameters
    ----------
    name : str
        Identifier; ends with the level: `_patient` (every split unit weighs 1, its cells share it) or `_cell`.
    title : str
        What a person reads: the quantity, a comma, the level.
    score : callable
        `Sums, draws (n_draws, n_units) -> (n_draws,)`.
    binary : bool
        Only for two classes.
    """

    name: str
    title: str
    score: Callable[[Sums, Floats], Floats]
    binary: bool = False


@dataclass(frozen=True)
class Sums:
    """What one repeat's predictions come to for each split unit; every metric and every draw follows from it.

    Parameters
    ----------
    concordant, comparable : ndarray, shape (n_scored_classes, n_units, n_units)
        For each class against the rest: weight of the concordant pairs (ties count half), and of all pairs, of a cell
        of the class from unit i and another cell from unit j that one fitted model predicted; a cell weighs
        1 / (cells of its unit).
    confusion : ndarray, shape (n_units, n_classes, n_classes)
        Cells of each unit by label (rows) and decision (columns).
    cells : ndarray, shape (n_units,)
        Cells of each unit.
    positive : int
        Index of the positive class.
    """

    concordant: Floats
    comparable: Floats
    confusion: Floats
    cells: Floats
    positive: int

    def of_cells(self, draws: Floats) -> Floats:
        """Confusion matrices (n_draws, n_classes, n_classes), every cell weighing 1."""
        return np.tensordot(draws, self.confusion, axes=1)

    def of_patients(self, draws: Floats) -> Floats:
        """Confusion matrices (n_draws, n_classes, n_classes), every split unit weighing 1."""
        return np.tensordot(draws, self.confusion / self.cells[:, None, None], axes=1)


def auroc(sums: Sums, draws: Floats) -> Floats:
    """Patient-weighted AUROC over pairs that one fitted model predicted; macro one-vs-rest with more classes."""
    with np.errstate(invalid="ignore"):
        per_class = [
            ((draws @ hit) * draws).sum(axis=1) / ((draws @ pairs) * draws).sum(axis=1)
            for hit, pairs in zip(sums.concordant, sums.comparable, strict=True)
        ]
    return np.asarray(np.mean(per_class, axis=0), dtype=np.float64)


def balanced_accuracy(sums: Sums, draws: Floats) -> Floats:
    """Mean over the classes of the patient-mean recall."""
    return np.asarray(_recalls(sums.of_patients(draws)).mean(axis=1))


def sensitivity(sums: Sums, draws: Floats) -> Floats:
    """Patient-mean recall of the positive class."""
    return np.asarray(_recalls(sums.of_patients(draws))[:, sums.positive])


def specificity(sums: Sums, draws: Floats) -> Floats:
    """Patient-mean recall of the other class."""
    return np.asarray(_recalls(sums.of_patients(draws))[:, 1 - sums.positive])


def weighted_f1(sums: Sums, draws: Floats) -> Floats:
    """F1 of each class over all cells, weighted by the class's cells; a class never decided has F1 0."""
    matrix = sums.of_cells(draws)
    hits = np.diagonal(matrix, axis1=1, axis2=2)
    labelled, decided = matrix.sum(axis=2), matrix.sum(axis=1)
    with np.errstate(invalid="ignore"):
        f1 = np.where(labelled + decided > 0, 2 * hits / (labelled + decided), 0.0)
    return np.asarray((f1 * labelled).sum(axis=1) / labelled.sum(axis=1))


def accuracy(sums: Sums, draws: Floats) -> Floats:
    """Share of cells decided rightly."""
    matrix = sums.of_cells(draws)
    return np.asarray(np.trace(matrix, axis1=1, axis2=2) / matrix.sum(axis=(1, 2)))


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auroc_patient", "AUROC, patient-weighted", auroc),
        Metric("balanced_accuracy_patient", "Balanced accuracy, patient mean", balanced_accuracy),
        Metric("sensitivity_patient", "Sensitivity, patient mean", sensitivity, binary=True),
        Metric("specificity_patient", "Specificity, patient mean", specificity, binary=True),
        Metric("weighted_f1_cell", "Weighted F1, cell level", weighted_f1),
        Metric("accuracy_cell", "Accuracy, cell level", accuracy),
    )
}
PRIMARY = "auroc_patient"


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns of a predictions table that hold the probability of each class."""
    return [f"p_{label}" for label in classes]


def score(
    predictions: pd.DataFrame,
    *,
    classes: Sequence[str],
    positive: str | None,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Every metric with its 95 % patient-bootstrap interval, conditional on the fitted models.

    Repeats are averaged after scoring, in the estimate and in every draw alike.

    Parameters
    ----------
    predictions : DataFrame
        Columns `unit`, `label`, `repeat`, `fold`, `threshold` and `p_<class>` for each class; one row a predicted cell.
    classes : sequence of str
        The labels, in sort order.
    positive : str or None
        Positive class; two classes only.

    Returns
    -------
    DataFrame
        Columns `metric`, `value`, `low`, `high` (float64, in [0, 1]) and `repeat_sd` (NaN with one repeat).

    Raises
    ------
    BenchError
        Probabilities that are not finite.
    """
    units, unit_of = np.unique(predictions["unit"].to_numpy().astype(str), return_inverse=True)
    repeats = np.unique(predictions["repeat"].to_numpy())
    sums = [
        sums_of(predictions[rows], unit_of[rows], len(units), classes, positive)
        for rows in (predictions["repeat"].to_numpy() == r for r in repeats)
    ]
    labels = np.searchsorted(np.asarray(classes), predictions["label"].to_numpy().astype(str))
    weights = patient_draws(_class_of_units(unit_of, labels, len(units)), draws, seed)
    wanted = [m for m in METRICS.values() if len(classes) == 2 or not m.binary]
    return pd.DataFrame([{"metric": m.name, **_estimate(m, sums, weights)} for m in wanted])


def sums_of(
    predictions: pd.DataFrame, unit_of: npt.NDArray[np.intp], n_units: int, classes: Sequence[str], positive: str | None
) -> Sums:
    """The per-unit sums of one repeat's predictions."""
    probabilities = predictions[probability_columns(classes)].to_numpy(dtype=np.float64)
    if not np.isfinite(probabilities).all():
        raise BenchError("predictions hold probabilities that are not finite")
    if len(classes) == 2 and predictions["threshold"].isna().any():
        raise BenchError("predictions of two classes have no threshold")
    labels = np.searchsorted(np.asarray(classes), predictions["label"].to_numpy().astype(str))
    fold = predictions["fold"].to_numpy()
    cells = np.maximum(np.bincount(unit_of, minlength=n_units), 1).astype(np.float64)
    at = list(classes).index(positive) if positive is not None else 0
    decided = _decide(probabilities, predictions["threshold"].to_numpy(dtype=np.float64), at)
    confusion = np.zeros((n_units, len(classes), len(classes)))
    np.add.at(confusion, (unit_of, labels, decided), 1.0)
    scored = [at] if len(classes) == 2 else list(range(len(classes)))
    pairs = [_pairs(probabilities[:, c], labels == c, unit_of, fold, cells) for c in scored]
    return Sums(np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs]), confusion, cells, at)


def weighted_auroc(scores: Floats, is_class: npt.NDArray[np.bool_], groups: npt.NDArray[Any]) -> float:
    """AUROC of one fitted model's scores with weight 1 / (cells of the group) for each cell."""
    _, unit_of = np.unique(groups, return_inverse=True)
    cells = np.bincount(unit_of).astype(np.float64)
    hit, pairs = _pairs(scores, is_class, unit_of, np.zeros(len(scores), dtype=int), cells)
    return float(hit.sum() / pairs.sum())


def _estimate(metric: Metric, sums: Sequence[Sums], weights: Floats) -> dict[str, float]:
    ones = np.ones((1, weights.shape[1]))
    each = np.array([metric.score(s, ones)[0] for s in sums])
    chunks = np.array_split(weights, max(1, len(weights) // CHUNK))
    drawn = np.concatenate([np.mean([metric.score(s, chunk) for s in sums], axis=0) for chunk in chunks])
    low, high = percentile_interval(drawn)
    return {
        "value": float(each.mean()),
        "low": low,
        "high": high,
        "repeat_sd": float(each.std(ddof=1)) if len(each) > 1 else float("nan"),
    }


def _decide(probabilities: Floats, threshold: Floats, positive: int) -> npt.NDArray[np.intp]:
    if probabilities.shape[1] == 2:
        return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)
    return np.asarray(probabilities.argmax(axis=1))


def _recalls(matrix: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diagonal(matrix, axis1=1, axis2=2) / matrix.sum(axis=2))


def _class_of_units(unit_of: npt.NDArray[np.intp], labels: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.intp]:
    lowest, highest = np.full(n, np.iinfo(np.intp).max), np.full(n, -1)
    np.minimum.at(lowest, unit_of, labels)
    np.maximum.at(highest, unit_of, labels)
    return highest if np.array_equal(lowest, highest) else np.zeros(n, dtype=np.intp)


def _pairs(
    scores: Floats,
    is_class: npt.NDArray[np.bool_],
    unit_of: npt.NDArray[np.intp],
    fold: npt.NDArray[Any],
    cells: Floats,
) -> tuple[Floats, Floats]:
    concordant, comparable = np.zeros((2, len(cells), len(cells)))
    for f in np.unique(fold):
        here = fold == f
        positive, negative = np.flatnonzero(here & is_class), np.flatnonzero(here & ~is_class)
        rows = unit_of[positive]
        for j in np.unique(unit_of[negative]):
            rivals = np.sort(scores[negative[unit_of[negative] == j]])
            below = np.searchsorted(rivals, scores[positive], "left") + np.searchsorted(
                rivals, scores[positive], "right"
            )
            concordant[:, j] += np.bincount(rows, weights=below / 2, minlength=len(cells)) / (cells * cells[j])
            comparable[:, j] += np.bincount(rows, minlength=len(cells)) * len(rivals) / (cells * cells[j])
    return concordant, comparable
