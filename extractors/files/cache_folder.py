"""The user's cache folder; its content may be deleted at any time and is rebuilt on demand."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "CYTOBENCH_CACHE"


def cache_folder() -> Path:
    """Return the folder set by `CYTOBENCH_CACHE`, or the platform's cache folder; it need not exist."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser() if folder else Path(platformdirs.user_cache_dir("cytobench"))
