"""List the image files in a folder in a machine-independent order."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from bench.errors import BenchError

READ_SUFFIXES = frozenset({".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"})

IMAGE_SUFFIXES = READ_SUFFIXES | {".gif", ".webp", ".jp2", ".j2k", ".ppm", ".pgm", ".pnm", ".heic", ".avif"}
"""Suffixes of images, including formats that cannot be decoded: the scan reports them as unreadable."""

_MAX_FOLDERS = 5000
"""Most folders in which a reader searches for its layout."""

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


MAX_FILES = 1_000_000
"""Most images of a folder."""

MAX_ENTRIES = 2_000_000
"""Most files and folders that are listed."""

MAX_DEPTH = 100
"""Deepest nesting of folders."""


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
        not UTF-8; or there are too many files, or folders are nested too deeply.
    """
    files = []
    for path in _walk(root, leave_out):
        files.append(path.relative_to(root).as_posix())
        if len(files) > MAX_FILES:
            raise BenchError(f"{root}: more than {MAX_FILES} images; split the dataset")
    return sorted(files)


def folders_in(root: Path, depth: int) -> Iterator[Path]:
    """Yield a folder and those below it, the highest first, at most `_MAX_FOLDERS`; links are not followed.

    Parameters
    ----------
    root : Path
        Folder; need not be readable.
    depth : int
        Levels below `root`.
    """
    level = [root]
    count = 0
    for _ in range(depth + 1):
        following: list[Path] = []
        for folder in level:
            count += 1
            if count > _MAX_FOLDERS:
                return
            yield folder
            with suppress(OSError), os.scandir(folder) as entries:
                inner = (Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
                following += islice(inner, _MAX_FOLDERS)
        level = sorted(following[:_MAX_FOLDERS])


def _walk(root: Path, leave_out: Collection[Path]) -> Iterator[Path]:
    waiting, count = [(root, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BenchError(f"{root}: folders are nested more than {MAX_DEPTH} deep, such as {folder}")
        for entry in _entries(folder):
            count += 1
            if count > MAX_ENTRIES:
                raise BenchError(f"{root}: more than {MAX_ENTRIES} files and folders; pass a smaller folder")
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FOLDERS or path in leave_out:
                continue
            if _is_folder(entry):
                if entry.is_symlink():
                    raise BenchError(
                        f"{path} is a link to a folder; links to folders are not followed: copy or move it there"
                    )
                waiting.append((path, depth + 1))
            elif is_image_name(entry.name):
                yield _checked(path, entry, root)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link in a loop is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, MAX_ENTRIES + 1))
    except OSError as error:
        raise BenchError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _checked(path: Path, entry: os.DirEntry[str], root: Path) -> Path:
    check_name(str(path))
    if not path.is_file():
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
