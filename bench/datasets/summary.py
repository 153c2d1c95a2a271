"""Summary tables of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from bench.datasets.scanning.scan import Scan
from bench.datasets.table import Dataset

_Count = Callable[[pd.DataFrame], dict[str, float]]


@dataclass(frozen=True)
class Description:
    """Summary tables of a dataset.

    Parameters
    ----------
    classes : DataFrame
        Index: the labels and `total`. Columns `cells`, `patients`, `units` (int). A patient with cells of several
        classes counts in each of them and once in the total.
    per_patient : DataFrame
        Index: the labels and `total`. Columns `min`, `median`, `max`: cells per patient.
    sizes : DataFrame
        Columns `height`, `width` (px), `cells`: image sizes, the most frequent first.
    folds : DataFrame or None
        Index: official folds. For each label, the columns `<label> cells` and `<label> patients`; None without folds.
    """

    classes: pd.DataFrame
    per_patient: pd.DataFrame
    sizes: pd.DataFrame
    folds: pd.DataFrame | None


def describe(dataset: Dataset, scan: Scan) -> Description:
    """Count a dataset's cells, patients, split units, image sizes and official folds.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    scan : Scan
        Scan of these cells; unreadable cells are missing from `sizes` only.
    """
    table = dataset.table
    return Description(
        classes=_by_label(table, _counts),
        per_patient=_by_label(table, _cells_per_patient),
        sizes=_sizes(scan.table),
        folds=_folds(table) if "fold" in table else None,
    )


def _by_label(table: pd.DataFrame, count: _Count) -> pd.DataFrame:
    rows = {str(label): count(cells) for label, cells in table.groupby("label")}
    return pd.DataFrame.from_dict({**rows, "total": count(table)}, orient="index")


def _counts(cells: pd.DataFrame) -> dict[str, float]:
    return {"cells": len(cells), "patients": cells["patient"].nunique(), "units": cells["unit"].nunique()}


def _cells_per_patient(cells: pd.DataFrame) -> dict[str, float]:
    sizes = cells.groupby("patient").size()
    return {"min": int(sizes.min()), "median": float(sizes.median()), "max": int(sizes.max())}


def _sizes(scanned: pd.DataFrame) -> pd.DataFrame:
    sizes = scanned[["height", "width"]].dropna().astype(int).value_counts().rename("cells").reset_index()
    return sizes.sort_values(["cells", "height", "width"], ascending=[False, True, True], ignore_index=True)


def _folds(table: pd.DataFrame) -> pd.DataFrame:
    grouped = table.groupby(["fold", "label"])
    cells = grouped.size().unstack(fill_value=0).add_suffix(" cells")
    patients = grouped["patient"].nunique().unstack(fill_value=0).add_suffix(" patients")
    return pd.concat([cells, patients], axis=1).rename_axis(columns=None)
