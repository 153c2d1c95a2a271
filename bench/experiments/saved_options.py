"""Options stored with an experiment, from which its dataset is loaded again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.options import OPTIONS, Options
from bench.options.values import FrameSource

_SAVED = {name: one.option.saved for name, one in OPTIONS.items() if one.option.saved is not None}


def reading_options(options: Options) -> dict[str, Any]:
    """Return the JSON record of the options that `restored_options` needs; defaults are left out.

    The preparation is not among them: the record of the experiment contains it. Neither is a DataFrame passed as
    `data`. Paths are absolute.
    """
    record: dict[str, Any] = {}
    for name, form in _SAVED.items():
        value = getattr(options, name)
        if not isinstance(value, FrameSource) and (value != OPTIONS[name].default or name == "data"):
            record[name] = _absolute(value) if form == "path" else value
    return record


def restored_options(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return options from a record of `reading_options`.

    The record may come from a stranger: every other entry is ignored, so that it names nothing that is written and no
    place from which weights are loaded.
    """
    return {name: value for name, value in saved.items() if name in _SAVED}


def _absolute(value: object) -> str:
    """Return the absolute path of an existing file or folder, and other text such as `whole` unchanged."""
    path = Path(str(value))
    return str(path.absolute()) if path.exists() else str(value)
