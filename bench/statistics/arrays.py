"""Types of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Codes = npt.NDArray[np.intp]
"""Class codes, numbers of units or folds, and row positions."""

Flags = npt.NDArray[np.bool_]

Values = npt.NDArray[Any]
"""Labels, identifiers or numbers of any type."""
