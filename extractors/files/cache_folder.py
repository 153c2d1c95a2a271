"""The user's cache folder: what may be deleted at any time and is then made again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "CYTOBENCH_CACHE"


def cache_folder() -> Path:
    """The folder that `CYTOBENCH_CACHE` names, else the system's cache folder of the user; it need not exist yet."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("cytobench"))
