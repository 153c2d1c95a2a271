"""A dataset: the table of cells with patients and labels, and reading options."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import pandas as pd

from bench.datasets.mask_methods import mask_method
from bench.datasets.names import MAX_CELL, MAX_NAME
from bench.errors import UNPRINTABLE, BenchError, shortened
from extractors.cells import CellFile, Cells
from extractors.preparation.position import Position
from extractors.preparation.step import Step

SCANNED = ("image_sha256", "mask_sha256", "nucleus_sha256")
"""Columns with the digests of the files when they were scanned; with them, `Dataset.cells` reads no other bytes."""


Grouping = Literal["patient", "unit", "block"]
"""What the column `patient` holds: patients; without patient ids, known split units, or blocks of consecutive cells."""


@dataclass(frozen=True)
class ReadOptions:
    """Options of a reader, named like those of the command line.

    Parameters
    ----------
    mask : str or None
        None: masks named by the manifest, otherwise the foreground of the black-background image. `"whole"`: the whole
        frame. `"smear"`: the white cell in the middle of a smear. `"otsu[...]"`, `"threshold[...]"`: the stained object
        in the middle (`extractors.segmentation.threshold`). Any other value: a folder with a mask image for each cell
        under the relative path of the cell, with any image suffix.
    nucleus_mask : str or None
        Folder of mask images of the nuclei, laid out in the same way. None: masks named by the manifest.
    patient_pattern : str or None
        For class folders: regular expression with one group, or a group named `patient`, that matches the patient
        in the path relative to the folder of the dataset, with `/` as separator.
    label_pattern : str or None
        For class folders: regular expression with one group, or a group named `label`, that matches the label in the
        same path. None: the name of the first folder.
    unit_pattern : str or None
        For cells without patient ids: regular expression with one group, or a group named `unit`, that matches the
        split unit in the same path, such as the source image, the slide or the date.
    positive : str or None
        Positive class of a two-class dataset.
    mask_values, nucleus_mask_values : str or None
        Values of the mask files that are the cell and the nucleus; None: decided by the values of each file
        (`extractors.images.masks.read_mask`).
    white_level : int or None
        16-bit value that is mapped to 255.
    um_per_px : float or None
        Micrometres per pixel of every cell.
    """

    mask: str | None = None
    nucleus_mask: str | None = None
    mask_values: str | None = None
    nucleus_mask_values: str | None = None
    patient_pattern: str | None = None
    label_pattern: str | None = None
    unit_pattern: str | None = None
    positive: str | None = None
    white_level: int | None = None
    um_per_px: float | None = None

    @property
    def mask_folders(self) -> frozenset[Path]:
        """Absolute paths of the mask folders."""
        mask = None if mask_method(self.mask) is not None else self.mask
        folders = {mask, self.nucleus_mask} - {None}
        return frozenset(Path(str(folder)).expanduser().resolve() for folder in folders)


@dataclass(frozen=True)
class Dataset:
    """A table of cells and the options to decode them.

    Parameters
    ----------
    name : str
        Name on the leaderboard.
    reader : str
        Name of the reader plugin; `TRAINING+HELD_OUT` for two sets that are read by different ones.
    table : DataFrame
        One row per cell in a fixed order, index 0..n-1, all columns str: `cell` (unique id), `path` (absolute),
        `mask_path` (absolute, or missing), `label`, `patient`, `unit` (split unit: linked patients share one) and,
        if available, `nucleus_path` (mask of the nucleus; absolute, or missing), `fold` (official
        folds), `set` (`train` or `held-out`), `um_per_px` (scale of each cell; overridden by `options.um_per_px`) and
        `sha256` (expected digest of the image file) and `position` (of a copy of a cell: number of
        `extractors.preparation.position.Position`). Built by `cell_table`; a scan adds `SCANNED`.
    positive : str or None
        Positive class of a two-class dataset; None with more classes.
    options : ReadOptions
        Decoding options.
    notices : tuple of str
        Messages for the user, such as linked patients or an assumed positive class.
    grouping : {"patient", "unit", "block"}
        What the column `patient` holds. Without patient ids it holds split units, such as source images (`"unit"`), or
        blocks of consecutive cells of a class, which no split by patient accepts (`"block"`).
    family : str or None
        Name that datasets with the same cells share: a model of one is not tested on another.
    """

    name: str
    reader: str
    table: pd.DataFrame
    positive: str | None
    options: ReadOptions = field(default_factory=ReadOptions)
    notices: tuple[str, ...] = ()
    grouping: Grouping = "patient"
    family: str | None = None

    COLUMNS: ClassVar[tuple[str, ...]] = ("cell", "path", "mask_path", "label", "patient", "unit")

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in sort order."""
        return tuple(sorted(self.table["label"].unique()))

    def cells(self, prepare: tuple[Step, ...] = ()) -> Cells:
        """Return the cells in the order of the table, prepared by the steps of `prepare`."""
        options = self.options
        method = mask_method(options.mask)
        mask_by = "foreground" if method is None else method
        masks = (None if method is not None or pd.isna(mask) else mask for mask in self.table["mask_path"])
        digests = (self._optional(name) for name in SCANNED)
        return Cells(
            CellFile(
                cell,
                path,
                mask,
                mask_by,
                scale,
                options.white_level,
                nucleus,
                options.mask_values,
                options.nucleus_mask_values,
                prepare if position is None else (Position(int(position)), *prepare),
                *sha256,
            )
            for cell, path, mask, scale, nucleus, position, *sha256 in zip(
                self.table["cell"],
                self.table["path"],
                masks,
                self.scales(),
                self._optional("nucleus_path"),
                self._optional("position"),
                *digests,
                strict=True,
            )
        )

    def _optional(self, column: str) -> list[str | None]:
        """Return the values of a column, None where they are missing."""
        values = self.table[column] if column in self.table else [None] * len(self.table)
        return [None if pd.isna(value) else value for value in values]

    def scales(self) -> list[float | None]:
        """Return the micrometres per pixel of each cell, None where unknown; the option overrides the table."""
        if self.options.um_per_px is not None or "um_per_px" not in self.table:
            return [self.options.um_per_px] * len(self.table)
        return [None if pd.isna(scale) else float(scale) for scale in self.table["um_per_px"]]


class Reader(Protocol):
    """Interface of the plugins in the group `bench.datasets`."""

    name: str

    def recognises(self, path: Path) -> bool:
        """Whether this reader can read `path`; must be cheap."""
        ...

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells at `path`; errors name file and row."""
        ...


def cell_table(
    *,
    cell: Sequence[str],
    path: Sequence[str],
    label: Sequence[str],
    patient: Sequence[str],
    mask_path: Sequence[str | None] | None = None,
    linked: Sequence[frozenset[str]] = (),
    **more: Sequence[str | None] | None,
) -> pd.DataFrame:
    """Build the table of a `Dataset` from columns.

    Parameters
    ----------
    cell, path, label, patient : sequence of str
        One entry per cell.
    mask_path : sequence of str or None, optional
        Absolute paths of the masks.
    linked : sequence of frozenset of str
        Disjoint groups of patients that share an image.
    **more : sequence of str or None
        Further columns (`nucleus_path`, `fold`, `um_per_px`, `sha256`); None omits the column.

    Returns
    -------
    DataFrame
        Index 0..n-1, every column of type str.

    Raises
    ------
    BenchError
        A cell, label, patient or fold contains a control character or invalid text, or is too long.
    """
    names = {"cell": cell, "label": label, "patient": patient, "fold": more.get("fold") or ()}
    for name, values in names.items():
        _check_names(name, values, cell)
    columns: dict[str, Sequence[str | None]] = {
        "cell": cell,
        "path": path,
        "mask_path": [None] * len(cell) if mask_path is None else mask_path,
        "label": label,
        "patient": patient,
        "unit": units_of(patient, linked),
    }
    columns |= {name: values for name, values in more.items() if values is not None}
    return pd.DataFrame({name: pd.Series(list(values), dtype="str") for name, values in columns.items()})


def _check_names(name: str, values: Sequence[str | None], cells: Sequence[str]) -> None:
    limit = MAX_CELL if name == "cell" else MAX_NAME
    for value, cell in zip(values, cells, strict=False):
        if value is None or not (len(value) > limit or UNPRINTABLE.search(value)):
            continue
        where = "" if name == "cell" else f" of the cell {shortened(cell)!r}"
        why = "contains a control character or invalid text; rename it"
        if len(value) > limit:
            why = f"has {len(value)} characters; at most {limit} are read"
        raise BenchError(f"the {name} {shortened(value)!r}{where} {why}")


def units_of(patients: Sequence[str], linked: Sequence[frozenset[str]]) -> list[str]:
    """Return the split unit of each patient: the sorted ids of its linked group joined by `+`, or its own id.

    A name of more than `MAX_NAME` characters is cut, followed by the number of patients and a digest of all of them.

    Only present patients are named, but links through absent ones hold: with 51, 52 and 53 linked and 52 absent, 51 and
    53 share the unit `51+53`.
    """
    present = set(patients)
    name = {p: unit for group in linked for members in [group & present] for unit in [_unit(members)] for p in members}
    return [name.get(p, p) for p in patients]


def _unit(members: frozenset[str]) -> str:
    joined = "+".join(sorted(members))
    if len(joined) <= MAX_NAME:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:16]
    return f"{shortened(joined, MAX_NAME // 2)} ({len(members)} patients, {digest})"
