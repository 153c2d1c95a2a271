"""Options stored with an experiment, from which its dataset is loaded again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.options import OPTIONS, Options
from bench.options.values import FrameSource

_SAVED = {name: one.option.saved for name, one in OPTIONS.items() if one.option.saved is not None}


def reading_options(options: Options) -> dict[str, Any]:
    """Return the JSON record of the options that `restored_options` needs; defaults are left out.

    The preparation is not among them: the record of the experiment contains it. Neither is a DataFrame passed as
    `data`. Paths are absolute, except that of the store, which is relative to the results folder: results and store
    that are moved together stay together, and equal runs in two places have equal records.
    """
    record: dict[str, Any] = {}
    for name, form in _SAVED.items():
        value = getattr(options, name)
        if not isinstance(value, FrameSource) and (value != OPTIONS[name].default or name == "data"):
            record[name] = _saved(value, form, options.out)
    return record


def restored_options(saved: Mapping[str, Any], results: Path) -> dict[str, Any]:
    """Return options from a record of `reading_options`.

    Parameters
    ----------
    saved : mapping
        The record.
    results : Path
        Current path of the results folder. A store that no longer exists relative to it is left out: features are then
        read from, or extracted into, the user's own store.
    """
    options = {name: value for name, value in saved.items() if name in _SAVED}
    for name in [name for name in options if _SAVED[name] == "relative"]:
        folder = Path(os.path.normpath(results.absolute() / str(options.pop(name))))
        options |= {name: folder} if folder.is_dir() else {}
    return options


def _saved(value: Any, form: str, results: Path) -> Any:
    if form == "relative":
        return os.path.relpath(Path(value).absolute(), results.absolute())
    return _absolute(value) if form == "path" else value


def _absolute(value: object) -> str:
    """Return the absolute path of an existing file or folder, and other text such as `whole` unchanged."""
    path = Path(str(value))
    return str(path.absolute()) if path.exists() else str(value)
