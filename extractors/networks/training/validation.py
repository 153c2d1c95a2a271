"""Validation scores of a network: each patient has weight 1."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from extractors.arrays import Float64Array, Int64Array


def weighted_auroc(probabilities: Float64Array, targets: Int64Array, weights: Float64Array) -> float:
    """Compute the weighted area under the ROC curve, averaged over the classes for more than two.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n, n_classes)
    targets : ndarray of int64, shape (n,)
        Class codes.
    weights : ndarray of float64, shape (n,)

    Returns
    -------
    float
        0 to 1; NaN where only one class is present.
    """
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [
        float(roc_auc_score(targets == code, probabilities[:, code], sample_weight=weights))
        if 0 < np.count_nonzero(targets == code) < len(targets)
        else float("nan")
        for code in classes
    ]
    return float(np.mean(areas))
