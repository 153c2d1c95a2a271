"""How much a fitted classifier leans on each feature, by the feature's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = ["repeat", "fold", "feature", "importance"]
"""Of the kept table: one row a feature in each outer fold."""


def importances_of(classifier: Any, names: Sequence[str]) -> pd.DataFrame:
    """The importances that a fitted classifier tells by scikit-learn's attribute, as shares.

    Parameters
    ----------
    classifier : fitted classifier
        `feature_importances_` counts where it is one number of 0 or more for each feature.
    names : sequence of str
        Of its features, in the order of the columns.

    Returns
    -------
    DataFrame
        Columns `feature` and `importance`, which sums to 1, or is 0 throughout where the classifier leans on none.
        Empty where it tells no importances of this kind.
    """
    told = getattr(classifier, "feature_importances_", None)
    values = np.zeros(0) if told is None else np.asarray(told, dtype=np.float64)
    if values.shape != (len(names),) or not np.all(np.isfinite(values) & (values >= 0)):
        return pd.DataFrame({"feature": pd.Series(dtype=str), "importance": pd.Series(dtype=np.float64)})
    return pd.DataFrame({"feature": list(names), "importance": values / (values.sum() or 1.0)})
