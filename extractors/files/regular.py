"""Open and read regular files only: never wait for a pipe, read a device, or read more than a limit."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_regular(
    path: str | os.PathLike[str], *, limit: int = sys.maxsize, follow_link: bool = True
) -> io.BufferedReader | io.BytesIO:
    """Open a regular file for reading; never waits for a pipe or a device.

    Files of `/proc`, whose size is 0, are empty.

    Parameters
    ----------
    path : str or path-like
    limit : int
        Largest size in bytes.
    follow_link : bool
        Whether `path` may be a symbolic link to a regular file.

    Raises
    ------
    OSError
        The file cannot be opened, is not a regular file, is a link that is not followed, or is larger than `limit`;
        `strerror` is the reason.
    """
    name = os.fspath(path)
    if follow_link:
        check_regular(name, limit=limit)  # first, since opening a device may have effects
    handle = os.open(name, _FLAGS | (0 if follow_link else _NO_LINK))
    try:
        status = os.fstat(handle)
        _check(status, name, limit)
        if status.st_size or not follow_link:
            return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return io.BytesIO()


def check_regular(path: str | os.PathLike[str], *, limit: int = sys.maxsize) -> None:
    """Raise OSError as `open_regular`, without opening the file."""
    name = os.fspath(path)
    _check(os.stat(name), name, limit)  # noqa: PTH116 (a plain name)


def read_regular(path: str | os.PathLike[str], *, limit: int, follow_link: bool = True) -> bytes:
    """Return the bytes of a regular file, at most `limit`.

    Raises
    ------
    OSError
        As for `open_regular`.
    """
    with open_regular(path, limit=limit, follow_link=follow_link) as file:
        return file.read(limit)


def _check(status: os.stat_result, name: str, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "special")
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", name)
    if status.st_size > limit:
        raise OSError(errno.EFBIG, f"{status.st_size} bytes; at most {limit} are read", name)
