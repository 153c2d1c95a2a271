"""Tables, lists and pictures that a command writes for the user: the place is checked, the file is written whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.storage.folders import writable_folder
from extractors.files.atomic import atomic_file

SUFFIXES = (".parquet", ".csv")
"""Of a table's file, which say how it is written."""


def check_output(path: Path, *, protected: Collection[Path] = (), suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise BenchError where a file cannot be written to `path`, before hours are spent on it.

    Parameters
    ----------
    path : Path
        Given as `--output`.
    protected : collection of Path
        Resolved paths of input tables, which are never replaced.
    suffixes : sequence of str
        What its name may end in.
    """
    if path.suffix.lower() not in suffixes:
        raise BenchError(f"{path}: is written as {' or '.join(suffixes)}; give --output such a name")
    if path.is_dir():
        raise BenchError(f"{path}: is a folder; choose another file with --output")
    if path.resolve() in protected:
        raise BenchError(f"{path}: is the table of the cells that are read; choose another file with --output")
    writable_folder(path.absolute().parent, "--output")


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Give a temporary path that replaces `path` when the block ends without an error.

    Raises
    ------
    BenchError
        It cannot be written there.
    """
    try:
        with atomic_file(path) as temporary:
            yield temporary
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be written ({error.strerror or error}); choose another file with --output"
        ) from error
