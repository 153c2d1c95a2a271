"""Files and folders that are written whole: beside their place first, then renamed into it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import BenchError

MAX_JSON = 256 * 1024**2
"""Largest JSON file that is read, in bytes; those that are written have some kilobytes."""

_UNFINISHED = ".unfinished-"


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `target` when the block ends without an error, and vanishes otherwise.

    Where `target` has come into being meanwhile, it stays and ours is dropped.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a temporary path that replaces `target` when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(target: Path, value: object) -> None:
    """Write a JSON file whole, keys in the order given, one a line."""
    with whole_file(target) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object of at most `MAX_JSON` bytes; raises BenchError with the file's name."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            raise BenchError(f"{path}: a plain file is expected")
        if told.st_size > MAX_JSON:
            size = told.st_size / 1024**2
            raise BenchError(f"{path}: {size:.0f} MiB; at most {MAX_JSON // 1024**2} MiB of JSON are read")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from error
    except RecursionError as error:
        raise BenchError(f"{path}: cannot be read (lists within lists without end)") from error
    if not isinstance(value, dict):
        raise BenchError(f"{path}: a JSON object is expected")
    return value


def writable_folder(path: Path, option: str) -> Path:
    """Make a folder and try to write into it; raises BenchError that names the option."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror}); choose another place with {option}") from error
    return path


def clear_unfinished(folder: Path, older_than_s: float = 24 * 3600) -> None:
    """Remove what killed processes left half-written in a folder, once it is old enough to be nobody's work."""
    if not folder.is_dir():
        return
    times = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process has put it into its place meanwhile
            times[path] = path.lstat().st_mtime
    newest = max(times.values(), default=0.0)
    for path, time in times.items():
        if path.name.startswith(_UNFINISHED) and newest - time > older_than_s:
            _remove(path)


def discard(path: Path) -> None:
    """Remove a file, a link or a folder, so that nobody finds the half of it, whenever this process ends."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    aside = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
    path.rename(aside / "gone")
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
