"""Reader of manifests: a CSV or Parquet table with a row for each cell."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.readers.text_table import SUFFIXES, Rows, read_rows
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

NAMES = ("manifest.csv", "manifest.parquet")
REQUIRED = ("path", "label", "patient")
OPTIONAL = ("mask", "nucleus", "fold", "set", "sha256", "cell", "um_per_px")

_TRIMMED = ("label", "patient", "fold", "set", "sha256", "cell", "um_per_px")


def manifest_files(data: str) -> tuple[Path, ...]:
    """Return the resolved paths at which `data` may have its manifest: itself, or a named manifest in the folder."""
    source = Path(data).expanduser().resolve()
    return (source, *(source / name for name in NAMES))


class ManifestReader:
    """Reads a manifest, given as a file or as a folder that holds `manifest.csv` or `manifest.parquet`.

    Columns `path`, `label`, `patient`; optional `mask` (path of a mask image; empty: none), `nucleus` (path of a mask
    image of the nucleus; empty: it is looked for; a black image: the cell has none), `fold` (official fold), `set`
    (`train` or `held-out`: the cells on which a model trained on the others is tested once; they have no fold),
    `sha256` (of the image file, checked when the data set is opened), `cell` (unique name; default: the path) and
    `um_per_px`. Others are ignored. Paths are relative to the manifest's folder and stay in it, or absolute.
    """

    name = "manifest"

    def recognises(self, path: Path) -> bool:
        """Whether `path` is a CSV or Parquet file, or a folder with one named manifest."""
        if path.is_file():
            return path.suffix.lower() in SUFFIXES
        return any((path / name).is_file() for name in NAMES)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """The table of cells, in the order of the manifest.

        Raises
        ------
        BenchError
            With file and row: a column is missing, a field is empty or no number, an image or mask is missing or lies
            outside the folder, a path or cell name is there twice.
        """
        file = _manifest_of(path).resolve()
        rows = read_rows(file, required=REQUIRED, optional=OPTIONAL)
        _check_filled(rows, "path")
        return _dataset(rows, _places(rows, "path"), options)

    def read_index(self, path: Path, options: ReadOptions) -> Dataset | None:
        """The table of a manifest of which no image is there, for what can be told from its `sha256` alone.

        None where `path` is no manifest, some row has no `sha256`, or some image is there: `read` is for these. Cells
        are named by their paths, since lists of files number them in columns of their own.

        Raises
        ------
        BenchError
            As `read`, but for images and masks.
        """
        if not self.recognises(path):
            return None
        file = _manifest_of(path).resolve()
        rows = read_rows(file, required=REQUIRED, optional=OPTIONAL)
        _check_filled(rows, "path")
        paths = [Path(os.path.normpath(file.parent / text.strip())) for text in rows.columns["path"]]
        if not all(rows.columns.get("sha256", [""])) or any(place.exists() for place in paths):
            return None
        for name in ("mask", "nucleus", "cell"):
            rows.columns.pop(name, None)
        return _dataset(rows, paths, options)


def _dataset(rows: Rows, paths: list[Path], options: ReadOptions) -> Dataset:
    trimmed = _trim(rows)
    for name in ("label", "patient", "cell"):
        _check_filled(rows, name)
    _check_once(rows, [str(place) for place in paths], "path")
    sets = _sets(rows)
    folder = rows.file.parent
    cells = rows.columns.get("cell") or [_cell_name(place, folder) for place in paths]
    _check_once(rows, cells, "cell")
    table = cell_table(
        cell=cells,
        path=[str(place) for place in paths],
        label=rows.columns["label"],
        patient=rows.columns["patient"],
        mask_path=_masks(rows, "mask"),
        nucleus_path=_masks(rows, "nucleus"),
        fold=_folds(rows, sets),
        set=sets,
        sha256=_each(rows, "sha256", _sha256),
        um_per_px=_each(rows, "um_per_px", _scale),
    )
    name = folder.name if rows.file.name in NAMES else rows.file.stem
    return Dataset(name, ManifestReader.name, table, options.positive, options, notices=trimmed)


def _manifest_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in NAMES if (path / name).is_file()]
    if len(found) != 1:
        count = "both" if found else "neither"
        raise BenchError(f"{path}: {count} of {' and '.join(NAMES)} lies there; give the path of the one to read")
    return found[0]


def _trim(rows: Rows) -> tuple[str, ...]:
    notices = []
    for name in _TRIMMED:
        texts = rows.columns.get(name, [])
        stripped = [text.strip() for text in texts]
        changed = sum(a != b for a, b in zip(texts, stripped, strict=True))
        if changed:
            rows.columns[name] = stripped
            notices.append(f"{rows.file}: spaces around {changed} values of {name!r} were dropped")
    return tuple(notices)


def _check_filled(rows: Rows, name: str) -> None:
    for index, text in enumerate(rows.columns.get(name, [])):
        if not text:
            raise BenchError(f"{rows.at(index)}: {name!r} is empty")


def _check_once(rows: Rows, values: list[str], name: str) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            raise BenchError(
                f"{rows.at(index)}: the {name} {rows.columns.get(name, values)[index]!r} is there already, "
                f"in row {rows.numbers[first[value]]}; each cell stands in one row"
            )


def _places(rows: Rows, name: str) -> list[Path]:
    return [_place(rows, index, name, text) for index, text in enumerate(rows.columns[name])]


def _place(rows: Rows, index: int, name: str, text: str) -> Path:
    base = rows.file.parent
    place = Path(os.path.normpath(base / text))
    if not Path(text).is_absolute() and not place.is_relative_to(base):
        raise BenchError(
            f"{rows.at(index)}: the {name} {text!r} leaves the manifest's folder; "
            "move the manifest up, or write an absolute path"
        )
    if not place.is_file():
        what = "is a folder" if place.is_dir() else "does not exist"
        raise BenchError(f"{rows.at(index)}: the {name} {text!r} {what} ({place})")
    return place


def _cell_name(place: Path, base: Path) -> str:
    return place.relative_to(base).as_posix() if place.is_relative_to(base) else place.as_posix()


def _masks(rows: Rows, name: str) -> list[str | None] | None:
    texts = rows.columns.get(name)
    if texts is None:
        return None
    return [str(_place(rows, index, name, text)) if text else None for index, text in enumerate(texts)]


def _sets(rows: Rows) -> list[str | None] | None:
    texts = rows.columns.get("set")
    if texts is None:
        return None
    for index, text in enumerate(texts):
        if text not in (TRAIN, HELD_OUT):
            raise BenchError(f"{rows.at(index)}: 'set' is {text!r}; {TRAIN} or {HELD_OUT} is expected")
    if TRAIN not in texts:
        raise BenchError(f"{rows.file}: every cell is {HELD_OUT}, so that none is left to train on")
    return list(texts) if HELD_OUT in texts else None


def _folds(rows: Rows, sets: list[str | None] | None) -> list[str | None] | None:
    folds = rows.columns.get("fold", [])
    if not any(folds):
        return None
    for index, text in enumerate(folds):
        held_out = sets is not None and sets[index] == HELD_OUT
        if held_out and text:
            raise BenchError(
                f"{rows.at(index)}: 'fold' is {text!r}, but a {HELD_OUT} cell lies in no fold; leave it empty"
            )
        if not held_out and not text:
            raise BenchError(f"{rows.at(index)}: 'fold' is empty")
    return [text or None for text in folds]


def _each(rows: Rows, name: str, parse: Callable[[str], str]) -> list[str | None] | None:
    texts = rows.columns.get(name)
    if texts is None:
        return None
    values: list[str | None] = []
    for index, text in enumerate(texts):
        try:
            values.append(parse(text) if text else None)
        except ValueError as error:
            raise BenchError(f"{rows.at(index)}: {name!r} is {text!r}; {error}") from error
    return values


def _sha256(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise ValueError("64 hexadecimal digits are expected")
    return text.lower()


def _scale(text: str) -> str:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError("a number above 0 is expected, micrometres per pixel")
    return repr(scale)
