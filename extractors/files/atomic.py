"""Atomic writes: write to a temporary path next to the target, then rename."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from extractors.files.regular import open_regular

_UNFINISHED = ".unfinished-"


@contextmanager
def atomic_folder(
    target: Path, *, existing: Literal["keep", "replace", "error"] = "keep", flush: bool = True
) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `target` if the block ends without an error, and removed otherwise.

    Parameters
    ----------
    target : Path
        Path of the folder; missing parents are created.
    existing : {"keep", "replace", "error"}
        What happens to a non-empty folder at `target` when the block ends: it stays and the new one is dropped, it is
        replaced, or OSError is raised. An empty folder is always replaced.
    flush : bool
        Whether to flush the files to disk, so that the folder survives a power failure.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*") if flush else ():
            if file.is_file():
                _flush(file)
        if existing == "replace":
            discard(target)
        try:
            temporary.rename(target)
        except OSError:
            if existing != "keep" or not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_file(target: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path that replaces `target` if the block ends without an error.

    The path is random, exists, and can be read by the user alone until the block ends.

    Parameters
    ----------
    target : Path
        Path of the file; missing parents are created. A link is replaced, not followed.
    flush : bool
        Whether to flush the file to disk, so that it survives a power failure.

    Raises
    ------
    OSError
        The file cannot be written, or another user has replaced it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_prefix(target), suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # In a folder that several users share, one of them may have put a link in its place.
        with open_regular(temporary, follow_link=False) as file:
            os.fchmod(file.fileno(), 0o644)
            if flush:
                os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished_of(target: Path) -> None:
    """Remove what killed processes left of a target. The caller holds its lock, so that no process is writing it."""
    for path in target.parent.glob(f"{glob.escape(_prefix(target))}*"):
        _remove(path)


def remove_unfinished(folder: Path, older_than_s: float = 24 * 3600) -> None:
    """Remove temporary files and folders of killed processes from a folder.

    Parameters
    ----------
    folder : Path
        Folder to clean; need not exist.
    older_than_s : float
        Age in seconds, relative to the newest file of the folder, above which a temporary file counts as abandoned.
    """
    if not folder.is_dir():
        return
    times = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process has renamed it
            times[path] = path.lstat().st_mtime
    newest = max(times.values(), default=0.0)
    for path, time in times.items():
        if path.name.startswith(_UNFINISHED) and newest - time > older_than_s:
            _remove(path)


def discard(path: Path) -> None:
    """Remove a file, a link or a folder; a folder is renamed first, so that no process reads a partial one."""
    if path.is_dir() and not path.is_symlink():
        trash = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
        path.rename(trash / "discarded")
        path = trash
    _remove(path)


def _prefix(target: Path) -> str:
    return f"{_UNFINISHED}{target.name[:100]}-"


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
