"""The image files under a folder, in one order on every machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from bench.errors import BenchError

READ_SUFFIXES = frozenset({".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"})

IMAGE_SUFFIXES = READ_SUFFIXES | {".gif", ".webp", ".jp2", ".j2k", ".ppm", ".pgm", ".pnm", ".heic", ".avif"}
"""Suffixes that say "image". Those that cannot be decoded count too: the scan names them, nobody overlooks them."""


def is_image_name(name: str) -> bool:
    """Whether a file name ends as images do; hidden files (`._1.bmp` of some archives) do not count."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def image_files(root: Path, *, leave_out: Collection[Path] = ()) -> list[str]:
    """Paths of all image files under a folder, relative to it, with `/`, sorted by code point.

    Hidden files and folders and `__MACOSX` are passed over.

    Parameters
    ----------
    root : Path
        An absolute path without symbolic links.
    leave_out : collection of Path
        Folders inside `root` that are passed over (masks).

    Raises
    ------
    BenchError
        A folder cannot be read, a link leads out of `root` or to a folder, a file is none, a name is not UTF-8.
    """
    return sorted(path.relative_to(root).as_posix() for path in _walk(root, root, leave_out))


def _walk(folder: Path, root: Path, leave_out: Collection[Path]) -> Iterator[Path]:
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name == "__MACOSX" or path in leave_out:
            continue
        if entry.is_symlink() and entry.is_dir():
            raise BenchError(f"{path} is a link to a folder; links to folders are not followed: copy or move it there")
        if entry.is_dir():
            yield from _walk(path, root, leave_out)
        elif is_image_name(entry.name):
            yield _checked(path, entry, root)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise BenchError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _checked(path: Path, entry: os.DirEntry[str], root: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise BenchError(f"{str(path)!r}: the file name is not UTF-8; rename it") from error
    if not entry.is_file():
        raise BenchError(f"{path} is no file (a broken link, perhaps); repair or remove it")
    if entry.is_symlink() and not path.resolve().is_relative_to(root):
        raise BenchError(f"{path} is a link that leaves {root}; copy the file there, or list the cells in a manifest")
    return path
