"""Multiple testing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.statistics.arrays import Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values by Holm's method (1979), which controls the family-wise error rate.

    Parameters
    ----------
    p_values : array-like of float, shape (n_tests,)
        In [0, 1]; NaN for a test that could not be computed, which is not part of the family.

    Returns
    -------
    ndarray of float64, shape (n_tests,)
        In the input order; NaN stays NaN.
    """
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 (takes a second to import)

    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    real = np.isfinite(p)
    if real.any():
        adjusted[real] = multipletests(p[real], method="holm")[1]
    return adjusted
