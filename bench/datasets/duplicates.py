"""Identical images, turned and mirrored ones too: patients that share one are linked, two labels contradict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from bench.datasets.links import count_notice, with_links
from bench.datasets.table import Dataset
from bench.errors import BenchError


def with_duplicates(dataset: Dataset, pictures: pd.Series) -> Dataset:
    """The data set with the patients linked that share an image in any orientation, and notices of what was found.

    Parameters
    ----------
    dataset : Dataset
        The table of cells.
    pictures : Series of str
        Digest of each cell's pixels that its turned and mirrored copies share, index as in the table.

    Raises
    ------
    BenchError
        One image stands under two labels.
    """
    groups = [dataset.table.loc[rows] for rows in identical(pictures)]
    for group in groups:
        _check_label(group)
    across = [group for group in groups if group["patient"].nunique() > 1]
    table = with_links(dataset.table, [frozenset(group["patient"]) for group in across])
    return replace(dataset, table=table, notices=dataset.notices + tuple(_notices(dataset, table, groups, across)))


def identical(pictures: pd.Series) -> list[pd.Index]:
    """The rows of each image that is there more than once; cells without a digest are passed over."""
    known = pictures.dropna()
    twice = known[known.duplicated(keep=False)]
    return [rows.index for _, rows in twice.groupby(twice, sort=False)]


def _check_label(group: pd.DataFrame) -> None:
    other = group[group["label"] != group["label"].iloc[0]]
    if len(other):
        raise BenchError(
            f"one image stands under two labels: {group['path'].iloc[0]} is {group['label'].iloc[0]}, "
            f"{other['path'].iloc[0]} is {other['label'].iloc[0]}; remove the wrong one"
        )


def _notices(
    dataset: Dataset, table: pd.DataFrame, groups: list[pd.DataFrame], across: list[pd.DataFrame]
) -> Iterable[str]:
    within = len(groups) - len(across)
    if within:
        yield f"images that stand more than once under one patient: {within}, such as {_pair(_first_within(groups))}"
    if across:
        yield f"images that stand under several patients: {len(across)}, such as {_pair(across[0])}"
    if not table["unit"].equals(dataset.table["unit"]):
        yield f"by their images, {count_notice(table)}"


def _first_within(groups: list[pd.DataFrame]) -> pd.DataFrame:
    return next(group for group in groups if group["patient"].nunique() == 1)


def _pair(group: pd.DataFrame) -> str:
    first, second = group["cell"].iloc[0], group["cell"].iloc[1]
    return f"{first} and {second}"
