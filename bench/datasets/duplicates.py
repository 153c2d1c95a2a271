"""Identical images in any orientation: link their patients, refuse contradicting labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from bench.datasets.links import count_notice, with_links
from bench.datasets.table import Dataset
from bench.errors import BenchError


def with_duplicates(dataset: Dataset, pictures: pd.Series) -> Dataset:
    """Link patients that share an image in any orientation; add notices of the duplicates.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    pictures : Series of str
        Orientation-independent digest of each cell's pixels, indexed like the table.

    Raises
    ------
    BenchError
        One image has two labels.
    """
    groups = [dataset.table.loc[rows] for rows in identical(pictures)]
    for group in groups:
        _check_label(group)
    across = [group for group in groups if group["patient"].nunique() > 1]
    table = with_links(dataset.table, [frozenset(group["patient"]) for group in across])
    return replace(dataset, table=table, notices=dataset.notices + tuple(_notices(dataset, table, groups, across)))


def identical(pictures: pd.Series) -> list[pd.Index]:
    """Return the rows of each image that occurs more than once, ignoring cells without a digest."""
    known = pictures.dropna()
    repeated = known[known.duplicated(keep=False)]
    return [rows.index for _, rows in repeated.groupby(repeated, sort=False)]


def _check_label(group: pd.DataFrame) -> None:
    other = group[group["label"] != group["label"].iloc[0]]
    if len(other):
        raise BenchError(
            f"one image has two labels: {group['path'].iloc[0]} is {group['label'].iloc[0]}, "
            f"{other['path'].iloc[0]} is {other['label'].iloc[0]}; remove the wrong one"
        )


def _notices(
    dataset: Dataset, table: pd.DataFrame, groups: list[pd.DataFrame], across: list[pd.DataFrame]
) -> Iterable[str]:
    within = [group for group in groups if group["patient"].nunique() == 1]
    if within:
        yield f"images that occur more than once in one patient: {len(within)}, such as {_pair(within[0])}"
    if across:
        yield f"images that occur in several patients: {len(across)}, such as {_pair(across[0])}"
    if not table["unit"].equals(dataset.table["unit"]):
        yield f"by their images, {count_notice(table)}"


def _pair(group: pd.DataFrame) -> str:
    return " and ".join(group["cell"].iloc[:2])
