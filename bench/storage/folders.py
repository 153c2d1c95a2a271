"""Folders that are written: those given by the user, the user's cache and the feature store."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.errors import BenchError
from extractors.files.cache_folder import VARIABLE, cache_folder


def writable_folder(path: Path, option: str) -> Path:
    """Create a folder and check that it is writable; raises BenchError that names the option."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(f"{path}: cannot be written ({reason}); choose another place with {option}") from error
    return path


def cache_dir() -> Path:
    """Return the folder of `CYTOBENCH_CACHE`, by default the user cache folder of the system; create it if missing.

    Returns
    -------
    Path
        Absolute path of a writable folder.

    Raises
    ------
    BenchError
        The folder cannot be created or written.
    """
    return writable_folder(cache_folder(), VARIABLE).resolve()


def store_folder(store: Path | None) -> Path:
    """Return the feature store's folder given by `--store`, or the default in the user's cache; it need not exist.

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
