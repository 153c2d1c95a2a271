"""The masks of a whole data set judged: one row a cell, and how often each finding occurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from bench.datasets.table import Dataset
from bench.executors.cores import cores
from bench.storage.exports import output_file
from extractors.cells import Cell, CellFile, is_lossy
from extractors.segmentation.foreground import lit_pixels
from extractors.segmentation.nucleus import PLAUSIBLE_RATIO
from extractors.segmentation.quality import PROVIDED, SEGMENTED, MaskQuality, mask_quality

Progress = Callable[[int, int], None]
Finding = Callable[[pd.DataFrame], "pd.Series[bool]"]

LARGE_DEBRIS = 0.05
LARGE_HOLES = 0.01

FINDINGS: Mapping[str, Finding] = {
    "loose debris dropped": lambda table: table["debris"] > 0,
    f"debris above {LARGE_DEBRIS:.0%} of the pixels": lambda table: table["debris_share"] > LARGE_DEBRIS,
    "mask in several pieces": lambda table: table["pieces"] > 1,
    f"holes above {LARGE_HOLES:.0%} of the cell": lambda table: table["hole_share"] > LARGE_HOLES,
    "touches the frame": lambda table: table["frame_px"] > 0,
    "nucleus given": lambda table: table["nucleus"] == PROVIDED,
    "given nucleus of implausible ratio": lambda table: (table["nucleus"] == PROVIDED) & _implausible(table),
    "nucleus found": lambda table: table["nucleus"] == SEGMENTED,
    "no nucleus: even cell": lambda table: table["nucleus"] == "even cell",
    "no nucleus: scattered": lambda table: table["nucleus"] == "scattered",
    "no nucleus: implausible ratio": lambda table: table["nucleus"] == "implausible ratio",
    "no nucleus: no contrast": lambda table: table["nucleus"] == "no contrast",
}
"""What the summary counts, by its words."""

WRITERS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda table, path: table.to_csv(path, index=False),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
}
"""By suffix."""


def quality_table(dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """Judge the masks of every cell.

    Parameters
    ----------
    dataset : Dataset
        Cells that were found readable.
    threads : int, optional
        Cells decoded at a time. Default: the cores this process may use, at most 8.
    progress : callable, optional
        Called in this thread with the cells done and the cells in all.

    Returns
    -------
    DataFrame
        `cell`, `patient`, `label` (str), then the fields of `extractors.segmentation.quality.MaskQuality`; one row a
        cell, in the order of the data set.
    """
    files = dataset.cells().files
    rows = []
    executor = ThreadPoolExecutor(threads or min(8, cores()))
    try:
        for found in executor.map(_quality, files):
            rows.append(asdict(found))
            if progress is not None:
                progress(len(rows), len(files))
    finally:
        executor.shutdown(cancel_futures=True)
    names = dataset.table[["cell", "patient", "label"]]
    return pd.concat([names, pd.DataFrame(rows).astype({"nucleus": "str", "nucleus_ratio": "float64"})], axis=1)


def quality_summary(table: pd.DataFrame, *, examples: int = 3) -> pd.DataFrame:
    """How often each finding occurs, those that do not occur left out.

    Parameters
    ----------
    table : DataFrame
        As `quality_table` gives it.
    examples : int
        Cells named for each finding: the first of the table.

    Returns
    -------
    DataFrame
        `finding` (str), `cells` (int), `share` (float, in (0, 1]), `examples` (list of str).
    """
    rows = []
    for finding, holds in FINDINGS.items():
        cells = table["cell"][holds(table)]
        if len(cells):
            rows.append((finding, len(cells), len(cells) / len(table), list(cells[:examples])))
    return pd.DataFrame(rows, columns=["finding", "cells", "share", "examples"])


def write_quality(table: pd.DataFrame, path: Path) -> None:
    """Write the table whole, in the format that the suffix names; a file that is there is replaced.

    Raises
    ------
    BenchError
        It cannot be written there.
    """
    with output_file(path) as temporary:
        WRITERS[path.suffix.lower()](table, temporary)


def _quality(file: CellFile) -> MaskQuality:
    cell = Cell.from_file(file)
    on_black = file.mask_path is None and file.mask_by == "foreground"
    lit = lit_pixels(cell.image, lossy=is_lossy(Path(file.path))) if on_black else None
    return mask_quality(cell.image, cell.mask, lit=lit, nucleus=cell.nucleus)


def _implausible(table: pd.DataFrame) -> pd.Series[bool]:
    return ~table["nucleus_ratio"].between(*PLAUSIBLE_RATIO, inclusive="neither")
