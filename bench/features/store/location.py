"""Where the feature store lies."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.storage.cache import cache_dir


def store_folder(asked: Path | None) -> Path:
    """The folder asked for, else that in the user's cache; it need not exist yet.

    Raises
    ------
    BenchError
        It is no folder.
    """
    if asked is None:
        return cache_dir() / "store"
    if asked.exists() and not asked.is_dir():
        raise BenchError(f"{asked}: a file, and no folder of features; choose another place with --store")
    return asked
