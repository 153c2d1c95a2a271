r"""Files named in a column of a table: as written, with `/` for `\`, or in another Unicode form."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.datasets.canonical_names import name_key
from bench.datasets.readers.images import check_name
from bench.datasets.readers.text_table import Rows
from bench.errors import BenchError, shortened

_MOST_COMPARED = 10_000
"""Most names beside a missing file that are compared with it."""

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def place_of(rows: Rows, index: int, name: str, text: str) -> Path:
    r"""Return the absolute path of a file that a row names.

    A relative path begins at the folder of the table and stays in it. A path that does not exist as written is searched
    with `/` in place of `\` (tables from Windows), without white space around it, and in Unicode NFC and NFD (macOS).

    Raises
    ------
    BenchError
        There is no such file, or the path leaves the folder; the message contains the row.
    """
    base = rows.file.parent
    check_name(text)
    written, place = located(base, text) or (text, Path(os.path.normpath(base / text)))
    if not Path(written).is_absolute() and not place.is_relative_to(base):
        raise BenchError(
            f"{rows.at(index)}: the {name} {shortened(text)!r} leaves the folder of the "
            "manifest; move the manifest up, or write an absolute path"
        )
    if not place.is_file():
        what = "is a folder" if place.is_dir() else "is not a regular file" if place.exists() else "does not exist"
        raise BenchError(
            f"{rows.at(index)}: the {name} {shortened(text)!r} {what} ({place}){similar_path(text, place)}"
        )
    return place


def located(base: Path, text: str) -> tuple[str, Path] | None:
    """Return the first spelling of a path that is a file, relative to `base`, and the file; None without one."""
    for written in _spellings(text):
        place = Path(os.path.normpath(base / written))
        if place.is_file():
            return written, place
    return None


def similar_path(text: str, place: Path) -> str:
    """Return the end of a message on a path that does not exist: a name beside it that is written in another way."""
    if _WINDOWS_DRIVE.match(text):
        return "; it is a path of a Windows machine: write paths relative to the manifest, with /"
    try:
        with os.scandir(place.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_COMPARED)]
        alike = [name for name in names if name != place.name and name_key(name) == name_key(place.name)]
    except (OSError, ValueError):
        return ""
    return f"; there is {min(alike)!a}, written in another way" if alike else ""


def _spellings(text: str) -> Iterator[str]:
    for written in dict.fromkeys((text, text.replace("\\", "/"))):
        for form in dict.fromkeys((written, written.strip())):
            yield from dict.fromkeys((form, *(unicodedata.normalize(kind, form) for kind in ("NFC", "NFD"))))
