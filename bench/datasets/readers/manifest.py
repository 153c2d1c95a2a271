"""Reader of manifests: a CSV or Parquet table with one row per cell."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

from bench.datasets.canonical_names import canonical_text, name_key
from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.readers.columns import ignored_notice
from bench.datasets.readers.companions import companion_notices
from bench.datasets.readers.paths import located, place_of
from bench.datasets.readers.text_table import SUFFIXES, Rows, read_rows
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError, shortened

NAMES = ("manifest.csv", "manifest.parquet")
REQUIRED = ("path", "label", "patient")
OPTIONAL = ("mask", "nucleus", "fold", "set", "sha256", "cell", "um_per_px")

_NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRIMMED = ("set", "sha256", "cell", "um_per_px")


def manifest_files(data: str) -> tuple[Path, ...]:
    """Return the resolved paths of possible manifests: `data` itself, or a manifest in the folder `data`."""
    source = Path(data).expanduser().resolve()
    return (source, *(source / name for name in NAMES))


class ManifestReader:
    """Reader of a manifest: a file, or a folder with `manifest.csv` or `manifest.parquet`.

    Columns `path`, `label`, `patient`; optional `mask` (path of a mask image; empty: none), `nucleus` (path of a mask
    image of the nucleus; empty: segmented automatically; black image: no nucleus), `fold` (official fold), `set`
    (`train` or `held-out`: held-out cells test a model trained on the others; they have no fold),
    `sha256` (of the image file, checked when the dataset is loaded), `cell` (unique name; default: the path) and
    `um_per_px`. Other columns are ignored, with a notice if their names are usual ones for what these columns hold.
    Paths are absolute, or relative to the folder of the manifest and inside it.
    """

    name = "manifest"

    def recognises(self, path: Path) -> bool:
        """Whether `path` is a CSV or Parquet file, or a folder with a manifest."""
        if path.is_file():
            return path.suffix.lower() in SUFFIXES
        return any((path / name).is_file() for name in NAMES)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells in the order of the manifest.

        Raises
        ------
        BenchError
            A column is missing, a field is empty or not a number, an image or mask is missing or outside the folder, or
            a path or cell name occurs twice; the message names file and row.
        """
        rows = _read_manifest(path)
        return _dataset(rows, _places(rows), options)

    def read_index(self, path: Path, options: ReadOptions) -> Dataset | None:
        """Return the table of a manifest without image files, for checks of `sha256` alone.

        None if `path` is not a manifest, a row has no `sha256`, or an image exists: use `read` for these. Cells are
        named by their paths.

        Raises
        ------
        BenchError
            As in `read`, except for images and masks.
        """
        if not self.recognises(path):
            return None
        rows = _read_manifest(path)
        paths = [Path(os.path.normpath(rows.file.parent / text.strip())) for text in rows.columns["path"]]
        exists = any(located(rows.file.parent, text) for text in rows.columns["path"])
        if exists or not all(rows.columns.get("sha256", [""])):
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
    ignored = ignored_notice(rows.file, rows.present, (*REQUIRED, *OPTIONAL))
    notices = (
        *trimmed,
        *([ignored] if ignored else []),
        *companion_notices([_cell_name(place, folder) for place in paths]),
    )
    return Dataset(name, ManifestReader.name, table, options.positive, options, notices)


def _read_manifest(path: Path) -> Rows:
    rows = read_rows(_manifest_of(path).resolve(), required=REQUIRED, optional=OPTIONAL)
    _check_filled(rows, "path")
    return rows


def _manifest_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    manifests = [path / name for name in NAMES if (path / name).is_file()]
    if len(manifests) != 1:
        count = "both" if manifests else "neither"
        raise BenchError(f"{path}: {count} of {' and '.join(NAMES)} exist in the folder; pass the path of one file")
    return manifests[0]


def _trim(rows: Rows) -> tuple[str, ...]:
    """Bring values into canonical form; labels, patients and folds follow when the whole dataset is known."""
    notices = []
    for name in _TRIMMED:
        texts = rows.columns.get(name, [])
        plain = [canonical_text(text) for text in texts]
        changed = sum(a != b for a, b in zip(texts, plain, strict=True))
        if changed:
            rows.columns[name] = plain
            what = "white space, Unicode form or decimal zeros"
            notices.append(f"{rows.file}: {what} of {changed} values of {name!r} were normalised")
    return tuple(notices)


def _check_filled(rows: Rows, name: str) -> None:
    for index, text in enumerate(rows.columns.get(name, [])):
        if not canonical_text(text):
            raise BenchError(f"{rows.at(index)}: {name!r} is empty")


def _check_once(rows: Rows, values: list[str], name: str) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            raise BenchError(
                f"{rows.at(index)}: the {name} {shortened(rows.columns.get(name, values)[index])!r} is already in "
                f"row {rows.numbers[first[value]]}; each cell needs its own row"
            )


def _places(rows: Rows) -> list[Path]:
    return [place_of(rows, index, "path", text) for index, text in enumerate(rows.columns["path"])]


def _cell_name(place: Path, base: Path) -> str:
    return place.relative_to(base).as_posix() if place.is_relative_to(base) else place.as_posix()


def _masks(rows: Rows, name: str) -> list[str | None] | None:
    texts = rows.columns.get(name)
    if texts is None:
        return None
    return [str(place_of(rows, index, name, text)) if text else None for index, text in enumerate(texts)]


def _sets(rows: Rows) -> list[str | None] | None:
    texts = rows.columns.get("set")
    if texts is None:
        return None
    sets = [re.sub("[ _]", "-", name_key(text)) for text in texts]
    for index, name in enumerate(sets):
        if name not in (TRAIN, HELD_OUT):
            raise BenchError(f"{rows.at(index)}: 'set' is {shortened(texts[index])!r}; expected {TRAIN} or {HELD_OUT}")
    if TRAIN not in sets:
        raise BenchError(f"{rows.file}: every cell is {HELD_OUT}; there are no training cells")
    return [*sets] if HELD_OUT in sets else None


def _folds(rows: Rows, sets: list[str | None] | None) -> list[str | None] | None:
    folds = [canonical_text(text) for text in rows.columns.get("fold", [])]
    if not any(folds):
        return None
    for index, text in enumerate(folds):
        held_out = sets is not None and sets[index] == HELD_OUT
        if held_out and text:
            raise BenchError(
                f"{rows.at(index)}: 'fold' is {shortened(text)!r}, but a {HELD_OUT} cell has no fold; leave it empty"
            )
        if not held_out and not text:
            raise BenchError(f"{rows.at(index)}: 'fold' is empty")
    return [raw if text else None for raw, text in zip(rows.columns["fold"], folds, strict=True)]


def _each(rows: Rows, name: str, parse: Callable[[str], str]) -> list[str | None] | None:
    texts = rows.columns.get(name)
    if texts is None:
        return None
    values: list[str | None] = []
    for index, text in enumerate(texts):
        try:
            values.append(parse(text) if text else None)
        except ValueError as error:
            raise BenchError(f"{rows.at(index)}: {name!r} is {shortened(text)!r}; {error}") from error
    return values


def _sha256(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise ValueError("expected 64 hexadecimal digits")
    return text.lower()


def _scale(text: str) -> str:
    scale = float(text) if _NUMBER.fullmatch(text) else math.nan  # float() also reads 0.1_1
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError("expected a number above 0, in micrometres per pixel")
    return repr(scale)
