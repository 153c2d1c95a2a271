"""Feature importances of a fitted classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = ["repeat", "fold", "feature", "importance"]
"""Columns of the stored table: one row per feature and outer fold."""


def importances_of(classifier: Any, names: Sequence[str]) -> pd.DataFrame:
    """Return the `feature_importances_` of a fitted classifier, normalised to sum 1.

    Parameters
    ----------
    classifier : fitted classifier
        Its `feature_importances_` are used if they are one finite number of at least 0 per feature.
    names : sequence of str
        Names of its features, in the order of the columns.

    Returns
    -------
    DataFrame
        Columns `feature` and `importance`, which sums to 1, or is 0 throughout if all importances are 0. Empty if
        there are no such importances.
    """
    importances = getattr(classifier, "feature_importances_", None)
    values = np.zeros(0) if importances is None else np.asarray(importances, dtype=np.float64)
    if values.shape != (len(names),) or not np.all(np.isfinite(values) & (values >= 0)):
        return pd.DataFrame({"feature": pd.Series(dtype=str), "importance": pd.Series(dtype=np.float64)})
    return pd.DataFrame({"feature": list(names), "importance": values / (values.sum() or 1.0)})
