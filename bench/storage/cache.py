"""The user's cache folder, created on demand and checked to be writable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.errors import BenchError
from extractors.files.cache_folder import VARIABLE, cache_folder


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
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(
            f"the cache folder {folder} cannot be written ({reason}); set {VARIABLE} to a writable folder"
        ) from error
    return folder.resolve()
