"""The user's cache folder, made on demand and known to be writable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.errors import BenchError
from extractors.files.cache_folder import VARIABLE, cache_folder


def cache_dir() -> Path:
    """The folder that `CYTOBENCH_CACHE` names, else the user's cache folder of the system; made on demand.

    Returns
    -------
    Path
        An absolute path of a folder that can be written.

    Raises
    ------
    BenchError
        The folder cannot be made or written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(
            f"the cache folder {folder} cannot be written ({reason}); set {VARIABLE} to a folder that can"
        ) from error
    return folder.resolve()
