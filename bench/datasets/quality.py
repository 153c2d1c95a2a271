"""Mask quality of a dataset: one row per cell, and the frequency of each finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from bench.datasets.read_errors import cell_errors_as_bench_error
from bench.datasets.table import Dataset
from bench.executors.cores import cores
from bench.storage.csv_text import write_csv
from bench.storage.exports import output_file
from extractors.cells import Cell, CellFile
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
    "nucleus provided": lambda table: table["nucleus"] == PROVIDED,
    "provided nucleus of implausible ratio": lambda table: (table["nucleus"] == PROVIDED) & _implausible(table),
    "nucleus segmented": lambda table: table["nucleus"] == SEGMENTED,
    "no nucleus: even cell": lambda table: table["nucleus"] == "even cell",
    "no nucleus: scattered": lambda table: table["nucleus"] == "scattered",
    "no nucleus: implausible ratio": lambda table: table["nucleus"] == "implausible ratio",
    "no nucleus: no contrast": lambda table: table["nucleus"] == "no contrast",
}
"""Rows of the summary, by name."""

WRITERS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": write_csv,
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
}
"""Writers by suffix."""


def quality_table(dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """Measure the mask quality of every cell.

    Parameters
    ----------
    dataset : Dataset
        Readable cells.
    threads : int, optional
        Cells decoded at a time. Default: the available cores, at most 8.
    progress : callable, optional
        Called in this thread with the number of cells done and the total.

    Returns
    -------
    DataFrame
        `cell`, `patient`, `label` (str), then the fields of `extractors.segmentation.quality.MaskQuality`; one row per
        cell, in the order of the dataset.
    """
    files = dataset.cells().files
    rows = []
    executor = ThreadPoolExecutor(threads or min(8, cores()))
    try:
        for quality in executor.map(_quality, files):
            rows.append(asdict(quality))
            if progress is not None:
                progress(len(rows), len(files))
    finally:
        executor.shutdown(cancel_futures=True)
    names = dataset.table[["cell", "patient", "label"]]
    return pd.concat([names, pd.DataFrame(rows).astype({"nucleus": "str", "nucleus_ratio": "float64"})], axis=1)


def quality_summary(table: pd.DataFrame, *, examples: int = 3) -> pd.DataFrame:
    """Count each finding that occurs.

    Parameters
    ----------
    table : DataFrame
        Result of `quality_table`.
    examples : int
        Number of example cells per finding, the first of the table.

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
    """Write the table atomically in the format of the suffix, replacing an existing file.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    with output_file(path) as temporary:
        WRITERS[path.suffix.lower()](table, temporary)


def _quality(file: CellFile) -> MaskQuality:
    cell = Cell.from_file(file)
    on_black = file.mask_path is None and file.mask_by == "foreground"
    with cell_errors_as_bench_error(file):
        image, mask, nucleus = cell.image, cell.mask, cell.nucleus
    lit = lit_pixels(image, lossy=cell.image_file.lossy) if on_black else None
    return mask_quality(image, mask, lit=lit, nucleus=nucleus)


def _implausible(table: pd.DataFrame) -> pd.Series[bool]:
    return ~table["nucleus_ratio"].between(*PLAUSIBLE_RATIO, inclusive="neither")
