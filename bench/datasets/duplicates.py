"""Identical images in any orientation: link their patients, refuse contradicting labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from bench.datasets.links import count_notice, with_links
from bench.datasets.table import Dataset
from bench.errors import BenchError

_MAX_PAIRS = 10


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
    _check_labels(groups)
    across = [group for group in groups if group["patient"].nunique() > 1]
    table = with_links(dataset.table, [frozenset(group["patient"]) for group in across])
    return replace(dataset, table=table, notices=dataset.notices + tuple(_notices(dataset, table, groups, across)))


def identical(pictures: pd.Series) -> list[pd.Index]:
    """Return the rows of each image that occurs more than once, ignoring cells without a digest."""
    known = pictures.dropna()
    repeated = known[known.duplicated(keep=False)]
    return [rows.index for _, rows in repeated.groupby(repeated, sort=False)]


def _check_labels(groups: list[pd.DataFrame]) -> None:
    pairs = [_two_labels(group) for group in groups if group["label"].nunique() > 1]
    if pairs:
        count = "one image has two labels" if len(pairs) == 1 else f"{len(pairs)} images have two labels"
        more = f"\n  and {len(pairs) - _MAX_PAIRS} more" if len(pairs) > _MAX_PAIRS else ""
        named = "\n".join(f"  {pair}" for pair in pairs[:_MAX_PAIRS])
        raise BenchError(f"{count}; remove the wrong ones:\n{named}{more}")


def _two_labels(group: pd.DataFrame) -> str:
    first, other = group.iloc[0], group[group["label"] != group["label"].iloc[0]].iloc[0]
    return f"{first['path']} is {first['label']}, {other['path']} is {other['label']}"


def _notices(
    dataset: Dataset, table: pd.DataFrame, groups: list[pd.DataFrame], across: list[pd.DataFrame]
) -> Iterable[str]:
    if dataset.grouping != "patient":
        if groups:
            yield f"identical images count as one split unit: {len(groups)}, such as {_pair(groups[0])}"
        return
    within = [group for group in groups if group["patient"].nunique() == 1]
    if within:
        yield f"images that occur more than once in one patient: {len(within)}, such as {_pair(within[0])}"
    if across:
        yield f"images that occur in several patients: {len(across)}, such as {_pair(across[0])}"
    if not table["unit"].equals(dataset.table["unit"]):
        yield f"by their images, {count_notice(table)}"


def _pair(group: pd.DataFrame) -> str:
    return " and ".join(group["cell"].iloc[:2])
