"""One entry of the feature store: where it lies, what it says of itself, and its arrays, memory-mapped."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.arrays import header, open_array
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json, write_json
from extractors.files.atomic import atomic_folder

FORMAT = 2
"""Of the files of an entry; part of every key."""

CHUNK = 64
"""Rows of a chunk: one task, one checksum; fixed, so that features do not depend on how the work was shared out."""

RECORD, VALUES, STATUS, ROWS, CHECKSUMS = "entry.json", "values.npy", "status.npy", "rows.npy", "checksums.npy"

FILES = frozenset({RECORD, VALUES, STATUS, ROWS, CHECKSUMS})

USED = "used"
"""Its modification time says when a run last took the features; for whoever makes room."""

DIGEST_BYTES = 32
"""Of a SHA-256."""

UInt8 = npt.NDArray[np.uint8]

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "format": int,
    "key": str,
    "components": dict,
    "cells": int,
    "names": list,
    "status": bool,
    "rows_sha256": str,
    "checksums_sha256": str,
    "written": str,
    "environment": dict,
    "seconds": (int, float),
    "wall_s": (int, float),
    "cells_per_s": (int, float),
    "extracted": int,
    "reused": int,
    "notices": list,
    "threads": int,
    "jobs": int,
    "digest": str,
}
"""What every entry.json holds, and of which type."""

_MOST = 2**53
"""No number of an entry.json is larger."""


@dataclass(frozen=True)
class Entry:
    """The place of one extractor's features of one list of cells.

    Parameters
    ----------
    folder : Path
        Where they lie, or will.
    components : mapping
        Everything that the key is made of, in the clear.
    """

    folder: Path
    components: Mapping[str, Any]

    @property
    def key(self) -> str:
        """SHA-256 of the components."""
        return digest(dict(self.components))

    @property
    def stored(self) -> bool:
        """Whether the features are there; `bench.features.store.verify` says whether they are whole."""
        return (self.folder / RECORD).is_file()

    @property
    def partial(self) -> Path:
        """The folder in which they come into being."""
        return self.folder.with_name(self.folder.name + ".partial")

    @property
    def lock_path(self) -> Path:
        """What the process that works on them holds."""
        return self.folder.with_name(self.folder.name + ".lock")


def entry_record(folder: str | Path) -> dict[str, Any]:
    """What a stored entry says of itself, checked field by field and against its own digest.

    Returns
    -------
    dict
        `format`, `key`, `components`; `cells` (rows), `names` (of the features), `status` (whether reasons of missing
        values are kept); `rows_sha256` and `checksums_sha256` of these two files' rows; `written` (UTC, ISO 8601),
        `environment` (versions of Python, NumPy and this toolkit), `seconds` (of all workers together), `wall_s`,
        `cells_per_s` (extracted cells by `wall_s`), `extracted`, `reused` (cells), `notices`, `threads`, `jobs`,
        `digest`.

    Raises
    ------
    BenchError
        It is missing, damaged, or of another format.
    """
    path = Path(folder) / RECORD
    record = read_json(path)
    if (found := record.get("format")) != FORMAT or isinstance(found, bool):
        raise BenchError(
            f"{path}: features of format {str(found)[:20]!r}, this version of the toolkit reads format {FORMAT}; "
            "bench features gc removes what cannot be read"
        )
    wrong = [name for name, kind in _FIELDS.items() if not _is(record.get(name), kind)]
    if wrong or not _sound(record):
        what = f"{wrong[0]} is missing or of another kind" if wrong else "its digest is another"
        raise BenchError(f"{path}: damaged ({what}); the next run that needs these features extracts them again")
    return record


def mark_used(folder: Path) -> None:
    """Note that the features of an entry have been taken; a store that cannot be written takes no notes."""
    with suppress(OSError):
        os.close(os.open(folder / USED, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644))
        os.utime(folder / USED, follow_symlinks=False)


def feature_names(folder: str | Path) -> list[str]:
    """Names of the stored features."""
    return [str(name) for name in entry_record(folder)["names"]]


def open_features(folder: str | Path) -> npt.NDArray[np.float32]:
    """The stored features, memory-mapped: float32, shape (n_cells, n_features).

    Raises
    ------
    BenchError
        They are damaged; checksums are the matter of `bench.features.store.verify`.
    """
    record = entry_record(folder)
    return open_array(Path(folder) / VALUES, (record["cells"], len(record["names"])), np.float32)


def open_status(folder: str | Path) -> UInt8 | None:
    """Why stored features are NaN, memory-mapped: uint8, shape (n_cells, n_features); None where it was not told.

    Raises
    ------
    BenchError
        It is damaged.
    """
    record = entry_record(folder)
    if not record["status"]:
        return None
    return open_array(Path(folder) / STATUS, (record["cells"], len(record["names"])), np.uint8)


def open_rows(folder: str | Path) -> UInt8:
    """Whose row is whose, memory-mapped: SHA-256 of each row's cell, uint8, shape (n_cells, 32)."""
    return open_array(Path(folder) / ROWS, (entry_record(folder)["cells"], DIGEST_BYTES), np.uint8)


def open_checksums(folder: str | Path) -> UInt8:
    """SHA-256 over each chunk's values and then its status, memory-mapped: uint8, shape (n_chunks, 32)."""
    chunks = -(-entry_record(folder)["cells"] // CHUNK)
    return open_array(Path(folder) / CHECKSUMS, (chunks, DIGEST_BYTES), np.uint8)


def digests_array(digests: Sequence[str]) -> UInt8:
    """SHA-256 digests in hexadecimal as uint8, shape (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(len(digests), DIGEST_BYTES)


def chunk_checksum(values: bytes, status: bytes = b"") -> bytes:
    """SHA-256 over the bytes of a chunk's values and then of its status."""
    return hashlib.sha256(values + status).digest()


def write_record(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write entry.json whole: the fields, where they do not say it when and by what it was written, and a digest."""
    record = {
        "format": FORMAT,
        "key": digest(fields["components"]),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": {
            "cytobench": version("cytobench"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        },
        **{name: value for name, value in fields.items() if name != "digest"},
    }
    write_json(folder / RECORD, {**record, "digest": digest(record)})


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a small array of two dimensions, header and all."""
    path.write_bytes(header((array.shape[0], array.shape[1]), array.dtype) + np.ascontiguousarray(array).tobytes())


def write_entry(
    folder: Path,
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    *,
    status: UInt8 | None = None,
    components: Mapping[str, Any] | None = None,
    rows: Sequence[str] | None = None,
    **fields: Any,
) -> None:
    """Write a whole entry of features that are in memory.

    Parameters
    ----------
    folder : Path
        Its place; nothing may be there.
    values : ndarray of float32, shape (n_cells, n_features)
        The features.
    names : sequence of str
        Their names.
    status : ndarray of uint8, shape (n_cells, n_features), optional
        Why values are NaN.
    components : mapping, optional
        What the key is made of.
    rows : sequence of str, optional
        SHA-256 of each row's cell. Default: zeros.
    **fields
        Further fields of entry.json.
    """
    values = np.ascontiguousarray(values, dtype="<f4")
    ids = np.zeros((len(values), DIGEST_BYTES), np.uint8) if rows is None else digests_array(rows)
    sums = [
        chunk_checksum(values[a : a + CHUNK].tobytes(), b"" if status is None else status[a : a + CHUNK].tobytes())
        for a in range(0, len(values), CHUNK)
    ]
    checksums = np.frombuffer(b"".join(sums), np.uint8).reshape(-1, DIGEST_BYTES)
    arrays: dict[str, npt.NDArray[Any]] = {VALUES: values, ROWS: ids, CHECKSUMS: checksums}
    if status is not None:
        arrays[STATUS] = status
    with atomic_folder(folder) as temporary:
        for name, array in arrays.items():
            write_array(temporary / name, array)
        write_record(
            temporary,
            {
                "components": dict(components or {}),
                "cells": len(values),
                "names": [str(name) for name in names],
                "status": status is not None,
                "rows_sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
                "checksums_sha256": hashlib.sha256(checksums.tobytes()).hexdigest(),
                "seconds": 0.0,
                "wall_s": 0.0,
                "cells_per_s": 0.0,
                "extracted": len(values),
                "reused": 0,
                "notices": [],
                "threads": 1,
                "jobs": 1,
                **fields,
            },
        )


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _sound(record: Mapping[str, Any]) -> bool:
    """Whether the record's own digest is right, the key is that of its components, and its numbers can be."""
    rest = {name: value for name, value in record.items() if name != "digest"}
    try:
        right = digest(rest) == record["digest"] and digest(record["components"]) == record["key"]
    except (ValueError, RecursionError):
        return False
    plausible = all(0 <= record[name] <= _MOST for name, kind in _FIELDS.items() if kind in (int, (int, float)))
    named = bool(record["names"]) and all(isinstance(name, str) for name in record["names"])
    return right and plausible and named and record["cells"] >= 1
