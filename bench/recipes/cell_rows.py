"""Datasets with some of the cells of another one, or with copies of them in other positions."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd

from bench.datasets.held_out import HELD_OUT, SET
from bench.datasets.loading import LoadedDataset
from bench.datasets.scanning.scan import Scan
from bench.datasets.table import Dataset
from bench.splits.folds import Indices
from bench.statistics.arrays import Flags
from extractors.preparation.position import POSITIONS
from extractors.seeds import seed_of


def rows_of(opened: LoadedDataset, rows: Indices) -> LoadedDataset:
    """Return a dataset with the cells at some positions only, in their order."""
    return _with_tables(opened, *(table.iloc[rows] for table in (opened.dataset.table, opened.scan.table)))


def is_held_out(table: pd.DataFrame) -> Flags:
    """Return for each cell whether it is of a held-out patient."""
    return np.asarray(table[SET] == HELD_OUT) if SET in table else np.zeros(len(table), dtype=np.bool_)


def training_cells(opened: LoadedDataset) -> LoadedDataset:
    """Return a dataset without its held-out cells."""
    without = rows_of(opened, np.flatnonzero(~is_held_out(opened.dataset.table)))
    return replace(
        without, dataset=replace(without.dataset, table=without.dataset.table.drop(columns=SET, errors="ignore"))
    )


def with_copies(opened: LoadedDataset, rows: Indices, *, per_cell: int, seed: int) -> tuple[LoadedDataset, Indices]:
    """Add copies of cells, each in another position of the square, after the cells of a dataset.

    Parameters
    ----------
    rows : ndarray of int
        Positions of the cells that are copied.
    per_cell : int
        Copies of each, at most 7; a cell and its copies have different positions.
    seed : int
        Seed of the positions.

    Returns
    -------
    dataset : LoadedDataset
        A copy has the label and the patient of its cell, the name of the cell with `#` and the number of the position,
        and a digest of its own.
    origin : ndarray of int
        For each copy, the position of its cell.
    """
    rng = np.random.default_rng(seed_of("copies", seed))
    positions = np.array([rng.permutation(np.arange(1, POSITIONS))[:per_cell] for _ in rows]).reshape(-1)
    origin = np.repeat(rows, per_cell)
    table, scanned = (part.iloc[origin].copy() for part in (opened.dataset.table, opened.scan.table))
    names = [f"{cell}#{position}" for cell, position in zip(table["cell"], positions, strict=True)]
    table["cell"], scanned["cell"] = pd.Series(names, table.index, dtype="str"), pd.Series(names, dtype="str").values
    table["position"] = pd.Series([str(position) for position in positions], table.index, dtype="str")
    scanned["digest"] = [
        hashlib.sha256(f"{digest} in position {position}".encode()).hexdigest()
        for digest, position in zip(scanned["digest"], positions, strict=True)
    ]
    tables = (opened.dataset.table, table), (opened.scan.table, scanned)
    return _with_tables(opened, *(pd.concat(pair) for pair in tables)), origin


def _with_tables(opened: LoadedDataset, table: pd.DataFrame, scanned: pd.DataFrame) -> LoadedDataset:
    dataset: Dataset = replace(opened.dataset, table=table.reset_index(drop=True))
    return LoadedDataset(dataset, Scan(scanned.reset_index(drop=True), notices=opened.scan.notices))
