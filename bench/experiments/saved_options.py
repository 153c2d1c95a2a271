"""The options that say which data were read and where things lay: kept with an experiment, to open its data again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.options import Options

_VALUES = ("patient_pattern", "positive", "white_level", "um_per_px", "skip_unreadable", "device")
_PLACES = ("data", "mask", "nucleus_mask", "held_out", "folds_file", "links", "weights_dir")
_STORE = "store"


def reading_options(options: Options) -> dict[str, Any]:
    """What `restored_options` needs: JSON values; what has its default is left out.

    How cells were prepared is not among them: it is of the experiment, whose record says it.
    Paths are absolute, but for the store, which is relative to the results folder: results and store that are moved
    together stay together, and equal runs in two places have equal records.
    """
    given = {k: v for k, v in options if v != Options.model_fields[k].default or k == "data"}
    kept = {k: given[k] for k in _VALUES if k in given}
    kept |= {k: _absolute(given[k]) for k in _PLACES if k in given}
    if _STORE in given:
        kept[_STORE] = os.path.relpath(Path(given[_STORE]).absolute(), options.out.absolute())
    return kept


def restored_options(kept: Mapping[str, Any], results: Path) -> dict[str, Any]:
    """Options from what `reading_options` kept; `results` is the results folder as it lies now.

    A store that is not there any more is left out: the features are then read from, or extracted into, the user's own.
    """
    options = {k: v for k, v in kept.items() if k in (*_VALUES, *_PLACES)}
    if _STORE in kept:
        store = Path(os.path.normpath(results.absolute() / str(kept[_STORE])))
        options |= {_STORE: store} if store.is_dir() else {}
    return options


def _absolute(value: object) -> str:
    """A path in full; a word that is no path, such as `whole` or a phantom's selector, as it is."""
    path = Path(str(value))
    return str(path.absolute()) if path.exists() else str(value)
