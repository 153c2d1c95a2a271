"""Missing values of stored features: by family, by reason and by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.datasets.held_out import HELD_OUT, SET
from bench.features.class_differences import ClassDifference, class_shares
from bench.features.store.entry import feature_names, open_features, open_status
from bench.plugins.missing_reasons import reason_name, status_codes
from bench.splits.folds import Indices

MOSTLY = 0.5
"""A column is mostly missing if more than this share of its values is missing."""

NO_FAMILY = "features"
"""Family of columns whose names have no parts."""

ROWS = 4096
"""Cells that are in memory."""

CHECK = "bench data quality checks the masks"

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FamilyMissing:
    """Missing values of one family of columns.

    Parameters
    ----------
    name : str
        First part of the names of the columns.
    columns : int
        Number of columns.
    mostly_missing : int
        Number of columns that are missing in more than half of the cells.
    share : float
        Share of all values of the family that are missing, above 0.
    reason : str
        Most frequent reason.
    """

    name: str
    columns: int
    mostly_missing: int
    share: float
    reason: str


@dataclass(frozen=True)
class MissingValues:
    """Missing values of the features of a dataset.

    Parameters
    ----------
    cells, columns : int
        Size of the table of features.
    cells_without_values : int
        Number of cells without any feature.
    reason : str
        Most frequent reason; empty where no value is missing.
    families : tuple of FamilyMissing
        Families with missing values, in the order of the columns.
    class_differences : tuple of ClassDifference
        Families whose missing values depend on the class.
    missing_cells : tuple of int
        Number of cells in which each column is missing.
    """

    cells: int
    columns: int
    cells_without_values: int
    reason: str
    families: tuple[FamilyMissing, ...]
    class_differences: tuple[ClassDifference, ...]
    missing_cells: tuple[int, ...]

    @property
    def mostly_missing(self) -> int:
        """Number of columns that are missing in more than half of the cells."""
        return sum(family.mostly_missing for family in self.families)

    @property
    def all_missing(self) -> bool:
        """Whether no cell has a feature."""
        return self.cells_without_values == self.cells

    @property
    def failure(self) -> str:
        """Why experiments on these features fail; empty if some value exists."""
        if not self.all_missing:
            return ""
        return (
            f"all values are missing ({self.reason}): none of the {self.columns} features has a value in any of the "
            f"{self.cells} cells, so there is nothing to learn from; check the masks with bench data quality, or "
            "choose another extractor"
        )

    def notices(self, name: str) -> Iterator[str]:
        """Yield messages for the user; `name` is that of the features."""
        if self.all_missing:
            yield f"WARNING: {name}: {self.failure}"
            return
        if self.mostly_missing:
            parts = [
                f"{family.name} {family.mostly_missing} of {family.columns} ({family.reason})"
                for family in self.families
                if family.mostly_missing
            ]
            yield (
                f"{name}: {self.mostly_missing} of {self.columns} columns are missing in more than half of the "
                f"{self.cells} cells: {', '.join(parts)}; {CHECK}"
            )
        if self.cells_without_values:
            yield (
                f"{name}: {self.cells_without_values} of {self.cells} cells have no feature at all ({self.reason}); "
                f"a classifier gives all of them the same prediction; {CHECK}"
            )
        if self.class_differences:
            parts = [_difference_text(difference) for difference in self.class_differences]
            yield (
                f"{name}: missing values depend on the class, so a classifier can learn the class from them: "
                f"{'; '.join(parts)} (means over split units)"
            )

    def record(self) -> dict[str, Any]:
        """Return the fields of the record of an experiment."""
        return {
            "cells": self.cells,
            "columns": self.columns,
            "mostly_missing": self.mostly_missing,
            "cells_without_values": self.cells_without_values,
            "reason": self.reason,
            "families": [asdict(family) for family in self.families],
            "class_differences": [asdict(difference) for difference in self.class_differences],
        }


def missing_values(folder: str | Path, cells: pd.DataFrame) -> MissingValues:
    """Count the missing values of stored features.

    Parameters
    ----------
    folder : path
        Entry of the feature store.
    cells : DataFrame
        `label`, `unit` and, with held-out cells, `set` of each cell. Differences of the classes are those of the
        training cells.
    """
    names, values, status = feature_names(folder), open_features(folder), open_status(folder)
    groups = cells.groupby(["label", "unit"], sort=True)
    group_of, sizes = groups.ngroup().to_numpy(), groups.size()
    by_group = np.zeros((len(sizes), len(names)), dtype=np.int64)
    by_reason: dict[int, Counts] = {}
    without = 0
    for start in range(0, len(values), ROWS):
        part = np.asarray(values[start : start + ROWS])
        missing = np.isnan(part)
        if not missing.any():
            continue
        without += int(missing.all(axis=1).sum())
        for group in np.unique(group_of[start : start + ROWS]):
            by_group[group] += missing[group_of[start : start + ROWS] == group].sum(axis=0)
        codes = status_codes(part, None if status is None else np.asarray(status[start : start + ROWS]))
        for code in np.unique(codes[missing]):
            by_reason.setdefault(int(code), np.zeros(len(names), dtype=np.int64))
            by_reason[int(code)] += (codes == code).sum(axis=0)
    columns_of = _families(names)
    counts = by_group.sum(axis=0)
    mostly = counts > MOSTLY * len(values)
    families = tuple(
        FamilyMissing(
            family,
            len(columns),
            int(mostly[columns].sum()),
            float(counts[columns].sum() / (len(columns) * len(values))),
            _frequent(by_reason, columns),
        )
        for family, columns in columns_of.items()
        if counts[columns].any()
    )
    shares = pd.DataFrame(by_group / sizes.to_numpy()[:, None], index=sizes.index)
    if SET in cells:  # a split unit is in one set; nothing is stated of held-out labels
        shares = shares[shares.index.isin(cells[cells[SET] != HELD_OUT].groupby(["label", "unit"]).size().index)]
    return MissingValues(
        len(values),
        len(names),
        without,
        _frequent(by_reason, np.arange(len(names))),
        families,
        tuple(_class_differences(shares, columns_of, by_reason)),
        tuple(counts.tolist()),
    )


def columns_without_values(folder: str | Path, missing: MissingValues, trainings: Sequence[Indices]) -> list[int]:
    """Return how many columns have no value in each set of training cells.

    Parameters
    ----------
    folder : path
        Entry of the feature store.
    missing : MissingValues
        Its missing values.
    trainings : sequence of ndarray of int
        Positions of the training cells.
    """
    fewest = min(map(len, trainings))
    rare = [column for column, cells in enumerate(missing.missing_cells) if cells >= fewest]
    empty = np.isnan(np.asarray(open_features(folder)[:, rare]))
    return [int(empty[train].all(axis=0).sum()) for train in trainings]


def fold_notice(train: npt.NDArray[np.float32]) -> str:
    """Return a message on the missing values of features that were fitted in a fold.

    Parameters
    ----------
    train : ndarray of float32, shape (n_training_cells, n_features)
        Features of the training cells.

    Returns
    -------
    str
        Empty if no column is missing in more than half of the cells.
    """
    shares = np.isnan(train).mean(axis=0)
    mostly, empty = int((shares > MOSTLY).sum()), int((shares == 1).sum())
    if not mostly:
        return ""
    return (
        f"{mostly} of {len(shares)} columns are missing in more than half of the {len(train)} training cells; of "
        f"these, {empty} without any value are dropped"
    )


def _families(names: Sequence[str]) -> dict[str, Indices]:
    heads = pd.Series([name.partition(".")[0] if "." in name else NO_FAMILY for name in names])
    return {str(family): heads.index[heads == family].to_numpy() for family in heads.unique()}


def _frequent(by_reason: Mapping[int, Counts], columns: Indices) -> str:
    totals = {code: int(counts[columns].sum()) for code, counts in by_reason.items()}
    return reason_name(max(sorted(totals), key=totals.__getitem__)) if any(totals.values()) else ""


def _class_differences(
    shares: pd.DataFrame, columns_of: Mapping[str, Indices], by_reason: Mapping[int, Counts]
) -> Iterator[ClassDifference]:
    """Yield the families that contain columns whose missing values depend on the class."""
    means, reported = class_shares(shares)
    difference = (means.max(axis=0) - means.min(axis=0)).to_numpy()
    for family, columns in columns_of.items():
        own = columns[reported[columns]]
        if len(own):
            largest = means[own[np.argmax(difference[own])]]
            by_class = {str(label): float(share) for label, share in largest.items()}
            yield ClassDifference(family, len(own), _frequent(by_reason, columns), by_class)


def _difference_text(difference: ClassDifference) -> str:
    shares = ", ".join(f"{100 * share:.0f} % of {label}" for label, share in difference.shares.items())
    word = "column" if difference.columns == 1 else "columns"
    return f"{difference.family} ({difference.reason}, {difference.columns} {word}) is missing in {shares}"
