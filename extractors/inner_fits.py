"""Values of the parameter `inner` of a fitted extractor: from which fits inner predictions come."""

from __future__ import annotations

OUT_OF_FOLD = "out-of-fold"
"""One fit per inner fold, on the other inner folds."""

HOLDOUT = "holdout"
"""One fit, without the patients of one inner fold, of which alone inner predictions are made."""

NAIVE = "naive"
"""One fit on all training cells, those of the inner predictions too; optimistic."""

INNER = (OUT_OF_FOLD, HOLDOUT, NAIVE)
