"""Module search path without the current folder, whose files may come from somebody else.

Imports nothing but modules that every interpreter has loaded, so that it can run before any other import.
"""

import os
import sys

# ruff: noqa: PTH109, PTH118, PTH120 - pathlib may not be loaded yet

_TOOLKIT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def drop_current_folder() -> None:
    """Remove the current folder from `sys.path`, as `python -P` does; the folder of the toolkit itself stays."""
    current = _current_folder()
    sys.path[:] = [entry for entry in sys.path if not _is_current(entry, current)]


def installed_first() -> list[str]:
    """Return `sys.path` with the current folder last: a file in it replaces no installed or standard module.

    It is not removed, because classes of a user's script may be imported from there.
    """
    current = _current_folder()
    entries = sorted(sys.path, key=lambda entry: _is_current(entry, current))
    return [os.path.join(current, entry) for entry in entries]


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed
        return os.sep


def _is_current(entry: str, current: str) -> bool:
    return os.path.realpath(os.path.join(current, entry)) == os.path.realpath(current) != _TOOLKIT
