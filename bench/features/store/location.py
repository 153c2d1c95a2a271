"""Default location of the feature store."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.storage.cache import cache_dir


def store_folder(store: Path | None) -> Path:
    """The folder given by `--store`, or the default in the user's cache; it need not exist.

    Raises
    ------
    BenchError
        It is not a folder.
    """
    if store is None:
        return cache_dir() / "store"
    if store.exists() and not store.is_dir():
        raise BenchError(f"{store}: a file, not a folder of features; choose another place with --store")
    return store
