"""Several tests at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values adjusted so that the chance of any false rejection in the family stays at the level (Holm 1979).

    Parameters
    ----------
    p_values : array-like of float, shape (n_tests,)
        In [0, 1]; NaN for a test that was not possible, which is no member of the family.

    Returns
    -------
    ndarray of float64, shape (n_tests,)
        In the order given; NaN stays NaN.
    """
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 (takes a second to import)

    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    real = np.isfinite(p)
    if real.any():
        adjusted[real] = multipletests(p[real], method="holm")[1]
    return adjusted
