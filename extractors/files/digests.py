"""SHA-256 digests as 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def file_digest(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_digest(content: bytes | memoryview) -> str:
    """Compute the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
