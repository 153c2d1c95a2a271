"""Output files of commands: check the path first, write atomically."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.storage.folders import writable_folder
from extractors.files.atomic import atomic_file

SUFFIXES = (".parquet", ".csv")
"""Suffixes of tables, which select the format."""


def check_output(path: Path, *, protected: Collection[Path] = (), suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise BenchError if a file cannot be written to `path`; call it before a long computation.

    Parameters
    ----------
    path : Path
        Value of `--output`.
    protected : collection of Path
        Resolved paths of input tables, which are never overwritten.
    suffixes : sequence of str
        Allowed suffixes.
    """
    if path.suffix.lower() not in suffixes:
        raise BenchError(f"{path}: the suffix must be {' or '.join(suffixes)}; change --output")
    if path.is_dir():
        raise BenchError(f"{path}: is a folder; choose another file with --output")
    if path.resolve() in protected:
        raise BenchError(f"{path}: is the input table of the cells; choose another file with --output")
    writable_folder(path.absolute().parent, "--output")


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends without an error.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    try:
        with atomic_file(path) as temporary:
            yield temporary
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be written ({error.strerror or error}); choose another file with --output"
        ) from error
