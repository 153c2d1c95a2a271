"""SHA-256 digests as 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import os

from extractors.files.regular import open_regular


def file_digest(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of a regular file's bytes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_unchanged(path: str | os.PathLike[str], content: bytes, sha256: str | None) -> None:
    """Raise ValueError if the bytes of a file have another SHA-256 than when it was scanned; None: it was not."""
    if sha256 is not None and bytes_digest(content) != sha256:
        raise ValueError(f"{os.fspath(path)}: changed since it was scanned; run the command again")


def bytes_digest(content: bytes | memoryview) -> str:
    """Compute the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
