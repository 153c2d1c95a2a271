"""Arrays of a NumPy archive (`.npz`), whose types and sizes are checked before their values are read."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from bench.errors import BenchError, shortened
from extractors.arrays import UInt8Array
from extractors.files.regular import open_regular

MAX_MEMBERS = 1000
"""Most arrays of an archive."""

_MAX_HEADER = 4096
_READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Member:
    """Header of an array.

    Parameters
    ----------
    name : str
        Name of the array.
    shape : tuple of int
        Its shape.
    dtype : dtype
        Type of its values.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of an archive, sorted.

    Raises
    ------
    BenchError
        The file is not a ZIP archive, or has more than `MAX_MEMBERS` arrays.
    """
    with _opened(path) as archive:
        return sorted(entry.filename.removesuffix(".npy") for entry in archive.infolist())


def read_headers(path: Path, names: Sequence[str]) -> dict[str, Member]:
    """Return the headers of some arrays.

    Raises
    ------
    BenchError
        An array is missing, has values that are not numbers, is stored by columns, or has another size than its header
        states.
    """
    with _opened(path) as archive:
        headers = {}
        for name in names:
            with _member(path, archive, name) as (stream, size):
                headers[name] = _header(path, name, stream, size)
        return headers


def read_integers(path: Path, name: str, *, limit: int) -> npt.NDArray[np.int64]:
    """Return an array of at most `limit` integers, flat.

    Raises
    ------
    BenchError
        The values are not integers, or more than `limit`; as for `read_headers`.
    """
    with _opened(path) as archive, _member(path, archive, name) as (stream, size):
        header = _header(path, name, stream, size)
        count = int(np.prod(header.shape, dtype=object))
        if header.dtype.kind not in "iu" or count > limit:
            raise BenchError(
                f"{path}: the array {name!r} has {count} values of type {header.dtype}; expected at most {limit} "
                "integers"
            )
        content = _read(path, name, stream, count * header.dtype.itemsize)
        return np.frombuffer(content, dtype=header.dtype).astype(np.int64)


def read_images(path: Path, name: str) -> Iterator[UInt8Array]:
    """Yield the images of an array of uint8, shape (n, height, width) or (n, height, width, 3), one at a time.

    Grey images are replicated to three channels.

    Raises
    ------
    BenchError
        As for `read_headers`; or the archive is damaged.
    """
    with _opened(path) as archive, _member(path, archive, name) as (stream, size):
        shape = _header(path, name, stream, size).shape
        pixels = int(np.prod(shape[1:], dtype=object))
        for _ in range(shape[0]):
            image = np.frombuffer(_read(path, name, stream, pixels), dtype=np.uint8).reshape(shape[1:])
            yield np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MAX_MEMBERS:
                raise BenchError(f"{path}: {len(archive.infolist())} arrays; at most {MAX_MEMBERS} are read")
            yield archive
    # zipfile raises NotImplementedError for a compression that it does not know.
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as error:
        raise BenchError(f"{path}: damaged archive ({shortened(str(error), 200)})") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror or error})") from error


@contextmanager
def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], int]]:
    entries = [entry for entry in archive.infolist() if entry.filename == f"{name}.npy"]
    if len(entries) != 1:
        count = "no array" if not entries else f"{len(entries)} arrays"
        raise BenchError(f"{path}: {count} with the name {name!r}")
    with archive.open(entries[0]) as stream:
        yield stream, entries[0].file_size


def _header(path: Path, name: str, stream: IO[bytes], size: int) -> Member:
    try:
        version = npy.read_magic(stream)
        if version not in _READ_HEADER:
            raise ValueError(f"version {version[0]}.{version[1]} of the NPY format")
        shape, by_columns, dtype = _READ_HEADER[version](stream, max_header_size=_MAX_HEADER)
    except Exception as error:  # the parser of headers may raise any exception for a damaged one
        raise BenchError(f"{path}: the array {name!r} cannot be read ({shortened(str(error), 200)})") from error
    if dtype.kind not in "iuf" or any(length < 0 for length in shape):
        raise BenchError(f"{path}: the array {name!r} has type {dtype} and shape {shape}; expected numbers")
    if by_columns:
        raise BenchError(f"{path}: the array {name!r} is stored by columns; save it in C order")
    stated = stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if stated != size:
        raise BenchError(f"{path}: the array {name!r} has {size} bytes, but its header states {stated}")
    return Member(name, tuple(shape), dtype)


def _read(path: Path, name: str, stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise BenchError(f"{path}: the array {name!r} is truncated")
    return content
