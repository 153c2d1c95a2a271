"""Split units, cells and prevalence of each fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.splits.fold_manifest import Folds


def count_folds(folds: Folds, table: pd.DataFrame, *, positive: str | None) -> pd.DataFrame:
    """Count split units and cells of each fold.

    Parameters
    ----------
    folds : Folds
        Folds of the dataset.
    table : DataFrame
        Columns `label` and `unit`, in the order of the dataset.
    positive : str or None
        Positive class of two; None with more classes.

    Returns
    -------
    DataFrame
        One row per fold: `repeat`, `fold`; for each class `<class> units` (split units with a test cell of the class)
        and `<class> cells`; `train units`, `train cells`; and, with a positive class, `unit prevalence` (mean over the
        test units of the share of positive cells) and `cell prevalence` (share of the test cells), in [0, 1].
    """
    label, unit = table["label"].to_numpy().astype(str), pd.factorize(table["unit"])[0]
    classes = np.unique(label)
    rows = []
    for repeat, fold, train, test in folds.splits():
        row: dict[str, Any] = {"repeat": repeat, "fold": fold}
        for name in classes:
            here = test[label[test] == name]
            row |= {f"{name} units": len(np.unique(unit[here])), f"{name} cells": len(here)}
        row |= {"train units": len(np.unique(unit[train])), "train cells": len(train)}
        if positive is not None:
            hit = label[test] == positive
            cells, hits = np.bincount(unit[test]), np.bincount(unit[test], weights=hit)
            row["unit prevalence"] = float((hits[cells > 0] / cells[cells > 0]).mean())
            row["cell prevalence"] = float(hit.mean())
        rows.append(row)
    return pd.DataFrame(rows)


def spread(counts: pd.DataFrame, column: str) -> float:
    """Range of a column over the folds of a repeat, averaged over the repeats."""
    by_repeat = counts.groupby("repeat")[column]
    return float((by_repeat.max() - by_repeat.min()).mean())
