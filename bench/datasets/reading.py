"""A path becomes a data set: the reader that recognises it, masks, classes, and what a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.datasets.classes import check_classes, positive_class
from bench.datasets.held_out import HELD_OUT, SET
from bench.datasets.links import count_notice
from bench.datasets.readers.masks import with_masks
from bench.datasets.table import Dataset, Reader, ReadOptions
from bench.errors import BenchError
from bench.plugins.registry import installed

_FIRST = ("cnmc", "manifest")
_LAST = ("folder",)

_EXPECTED = """expected is one of
  C-NMC      the archive or any folder in it: fold_0/all/UID_11_10_1_all.bmp
  manifest   a .csv or .parquet file, or a folder with manifest.csv: columns path, label, patient
  folders    PATH/<label>/.../<image>, with --patient-pattern"""


def open_dataset(
    path: str | Path, options: ReadOptions | None = None, *, readers: Iterable[Reader] | None = None
) -> Dataset:
    """Read the table of cells at a path with the first reader that recognises it.

    No image is opened; `bench.datasets.scanning.scan` does that.

    Parameters
    ----------
    path : str or Path
        File or folder.
    options : ReadOptions, optional
        How it is to be read.
    readers : iterable of Reader, optional
        Asked in this order. Default: the installed plugins (`installed_readers`).

    Raises
    ------
    BenchError
        Nothing lies there, no reader recognises it, it is malformed, or it holds fewer than two classes.
    """
    if not str(path):
        raise BenchError(f"--data is empty; {_EXPECTED}")
    options = options or ReadOptions()
    place = Path(path).expanduser()
    _check_there(place)
    asked = []
    for reader in installed_readers() if readers is None else readers:
        asked.append(reader.name)
        try:
            if reader.recognises(place):
                return finished(reader.read(place, options), place)
        except (OSError, ValueError) as error:
            raise BenchError(f"{place}: the {reader.name} reader cannot read it: {error}") from error
    if not asked:
        raise BenchError("no reader plugins are installed; install the project itself (pip install -e .)")
    raise BenchError(f"{place}: no reader ({', '.join(asked)}) recognises it; {_EXPECTED}")


def installed_readers() -> Iterator[Reader]:
    """The reader plugins: C-NMC, manifests, those of third parties by name, and last class folders.

    Class folders come last, because nearly every layout of a third party looks like them.

    Raises
    ------
    BenchError
        A plugin cannot be imported; those before it are given first.
    """
    points = installed("datasets")
    others = sorted(set(points) - {*_FIRST, *_LAST})
    for name in (*_FIRST, *others, *_LAST):
        if name in points:
            try:
                yield points[name].load()()
            except (ImportError, AttributeError) as error:
                raise BenchError(
                    f"the reader plugin {name} ({points[name].value}) cannot be loaded: {error}"
                ) from error


def finished(dataset: Dataset, path: Path) -> Dataset:
    """What a reader gives, made whole: checked, with the masks asked for, its positive class and its notices.

    Parameters
    ----------
    dataset : Dataset
        As its reader left it.
    path : Path
        Where it was read; relative paths of masks are relative to it, or to the folder of a file.

    Raises
    ------
    BenchError
        Columns or values are missing, a cell is there twice, masks are missing, fewer than two classes.
    """
    _check_table(dataset)
    root = (path if path.is_dir() else path.parent).resolve()
    dataset = with_masks(dataset, root)
    classes = check_classes(dataset.table["label"], str(path))
    positive, assumed = positive_class(classes, dataset.options.positive, dataset.positive)
    notices = (count_notice(dataset.table), *_doubtful_patients(dataset.table), assumed)
    return replace(dataset, positive=positive, notices=dataset.notices + tuple(notice for notice in notices if notice))


def _check_there(path: Path) -> None:
    try:
        there, empty = path.exists(), path.is_dir() and not any(path.iterdir())
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from error
    if not there:
        raise BenchError(f"{path} does not exist")
    if empty:
        raise BenchError(f"{path} is an empty folder; {_EXPECTED}")


def _check_table(dataset: Dataset) -> None:
    table, reader = dataset.table, f"the {dataset.reader} reader"
    missing = [name for name in Dataset.COLUMNS if name not in table]
    if missing:
        raise BenchError(f"{reader} gives a table without the columns {', '.join(missing)}")
    if not table.index.equals(pd.RangeIndex(len(table))):
        raise BenchError(f"{reader} gives a table whose index is not 0..n-1")
    for name in ("cell", "path", "label", "patient", "unit", *(["fold"] if "fold" in table else [])):
        empty = table[name].isna() | (table[name] == "")
        if name == "fold" and SET in table:
            empty &= table[SET] != HELD_OUT
        if empty.any():
            raise BenchError(f"{reader} gives a table with an empty {name} in row {int(empty.to_numpy().argmax())}")
    twice = table["cell"].duplicated()
    if twice.any():
        raise BenchError(f"{reader} gives the cell {table['cell'][twice].iloc[0]} twice")


def _doubtful_patients(table: pd.DataFrame) -> Iterator[str]:
    labels = table.groupby("patient")["label"].nunique()
    several = [str(patient) for patient in labels.index[labels > 1]]
    if several:
        yield (
            f"{_some(several)} with cells of several classes: taken as one person each; where two people share an id, "
            "tell them apart in it"
        )
    folded: dict[str, list[str]] = {}
    for patient in labels.index:
        folded.setdefault(str(patient).casefold(), []).append(str(patient))
    twins = [" and ".join(ids) for ids in folded.values() if len(ids) > 1]
    if twins:
        yield f"patient ids that differ only in case are taken as different people: {', '.join(twins[:5])}"


def _some(patients: list[str]) -> str:
    named = ", ".join(patients[:5]) + (", ..." if len(patients) > 5 else "")
    return f"{len(patients)} patient{'s' if len(patients) > 1 else ''} ({named})"
