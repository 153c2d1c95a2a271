"""Output files of commands: inputs and foreign files are never replaced, files are written atomically."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.storage.folders import writable_folder
from extractors.files.atomic import atomic_file
from extractors.files.regular import open_regular

_PART = 65536
"""Bytes that are read from an existing file."""


@dataclass(frozen=True)
class Export:
    """A kind of output file.

    Parameters
    ----------
    command : str
        Command that writes it.
    suffixes : tuple of str
        Allowed suffixes, which select the format; empty: any.
    pattern : bytes
        Regular expression that occurs in the first 64 KB of such a file, or in the metadata of a Parquet file, and in
        no other.
    """

    command: str
    suffixes: tuple[str, ...]
    pattern: bytes

    def wrote(self, path: Path) -> bool:
        """Whether an existing file is empty or an earlier output."""
        with open_regular(path, limit=sys.maxsize) as file:
            head = file.read(_PART)
        content = _parquet_metadata(path) if head.startswith(b"PAR1") else head
        return not head or re.search(self.pattern, content, re.DOTALL) is not None


FOLDS = Export("bench folds", (), rb"\A# folds [0-9a-f]{64}\r?\n")
SCORES = Export("bench score", (), rb"\Adata,split,folds,repeats,tune,")
LINKS = Export("bench audit", (), rb"\A# bench audit\r?\n")
QUALITY = Export(
    "bench data quality",
    (".parquet", ".csv"),
    rb"\Acell,patient,label,area_px,[a-z_,]*,nucleus_ratio\r?\n|\A\{.*area_px.*nucleus_ratio",
)
SHEET = Export("bench data show", (".png",), rb"\A\x89PNG.*tEXtSoftware\0cytobench")
FEATURES = Export(
    "bench features extract",
    (".parquet", ".csv"),
    rb'\A"id","patient","label"(,"set")?,"([^".]+\.[^".]+\.|[^"]+_0000")|\A"id","feature","reason"\n|\A\{"extractor"',
)
CATALOGUE = Export(
    "bench features catalogue", (), rb"\A(\| )?name(,| \| )formula(,| \| )unit|\A\{\n \"extractor\": .*\"features\": \["
)
REPORT = Export("bench report", (), rb"<meta name=\"generator\" content=\"cytobench\">")


def check_output(path: Path, export: Export, *, inputs: Collection[Path] = (), force: bool = False) -> None:
    """Raise BenchError if a file cannot or may not be written to `path`; call it before a long computation.

    Parameters
    ----------
    path : Path
        Value of `--output`.
    export : Export
        Kind of the file. An existing file is replaced only if it is an earlier output of this kind.
    inputs : collection of Path
        Files that the command reads, which are never replaced.
    force : bool
        Replace any other existing file.
    """
    if export.suffixes and path.suffix.lower() not in export.suffixes:
        raise BenchError(f"{path}: the suffix must be {' or '.join(export.suffixes)}; change --output")
    if path.is_dir():
        raise BenchError(f"{path}: is a folder; choose another file with --output")
    if any(_same(path, source) for source in inputs):
        raise BenchError(f"{path}: is an input of this command; choose another file with --output")
    writable_folder(path.absolute().parent, "--output")
    try:
        foreign = not force and path.exists() and not export.wrote(path)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); choose another file with --output") from error
    if foreign:
        raise BenchError(
            f"{path}: exists and was not written by {export.command}; choose another file with --output, or replace it "
            "with --force"
        )


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


def _parquet_metadata(path: Path) -> bytes:
    """Return the metadata of a Parquet file: of this project, or of pandas with the names of the columns."""
    import pyarrow as pa  # noqa: PLC0415 (for existing Parquet files only)
    from pyarrow import parquet  # noqa: PLC0415

    try:
        metadata = parquet.read_schema(path).metadata or {}
    except pa.ArrowException:
        return b"no Parquet file"
    return metadata.get(b"cytobench") or metadata.get(b"pandas") or b"no metadata"


def _same(path: Path, source: Path) -> bool:
    """Whether two paths are one file, also through links."""
    if path.exists() and source.exists():
        return path.samefile(source)
    return path.resolve() == source.resolve()
