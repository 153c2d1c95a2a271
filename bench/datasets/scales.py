"""Scale of the cells: known for all or for none, and notices where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from bench.datasets.names import listed
from bench.datasets.table import Dataset
from bench.errors import BenchError

PLAUSIBLE_UM_PER_PX = (0.01, 5.0)
"""Range of micrometres per pixel from an electron microscope's to a magnifier's."""


def with_checked_scales(dataset: Dataset) -> Dataset:
    """Check the scales of all cells, training and held-out ones together; add notices.

    Raises
    ------
    BenchError
        Only some of the cells have a scale.
    """
    table = dataset.table
    scales = pd.Series(dataset.scales(), index=table.index, dtype="float64")
    known = scales.notna()
    if known.any() and not known.all():
        cell = table["cell"][~known].iloc[0]
        raise BenchError(
            f"the scale (um_per_px) of {int(known.sum())} of {len(table)} cells is known and that of "
            f"{int((~known).sum())} is not, such as {cell}{_sets(table, known)}; sizes in micrometres and in pixels "
            "cannot be compared. Set um_per_px for every cell or for none, or one scale for all with --um-per-px"
        )
    notices = (*_overridden(dataset), *_several(table, scales), *_implausible(scales))
    return replace(dataset, notices=(*dataset.notices, *notices))


def _sets(table: pd.DataFrame, known: pd.Series[bool]) -> str:
    if "set" not in table:
        return ""
    counts = [f"{int(known[rows].sum())} of {len(rows)} {name}" for name, rows in table.groupby("set").groups.items()]
    return f" (known for {' and '.join(counts)} cells)"


def _overridden(dataset: Dataset) -> Iterator[str]:
    scale = dataset.options.um_per_px
    if scale is None or "um_per_px" not in dataset.table:
        return
    named = dataset.table["um_per_px"].dropna().astype("float64")
    other = int((named != scale).sum())
    if other:
        yield f"--um-per-px {scale:g} overrides the scale that the dataset names for {other} cells"


def _several(table: pd.DataFrame, scales: pd.Series[float]) -> Iterator[str]:
    counts = scales.value_counts().sort_index()
    if len(counts) < 2:
        return
    shown = listed([f"{scale:g} ({cells} cells)" for scale, cells in counts.items()])
    own = [name for name in ("label", "set") if name in table and _separates(scales, table[name])]
    text = f" It separates the {'classes' if own[0] == 'label' else 'two sets'}." if own else ""
    yield (
        f"um_per_px has {len(counts)} values: {shown}.{text} Lengths and areas are in micrometres; textures and "
        "networks are computed on pixels, so resample the images to one scale"
    )


def _separates(scales: pd.Series[float], groups: pd.Series[str]) -> bool:
    return bool((groups.groupby(scales).nunique() == 1).all())


def _implausible(scales: pd.Series[float]) -> Iterator[str]:
    low, high = PLAUSIBLE_UM_PER_PX
    odd = scales[(scales < low) | (scales > high)]
    if len(odd):
        yield (
            f"um_per_px of {len(odd)} cells, such as {odd.iloc[0]:g}, is implausible for a light microscope; it is the "
            "width of a pixel in micrometres, not a magnification"
        )
