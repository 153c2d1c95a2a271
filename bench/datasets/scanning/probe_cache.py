"""Cache of file probes, keyed by path, size and times of the files."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.datasets.scanning.file_probe import FileProbe
from bench.storage.fingerprints import code_digest, digest, library_versions
from extractors.cells import CellFile
from extractors.files.stamps import file_stamp

FILE = "files-6.sqlite"

_TIMEOUT_S = 30.0
_BATCH = 400
_TABLE = """
CREATE TABLE IF NOT EXISTS probes (
    path TEXT NOT NULL, mask TEXT NOT NULL, nucleus TEXT NOT NULL, reading TEXT NOT NULL, state TEXT NOT NULL,
    sha256 TEXT NOT NULL, mask_sha256 TEXT NOT NULL, nucleus_sha256 TEXT NOT NULL,
    pixels TEXT NOT NULL, picture TEXT NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL, mask_px INTEGER NOT NULL,
    peak INTEGER NOT NULL, transparent INTEGER NOT NULL, ringing INTEGER NOT NULL,
    rectangle INTEGER NOT NULL, turned INTEGER NOT NULL,
    mask_reading TEXT NOT NULL, nucleus_reading TEXT NOT NULL,
    PRIMARY KEY (path, mask, nucleus, reading)
) WITHOUT ROWID
"""


class Key(NamedTuple):
    """Everything that a probe depends on.

    Parameters
    ----------
    path, mask, nucleus : str
        Absolute paths of the image and of the masks of cell and nucleus; `""` for no mask file.
    reading : str
        Digest of reading options, decoding code and library versions.
    state : str
        Size, modification and change time of the files. The change time is needed because archives and copies set the
        modification time, and the images of a dataset often have equal sizes.
    """

    path: str
    mask: str
    nucleus: str
    reading: str
    state: str


def key_of(file: CellFile) -> Key | None:
    """Return the key of the current files of a cell; None if a file is missing."""
    try:
        states = [_state(path) for path in (file.path, file.mask_path, file.nucleus_path) if path is not None]
    except OSError:
        return None
    reading = _reading(str(file.mask_by), file.white_level, file.mask_values, file.nucleus_values)
    return Key(file.path, file.mask_path or "", file.nucleus_path or "", reading, "|".join(states))


def get_probes(store: Path, keys: Iterable[Key]) -> dict[Key, FileProbe]:
    """Return the cached probes of keys; a damaged cache is discarded with a warning.

    Parameters
    ----------
    store : Path
        SQLite file, created on demand; processes may share it.
    keys : iterable of Key
        Keys to look up.
    """
    wanted = set(keys)
    probes: dict[Key, FileProbe] = {}
    with _discarded_if_damaged(store):
        for row in _select(store, sorted({key.path for key in wanted})):
            key = Key(*row[: len(Key._fields)])
            if key in wanted:
                probes[key] = FileProbe(*row[len(Key._fields) :])
    return probes


def put_probes(store: Path, probes: Mapping[Key, FileProbe]) -> None:
    """Store probes; issue a warning if the cache cannot be written."""
    rows = [(*key, *astuple(probe)) for key, probe in probes.items()]
    with _discarded_if_damaged(store), closing(_connect(store)) as connection, connection:
        marks = ",".join("?" * (len(Key._fields) + len(fields(FileProbe))))
        connection.executemany(f"INSERT OR REPLACE INTO probes VALUES ({marks})", rows)  # noqa: S608 (marks)


def _select(store: Path, paths: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    with closing(_connect(store)) as connection:
        for start in range(0, len(paths), _BATCH):
            batch = paths[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            yield from connection.execute(f"SELECT * FROM probes WHERE path IN ({marks})", batch)  # noqa: S608 (marks)


def _connect(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store, timeout=_TIMEOUT_S)
    try:
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _discarded_if_damaged(store: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        warnings.warn(f"the results of the scan cannot be cached in {store}: {error}", stacklevel=4)
    except (sqlite3.DatabaseError, TypeError) as error:
        warnings.warn(f"{store} was damaged ({error}); it is discarded and files are read again", stacklevel=4)
        store.unlink(missing_ok=True)


def _state(path: str) -> str:
    return ":".join(map(str, file_stamp(path)))


@cache
def _reading(*options: str | int | None) -> str:
    decoder = "bench.datasets.scanning.file_probe"
    return digest([*options, code_digest(decoder), dict(library_versions(decoder))])
