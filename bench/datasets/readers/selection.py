"""Select the reader that recognises a path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.datasets.readers.paths import similar_path
from bench.datasets.table import Dataset, Reader, ReadOptions
from bench.errors import BenchError, shortened
from bench.plugins.importing import installed, load_class

_LONGEST_PATH = 500
"""Characters of a path in a message."""

_FIRST = ("cnmc", "manifest")
_LAST = ("folder",)

_EXPECTED = """expected is one of
  C-NMC      the archive or any folder in it: fold_0/all/UID_11_10_1_all.bmp
  public     the folder of another public dataset: bench list datasets
  manifest   a .csv or .parquet file, or a folder with manifest.csv: columns path, label, patient
  folders    PATH/<label>/.../<image>, with --patient-pattern, or --unit-pattern without patient ids"""


def read_path(
    path: str, options: ReadOptions, *, option: str = "DATA or --data", readers: Iterable[Reader] | None = None
) -> tuple[Dataset, Path]:
    """Read a path with the first reader that recognises it; no image is opened.

    Parameters
    ----------
    path : str
        File or folder.
    options : ReadOptions
        Options of the reader.
    option : str
        Argument or option of the command line that takes the path, for messages.
    readers : iterable of Reader, optional
        Candidates in order. Default: the installed plugins (`installed_readers`).

    Returns
    -------
    dataset : Dataset
        Table of cells, not yet checked.
    root : Path
        Folder to which paths of masks are relative, absolute and resolved.

    Raises
    ------
    BenchError
        The path does not exist, no reader recognises it, or its content is malformed.
    """
    if not path:
        raise BenchError(f"{option} is empty; {_EXPECTED}")
    place = Path(path).expanduser()
    _check_exists(place, option)
    names: list[str] = []
    broken: list[str] = []
    patterns = options.patient_pattern is not None or options.label_pattern is not None
    for reader in installed_readers(broken) if readers is None else readers:
        names.append(reader.name)
        if patterns and getattr(reader, "class_folders", False):
            continue
        try:
            if reader.recognises(place):
                dataset, root = reader.read(place, options), (place if place.is_dir() else place.parent).resolve()
                return replace(dataset, notices=(*dataset.notices, *broken)), root
        except (OSError, ValueError) as error:
            raise BenchError(f"{place}: the {reader.name} reader cannot read it: {error}") from error
    if not names:
        raise BenchError("no reader plugins are installed; install the project itself (pip install -e .)")
    raise BenchError("\n".join([f"{place}: no reader ({', '.join(names)}) recognises it; {_EXPECTED}", *broken]))


def installed_readers(broken: list[str]) -> Iterator[Reader]:
    """Yield the reader plugins: C-NMC, manifests, other public datasets and third-party plugins by name, class folders.

    Class folders come last, because they recognise nearly every layout of a third party.

    Parameters
    ----------
    broken : list of str
        Receives a message for each plugin that cannot be loaded.
    """
    points = installed("datasets")
    others = sorted(set(points) - {*_FIRST, *_LAST})
    for name in (*_FIRST, *others, *_LAST):
        if name in points:
            try:
                yield load_class(points[name].value)()
            except BenchError as error:
                broken.append(f"the reader plugin {name} is not used: {error}")


def _check_exists(path: Path, option: str) -> None:
    shown = shortened(str(path), _LONGEST_PATH)
    try:
        exists, empty = path.exists(), path.is_dir() and not any(path.iterdir())
    except OSError as error:
        raise BenchError(f"{shown}: cannot be read ({error.strerror})") from error
    if not exists:
        hint = similar_path(str(path), path) or f"; pass an existing file or folder of cells as {option}"
        raise BenchError(f"{shown} does not exist{hint}")
    if empty:
        raise BenchError(f"{shown} is an empty folder; {_EXPECTED}")
