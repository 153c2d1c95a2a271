"""Preliminary phase of C-NMC: numbered images with patients and classes in a label file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.datasets.canonical_names import canonical_text
from bench.datasets.readers.cnmc_names import CellName, check_unique, fold_notice, parse_name
from bench.datasets.readers.text_table import Rows, read_rows
from bench.datasets.table import cell_table
from bench.errors import BenchError, shortened

FOLDER = "C-NMC_test_prelim_phase_data"
LABELS = "C-NMC_test_prelim_phase_data_labels.csv"

PHASE_2 = "phase2"
PHASE_2_LABELS = "phase2.csv"
"""Folder and label file of the same images in copies of the challenge."""

_CLASSES = {"1": "ALL", "0": "HEM"}


def read_preliminary(files: list[Path]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the table of cells and notices.

    Parameters
    ----------
    files : list of Path
        Absolute paths of the images, sorted.

    Raises
    ------
    BenchError
        There is no label file in the folder of the images or the three above; a row is malformed or contradictory; an
        image has no row or two.
    """
    label_file = _label_file(files[0].parent)
    names = _read_labels(label_file)
    missing = next((file for file in files if file.stem not in names), None)
    if missing is not None:
        raise BenchError(f"{missing}: the image has no row in {label_file.name}")
    check_unique(files)
    stems = [file.stem for file in files]
    cells = [names[stem] for stem in stems]
    table = cell_table(
        cell=[f"prelim_{stem}" for stem in stems],
        path=[str(file) for file in files],
        label=[cell.label for cell in cells],
        patient=[cell.patient for cell in cells],
    )
    absent = len(names) - len(files)
    notices = (f"{absent} of the {len(names)} rows of {label_file.name} have no image",) if absent else ()
    return table, (*fold_notice(cells), *notices)


def _label_file(folder: Path) -> Path:
    folders = [folder, *folder.parents[:3]]
    for place in folders:
        if (place / LABELS).is_file():
            return place / LABELS
        if place.name == PHASE_2 and (place.parent / PHASE_2_LABELS).is_file():
            return place.parent / PHASE_2_LABELS
    searched = ", ".join(map(str, folders))
    raise BenchError(f"the label file {LABELS} of the preliminary phase is missing; searched {searched}")


def _read_labels(file: Path) -> dict[str, CellName]:
    rows = read_rows(file, required=("Patient_ID", "new_names", "labels"))
    names: dict[str, CellName] = {}
    for index, new_name in enumerate(rows.columns["new_names"]):
        stem = Path(new_name.strip()).stem
        if stem in names:
            raise BenchError(f"{rows.at(index)}: {shortened(new_name)!r} occurs twice")
        names[stem] = _row_name(rows, index)
    return names


def _row_name(rows: Rows, index: int) -> CellName:
    old, code = (canonical_text(rows.columns[name][index]) for name in ("Patient_ID", "labels"))
    name = parse_name(old)
    if name is None:
        raise BenchError(
            f"{rows.at(index)}: Patient_ID is {shortened(old)!r}; expected a name like UID_57_29_1_all.bmp"
        )
    label = _CLASSES.get(code)
    if label is None:
        raise BenchError(f"{rows.at(index)}: labels is {shortened(code)!r}; expected 1 (ALL) or 0 (HEM)")
    if label != name.label:
        raise BenchError(
            f"{rows.at(index)}: the class is {label} in labels but {name.label} in Patient_ID {shortened(old)!r}"
        )
    return name
