"""The user's cache folder: what may be deleted at any time and is then made again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from bench.errors import BenchError

VARIABLE = "CYTOBENCH_CACHE"


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
    named = os.environ.get(VARIABLE)
    folder = Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("cytobench"))
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
