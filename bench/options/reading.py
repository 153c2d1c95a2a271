"""Validate options from Python, the command line and a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, did_you_mean, shortened
from bench.options.config_file import read_config
from bench.options.declarations import ALIASES, OPTIONS, Options
from bench.options.paths import path_problem
from bench.options.values import FrameSource, is_frame

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LONGEST_REASON = 1000
"""Characters of a reason; reasons that list the possible values have some hundred."""


def make_options(values: Mapping[str, Any], *, config: Path | None = None) -> Options:
    """Return validated options.

    Parameters
    ----------
    values : mapping
        Options by name or alias, and `root`, the folder of a DataFrame passed as `data`. None counts as not set.
    config : Path, optional
        YAML file of options; `values` take precedence over it.

    Raises
    ------
    BenchError
        An unknown name, an option set by two names, or an invalid value; with the line of the file.
    """
    from pydantic import ValidationError  # noqa: PLC0415 (the command line's help needs no validation)

    from_file, lines = read_config(config) if config is not None else ({}, {})
    from_file = _canonical(from_file)
    passed = _canonical({k: v for k, v in values.items() if v is not None})
    merged = _with_split(_with_root({**from_file, **passed}))

    places = {key: f"{config}, line {line}: " for key, line in lines.items() if key not in passed}
    problems = [
        f"{places.get(key, '')}no option is called {shortened(key)!r}.{_hint(key)}"
        for key in merged
        if key not in OPTIONS
    ]
    try:
        options = _adapter().validate_python({k: v for k, v in merged.items() if k in OPTIONS})
    except ValidationError as error:
        problems += [f"{places.get(str(e['loc'][0]), '')}{_explain(e)}" for e in error.errors()]
    else:
        refusals = {key: path_problem(key, getattr(options, key)) for key in merged if key in OPTIONS}
        problems += [f"{places.get(key, '')}{key}: {problem}" for key, problem in refusals.items() if problem]
    if problems:
        raise BenchError("\n".join(problems))
    return replace(options, explicit=frozenset(merged), places=places)


@cache
def _adapter() -> TypeAdapter[Options]:
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Options)


def _hint(key: str) -> str:
    return did_you_mean(key, [*OPTIONS, *ALIASES])


def _canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace aliases by the canonical names."""
    named: dict[str, str] = {}
    for key in values:
        name = ALIASES.get(key, key)
        if name in named:
            raise BenchError(f"{named[name]} and {key} are two names of the same option; use one of them")
        named[name] = key
    return {name: values[key] for name, key in named.items()}


def _with_root(values: dict[str, Any]) -> dict[str, Any]:
    """Attach `root` to a DataFrame."""
    if "root" not in values:
        return values
    data, root = values.get("data"), values["root"]
    if not is_frame(data):
        raise BenchError("root is the folder of the paths in a DataFrame; without a DataFrame as data, leave it out")
    rest = {k: v for k, v in values.items() if k != "root"}
    return {**rest, "data": FrameSource(data, Path(os.path.abspath(root)))}  # noqa: PTH100 (keeps links, drops dots)


def _with_split(values: dict[str, Any]) -> dict[str, Any]:
    """Imply `--split held-out` from `--held-out PATH`."""
    if values.get("held_out") is None:
        if values.get("reason") is not None and values.get("split") != "held-out":
            raise BenchError("--reason is the reason for evaluating held-out cells; use it with --held-out PATH")
        return values
    if values.get("split", "held-out") != "held-out":
        raise BenchError(f"--held-out goes with --split held-out, not with --split {values['split']}; leave one out")
    return {**values, "split": "held-out"}


def _explain(error: Mapping[str, Any]) -> str:
    value = repr(error["input"])
    shown = "" if value in error["msg"] else f" (given: {shortened(value)})"
    return f"{error['loc'][0]}: {shortened(error['msg'], _LONGEST_REASON)}{shown}"
