"""List the image files in a folder in a machine-independent order."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from bench.errors import BenchError

READ_SUFFIXES = frozenset({".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"})

IMAGE_SUFFIXES = READ_SUFFIXES | {".gif", ".webp", ".jp2", ".j2k", ".ppm", ".pgm", ".pnm", ".heic", ".avif"}
"""Suffixes of images, including formats that cannot be decoded: the scan reports them as unreadable."""

SYSTEM_FOLDERS = frozenset(
    {
        "__macosx", "@eadir", "@recycle", "@recently-snapshot", "@tmp", "@__thumb", "#recycle", "#snapshot",
        "$recycle.bin", "system volume information", "lost+found",
    }
)  # fmt: skip
"""Folders that archives, network storage and operating systems add, in lower case: thumbnails, bins, snapshots."""


def is_image_name(name: str) -> bool:
    """Whether a file name has the suffix of an image and is not hidden (`._1.bmp` of some archives)."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def image_files(root: Path, *, leave_out: Collection[Path] = ()) -> list[str]:
    """Return the relative paths of all image files in a folder, with `/`, sorted by code point.

    Hidden files and folders and `SYSTEM_FOLDERS` are skipped.

    Parameters
    ----------
    root : Path
        Absolute path without symbolic links.
    leave_out : collection of Path
        Folders inside `root` to skip (masks).

    Raises
    ------
    BenchError
        A folder cannot be read, a link points outside `root` or to a folder, a file is not a regular file, or a name is
        not UTF-8.
    """
    return sorted(path.relative_to(root).as_posix() for path in _walk(root, root, leave_out))


def _walk(folder: Path, root: Path, leave_out: Collection[Path]) -> Iterator[Path]:
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FOLDERS or path in leave_out:
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
    check_name(str(path))
    if not entry.is_file():
        raise BenchError(f"{path} is not a file (a broken link, perhaps); repair or remove it")
    if entry.is_symlink() and not path.resolve().is_relative_to(root):
        raise BenchError(f"{path} is a link that leaves {root}; copy the file into it, or list the cells in a manifest")
    return path


def check_name(path: str) -> None:
    """Check that a path is text that is read in the same way in every locale.

    Raises
    ------
    BenchError
        The name is not UTF-8, or the locale is not and the name is not ASCII.
    """
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8" and not path.isascii():
        raise BenchError(
            f"{path!a}: file names are decoded as {encoding}, because the locale is not UTF-8; set PYTHONUTF8=1 or a "
            "UTF-8 locale, such as LC_ALL=C.UTF-8"
        )
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise BenchError(f"{path!a}: the file name is not UTF-8; rename it") from error
