"""Folders given by the user."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.errors import BenchError


def writable_folder(path: Path, option: str) -> Path:
    """Create a folder and check that it is writable; raises BenchError that names the option."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror}); choose another place with {option}") from error
    return path
