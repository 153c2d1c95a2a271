"""Contact sheets: some cells of a dataset, raw and after each preparation step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL.PngImagePlugin import PngInfo

from bench.datasets.contact_sheet.drawing import Row, draw_sheet, drawn_tile, shared_scale
from bench.datasets.read_errors import cell_errors_as_bench_error
from bench.datasets.readers.manifest import manifest_files
from bench.datasets.sources import check_not_a_source
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.storage.exports import SHEET, check_output, output_file
from extractors.cells import Cell, CellFile
from extractors.preparation.step import Picture, Step
from extractors.seeds import seed_of

MAX_CELLS = 48


def check_sheet_place(path: Path, *, data: str, force: bool = False) -> None:
    """Raise BenchError if `path` cannot be written or is in the folder of the cells."""
    check_output(path, SHEET, inputs=manifest_files(data), force=force)
    source = Path(data).expanduser().resolve()
    if source.is_dir() and path.resolve().is_relative_to(source):
        raise BenchError(f"{path}: is in the folder of the cells; choose another path with --output")


def write_contact_sheet(dataset: Dataset, path: Path, *, steps: Sequence[Step], cells: int, seed: int) -> None:
    """Draw one row per cell, raw and after each step, with the outline of its mask, and write the sheet as PNG.

    Parameters
    ----------
    dataset : Dataset
        Readable cells.
    path : Path
        Output file, written atomically.
    steps : sequence of Step
        Preparation steps, in order.
    cells : int
        Number of rows, 1 to `MAX_CELLS`, or all cells if there are fewer.
    seed : int
        Seed of the selection (`chosen_cells`).

    Raises
    ------
    BenchError
        A cell cannot be prepared, or `path` is a file of the dataset or cannot be written.
    """
    check_not_a_source(path, dataset)
    files, table = dataset.cells().files, dataset.table
    rows = []
    for i in chosen_cells(table, cells, seed=seed):
        sizes = [picture.mask.shape for picture in _stages(files[i], steps)]
        scale = shared_scale(sizes)
        tiles = tuple(drawn_tile(picture, scale) for picture in _stages(files[i], steps))
        rows.append(Row(table["cell"][i], table["label"][i], table["patient"][i], tuple(sizes), tiles))
    sheet = draw_sheet(rows, ["raw", *map(str, steps)])
    with output_file(path) as temporary:
        software = PngInfo()
        software.add_text("Software", "cytobench")
        sheet.save(temporary, format="PNG", pnginfo=software)


def chosen_cells(table: pd.DataFrame, count: int, *, seed: int) -> list[int]:
    """Choose rows of the table at random, balanced over classes and over the patients of each class.

    Parameters
    ----------
    table : DataFrame
        With `label` and `patient`, index 0..n-1.
    count : int
        Number of rows.
    seed : int
        Seed of the order of patients and cells.

    Returns
    -------
    list of int
        Sorted by label, then by patient.
    """
    order = np.random.default_rng(seed_of("contact sheet", seed)).permutation(len(table))
    shuffled = table.iloc[order][["label", "patient"]]
    shuffled["turn"] = shuffled.groupby(["label", "patient"]).cumcount()
    by_patient = shuffled.sort_values("turn", kind="stable")
    by_patient["rank"] = by_patient.groupby("label").cumcount()
    chosen = by_patient.sort_values(["rank", "label"], kind="stable").head(count)
    return [int(i) for i in chosen.sort_values(["label", "patient"], kind="stable").index]


def _stages(file: CellFile, steps: Sequence[Step]) -> Iterator[Picture]:
    """Yield the raw cell, then the cell after each step; one at a time, since a cell may have 64 million pixels."""
    cell = Cell.from_file(file)
    with cell_errors_as_bench_error(file):
        picture = Picture(cell.image, cell.mask, cell.nucleus)
    del cell
    yield picture
    for step in steps:
        try:
            picture = step(picture)
        except ValueError as error:
            raise BenchError(f"the cell {file.id} cannot be prepared: {step}: {error}") from error
        yield picture
