"""One entry of the feature store: its path, its record and its memory-mapped arrays."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.record import record_problem
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json, write_json
from bench.storage.links import refuse_links
from extractors.files.atomic import atomic_folder, remove_unfinished_of
from extractors.files.regular import open_regular

FORMAT = 3
"""Version of the files of an entry; part of every key."""

CHUNK = 64
"""Rows of a chunk: one task, one checksum; fixed, so that features do not depend on the number of workers."""

RECORD, VALUES, STATUS, ROWS, CHECKSUMS = "entry.json", "values.npy", "status.npy", "rows.npy", "checksums.npy"

NETWORK = "network.safetensors"
"""The network of a fitted extractor, if a run kept it; the record has its digest."""

USED = "used"
"""Its modification time is the time of the last use, for garbage collection by age."""

DIGEST_BYTES = 32
"""Bytes of a SHA-256."""

UInt8 = npt.NDArray[np.uint8]

Block = tuple[npt.NDArray[Any], ...]
"""Values of `CHUNK` consecutive rows, and their status where there is one."""

REBUILD = "the next run that needs these features extracts them again"


@dataclass(frozen=True)
class Entry:
    """The features of one extractor for one list of cells, stored or not.

    Parameters
    ----------
    folder : Path
        Path of the entry.
    components : mapping
        Everything that the key is made of, in plain text.
    """

    folder: Path
    components: Mapping[str, Any]

    @property
    def key(self) -> str:
        """SHA-256 of the components."""
        return digest(dict(self.components))

    @property
    def stored(self) -> bool:
        """Whether the entry exists; `bench.features.store.damage` checks whether it is intact."""
        linked = any(path.is_symlink() for path in _folders(self.folder))
        return not linked and (self.folder / RECORD).is_file()

    @property
    def partial(self) -> Path:
        """Folder of the finished chunks of an unfinished entry, or of the finished epochs of its extractor's fit."""
        return self.folder.with_name(self.folder.name + ".partial")

    @property
    def lock_path(self) -> Path:
        """Lock file, held by the process that extracts the entry."""
        return self.folder.with_name(self.folder.name + ".lock")

    def check_no_links(self) -> None:
        """Raise BenchError if a folder or the lock of the entry is a link; call it before the store is written."""
        refuse_links(*_folders(self.folder), self.partial, self.lock_path)


def entry_record(folder: str | Path) -> dict[str, Any]:
    """Read the record of a stored entry and compare it with its own digest.

    Returns
    -------
    dict
        `format`, `key`, `components`; `cells` (number of rows), `names` (of the features), `status` (whether there are
        status codes of missing values); `checksums_sha256` (of the array of checksums); `written` (UTC, ISO 8601),
        `environment` (versions of Python, NumPy and this toolkit), `seconds` (of all workers together), `wall_s`,
        `cells_per_s` (extracted cells by `wall_s`), `extracted` (cells), `reused` (rows), `notices`, `threads`, `jobs`.

    Raises
    ------
    BenchError
        It is missing, damaged, or of another format.
    """
    path = Path(folder) / RECORD
    refuse_links(*_folders(path.parent), path)
    record = read_json(path)
    if record.get("format") != FORMAT:
        raise BenchError(
            f"{path}: features of format {str(record.get('format'))[:20]!r}, this version of the toolkit reads format "
            f"{FORMAT}; bench features gc removes what cannot be read"
        )
    stored = record.pop("digest", None)
    try:
        intact = digest(record) == stored and digest(record.get("components")) == record.get("key")
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        raise BenchError(f"{path}: damaged (its digest differs); {REBUILD}")
    if problem := record_problem(record):
        raise BenchError(f"{path}: damaged ({problem}); {REBUILD}")
    return record


def is_embedding(components: Mapping[str, Any]) -> bool:
    """Whether the features of a key are those of a network, which has no undefined features."""
    return components.get("model") is not None


def mark_used(folder: Path) -> None:
    """Record the time of use; does nothing where the store cannot be written."""
    path = folder / USED
    with suppress(OSError):
        if os.path.lexists(path):
            os.utime(path, follow_symlinks=False)
        else:
            path.touch(exist_ok=False)


def feature_names(folder: str | Path) -> list[str]:
    """Names of the stored features."""
    return [str(name) for name in entry_record(folder)["names"]]


def open_features(folder: str | Path) -> npt.NDArray[np.float32]:
    """Memory-map the stored features: float32, shape (n_cells, n_features).

    Checksums are not compared here: `bench.features.store.damage.usable` does it once per process, before.

    Raises
    ------
    BenchError
        They cannot be read, or have another shape or type than the record states.
    """
    record = entry_record(folder)
    return _open(Path(folder) / VALUES, (record["cells"], len(record["names"])), "<f4")


def open_status(folder: str | Path) -> UInt8 | None:
    """Memory-map the status codes: uint8, shape (n_cells, n_features); None if the extractor gave none.

    Raises
    ------
    BenchError
        As `open_features`.
    """
    record = entry_record(folder)
    return _open(Path(folder) / STATUS, (record["cells"], len(record["names"])), "|u1") if record["status"] else None


def open_rows(folder: str | Path) -> UInt8:
    """Memory-map the SHA-256 of each row's cell: uint8, shape (n_cells, 32)."""
    return _open(Path(folder) / ROWS, (entry_record(folder)["cells"], DIGEST_BYTES), "|u1")


def open_checksums(folder: str | Path) -> UInt8:
    """Memory-map the SHA-256 of each chunk's row ids, values and status: uint8, shape (n_chunks, 32)."""
    return _open(Path(folder) / CHECKSUMS, (-(-entry_record(folder)["cells"] // CHUNK), DIGEST_BYTES), "|u1")


def digests_array(digests: Sequence[str]) -> UInt8:
    """Convert hexadecimal SHA-256 digests to uint8, shape (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(len(digests), DIGEST_BYTES)


def block_checksum(parts: Iterable[npt.NDArray[Any]]) -> bytes:
    """SHA-256 of the bytes of the row ids, the values and the status of a chunk, in this order."""
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part.data)
    return checksum.digest()


def write_record(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the record atomically: the fields, time and environment unless they contain them, and the digest."""
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
        **fields,
    }
    write_json(folder / RECORD, {**record, "digest": digest(record)})


def write_entry(
    folder: Path,
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    *,
    status: UInt8 | None = None,
    rows: Sequence[str] | None = None,
    network_content: bytes | None = None,
    **fields: Any,
) -> None:
    """Write features that are in memory as an entry.

    Parameters
    ----------
    folder : Path
        Path of the entry; an existing one is kept.
    values : ndarray of float32, shape (n_cells, n_features)
        The features.
    names : sequence of str
        Their names.
    status : ndarray of uint8, shape (n_cells, n_features), optional
        Why values are NaN.
    rows : sequence of str, optional
        SHA-256 of each row's cell. Default: zeros.
    network_content : bytes, optional
        Content of the file `NETWORK`. Default: no file.
    **fields
        Further fields of the record.
    """
    arrays = (values,) if status is None else (values, status)
    blocks = (tuple(array[a : a + CHUNK] for array in arrays) for a in range(0, len(values), CHUNK))
    ids = np.zeros((len(values), DIGEST_BYTES), np.uint8) if rows is None else digests_array(rows)
    write_blocks(folder, blocks, names, rows=ids, status=status is not None, network_content=network_content, **fields)


def write_blocks(
    folder: Path,
    blocks: Iterable[Block],
    names: Sequence[str],
    *,
    rows: UInt8,
    status: bool,
    existing: Literal["keep", "replace"] = "keep",
    network_content: bytes | None = None,
    **fields: Any,
) -> None:
    """Write an entry atomically, block by block. The caller holds its lock: remains of killed processes are removed.

    Arrays are written by ordinary calls and not by a memory map, so that a full disk is an OSError and not a signal.

    Parameters
    ----------
    folder : Path
        Path of the entry.
    blocks : iterable of tuple of ndarray
        Values, and status where there is one, of `CHUNK` rows each.
    names : sequence of str
        Names of the features.
    rows : ndarray of uint8, shape (n_cells, 32)
        SHA-256 of each row's cell.
    status : bool
        Whether blocks contain status codes.
    existing : {"keep", "replace"}
        What happens to an entry at `folder`.
    network_content : bytes, optional
        As for `write_entry`.
    **fields
        Further fields of the record.
    """
    types = {ROWS: "|u1", VALUES: "<f4"} | ({STATUS: "|u1"} if status else {})
    checksums = bytearray()
    remove_unfinished_of(folder)
    with atomic_folder(folder, existing=existing) as temporary:
        with ExitStack() as stack:
            files = [stack.enter_context((temporary / name).open("wb")) for name in types]
            for file, (name, dtype) in zip(files, types.items(), strict=True):
                shape = (len(rows), DIGEST_BYTES if name == ROWS else len(names))
                np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
            for number, block in enumerate(blocks):
                arrays = (rows[number * CHUNK : (number + 1) * CHUNK], *block)
                parts = [np.ascontiguousarray(p, dtype) for p, dtype in zip(arrays, types.values(), strict=True)]
                for file, part in zip(files, parts, strict=True):
                    file.write(part.data)
                checksums += block_checksum(parts)
        if network_content is not None:
            (temporary / NETWORK).write_bytes(network_content)
        np.save(temporary / CHECKSUMS, np.frombuffer(checksums, np.uint8).reshape(-1, DIGEST_BYTES))
        record = {
            "components": {},
            "cells": len(rows),
            "names": [str(name) for name in names],
            "status": status,
            "checksums_sha256": hashlib.sha256(checksums).hexdigest(),
            **dict.fromkeys(("seconds", "wall_s", "cells_per_s"), 0.0),
            "extracted": len(rows),
            "reused": 0,
            "notices": [],
            "threads": 1,
            "jobs": 1,
        }
        write_record(temporary, {**record, **fields})


def _open(path: Path, shape: tuple[int, int], dtype: str) -> npt.NDArray[Any]:
    try:
        with open_regular(path, follow_link=False) as file:
            np.lib.format.read_magic(file)
            stored_shape, fortran, stored_dtype = np.lib.format.read_array_header_1_0(file)
            size = file.tell() + math.prod(shape) * np.dtype(dtype).itemsize
            intact = (stored_shape, fortran, stored_dtype.str) == (shape, False, dtype)
            if intact and os.fstat(file.fileno()).st_size == size:
                return np.memmap(file, dtype, "r", offset=file.tell(), shape=shape)
    except Exception as error:  # NumPy's parser raises many types for damaged headers
        raise BenchError(f"{path}: the stored features cannot be read ({error}); {REBUILD}") from error
    raise BenchError(f"{path}: the stored features cannot be read (wrong shape, type or size); {REBUILD}")


def _folders(folder: Path) -> tuple[Path, Path, Path]:
    """The folders of an entry in its store: of the entry, of the extractor, and of all extractors."""
    return folder, folder.parent, folder.parent.parent
