"""Seeds drawn from scikit-learn's `random_state`."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

RandomState = int | np.random.RandomState | None


def random_seed(random_state: RandomState) -> int:
    """Draw an integer in [0, 2**31 - 1), a valid seed of the C libraries; the same for the same integer."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
