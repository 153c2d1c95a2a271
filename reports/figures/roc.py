"""Patient-weighted ROC curves; the area equals the AUROC of the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class Curve:
    """A polyline from (0, 0) to (1, 1).

    Parameters
    ----------
    false_positive, true_positive : ndarray of float64, shape (n_points,)
        Patient-weighted rates in [0, 1]; both are non-decreasing.
    """

    false_positive: Floats
    true_positive: Floats

    @property
    def area(self) -> float:
        """Area under the polyline."""
        return float(np.trapezoid(self.true_positive, self.false_positive))


def patient_curve(predictions: pd.DataFrame, label: str) -> Curve | None:
    """Compute the ROC curve of one class vs the rest.

    Scores of two fitted models are not comparable, so each fold of each repeat has its own curve, in which a cell has
    weight 1 / (cells of its split unit in the repeat). The curves of the folds are averaged vertically with the weights
    of their pairs in the AUROC (weight of positive cells x weight of other cells), then those of the repeats. The area
    under the average is the average of the areas, hence the AUROC of `bench.scores.metrics`.

    Parameters
    ----------
    predictions : DataFrame
        Columns `unit`, `label`, `repeat`, `fold` and `p_<label>`.
    label : str
        The class.

    Returns
    -------
    Curve or None
        None where a repeat has no fold with both the class and another class.
    """
    repeats = [_of_repeat(part, label) for _, part in predictions.groupby("repeat", sort=True)]
    curves = [curve for curve in repeats if curve is not None]
    return _average(curves, np.ones(len(curves))) if curves and len(curves) == len(repeats) else None


def _of_repeat(predictions: pd.DataFrame, label: str) -> Curve | None:
    weight = 1.0 / predictions.groupby("unit")["unit"].transform("size").to_numpy(dtype=np.float64)
    is_class = predictions["label"].to_numpy().astype(str) == label
    scores = predictions[f"p_{label}"].to_numpy(dtype=np.float64)
    fold = predictions["fold"].to_numpy()
    curves, pairs = [], []
    for here in (fold == f for f in np.unique(fold)):
        positive, rest = weight[here & is_class].sum(), weight[here & ~is_class].sum()
        if positive > 0 and rest > 0:
            fpr, tpr, _ = roc_curve(is_class[here], scores[here], sample_weight=weight[here])
            curves.append(Curve(fpr, tpr))
            pairs.append(positive * rest)
    return _average(curves, np.array(pairs)) if curves else None


def _average(curves: list[Curve], weights: Floats) -> Curve:
    at = np.unique(np.concatenate([c.false_positive for c in curves]))
    both = np.tensordot(weights / weights.sum(), np.stack([_ends(c, at) for c in curves]), axes=1)
    return Curve(np.repeat(at, 2), both.T.ravel())


def _ends(curve: Curve, at: Floats) -> Floats:
    """Lower and upper end of the curve at each rate, shape (2, n); they differ where the curve is vertical."""
    fpr, tpr = curve.false_positive, curve.true_positive
    first, last = np.searchsorted(fpr, at, "left"), np.searchsorted(fpr, at, "right")
    between = np.interp(at, fpr, tpr)
    on_point = last > first
    lower = np.where(on_point, tpr[np.minimum(first, len(tpr) - 1)], between)
    upper = np.where(on_point, tpr[last - 1], between)
    return np.stack([lower, upper])
