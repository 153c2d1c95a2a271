"""Parsers of option values that are more than a number, a word or a path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError


@dataclass(frozen=True, eq=False)
class FrameSource:
    """A pandas DataFrame of cells, passed as `data` from Python.

    Parameters
    ----------
    frame : DataFrame
        Columns as those of a manifest.
    root : Path
        Folder to which its paths are relative.
    """

    frame: Any
    root: Path

    def __str__(self) -> str:
        return "the DataFrame"


def parse_data(value: object) -> str | FrameSource:
    """Return a path or selector as text, and a DataFrame as a source relative to the working directory."""
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, FrameSource):
        return value
    if is_frame(value):
        return FrameSource(value, Path.cwd())
    raise BenchError("expected a path, a selector such as phantom, or, from Python, a pandas DataFrame")


def is_frame(value: object) -> bool:
    """Whether a value is a pandas DataFrame; pandas is not imported."""
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def parse_plugins(value: object) -> tuple[object, ...]:
    """Return selectors, split from text at commas and checked for their form, and estimator objects as a tuple."""
    from bench.plugins.selectors import parse, split_list  # noqa: PLC0415 (the command line's help needs no parser)

    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    if isinstance(value, str):
        items = tuple(split_list(value))
    for item in items:
        if isinstance(item, type):
            raise BenchError(f"{item.__name__} is a class; pass an instance, such as {item.__name__}()")
        if not isinstance(item, str | int | float) and not hasattr(item, "get_params"):
            raise BenchError(
                f"expected selectors or scikit-learn estimators, not {type(item).__name__}; derive a class of your own "
                "from sklearn.base.BaseEstimator"
            )
    texts = tuple(str(item) if isinstance(item, int | float) else item for item in items)
    for item in texts:
        if isinstance(item, str):
            parse(item)
    return texts


def parse_repeats(value: object) -> int | Literal["auto"]:
    """Return a number of repeats, or `auto`."""
    if value == "auto":
        return "auto"
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise BenchError("expected auto or a whole number from 1 on")
    return int(text)


def parse_threshold(value: object) -> str:
    """Return the canonical text of a threshold rule."""
    from bench.scores import thresholds  # noqa: PLC0415

    try:
        return str(thresholds.parse_threshold(str(value)))
    except BenchError as error:
        raise BenchError(str(error).removeprefix("threshold ")) from error


def parse_mask_values(value: object) -> str | None:
    """Return the canonical text of `--mask-values`."""
    if value is None:
        return None
    from extractors.images.masks import validated_mask_values  # noqa: PLC0415 (so that --help stays fast)

    try:
        return validated_mask_values(str(value))
    except ValueError as error:
        raise BenchError(str(error)) from error


def parse_prepare(value: object) -> str:
    """Return the canonical text of preparation steps."""
    from bench.plugins import preparation  # noqa: PLC0415

    if not isinstance(value, str):
        raise BenchError("Input should be a valid string")
    try:
        return preparation.shortened(preparation.parse_prepare(value))
    except BenchError as error:
        raise BenchError(str(error).removeprefix("--prepare").removeprefix(":").strip()) from error


def parse_logger(value: object) -> str | None:
    """Return the text of a logger, checked for its form and the paths in it; nothing is imported."""
    from bench.options.paths import path_problem  # noqa: PLC0415 (as above)
    from bench.plugins.loggers import is_folder  # noqa: PLC0415
    from bench.plugins.selectors import parse  # noqa: PLC0415

    if value is None:
        return None
    if not isinstance(value, str):
        raise BenchError("Input should be a valid string")
    for name, parameter in parse(value).params.items():
        if is_folder(name) and isinstance(parameter, str) and (problem := path_problem(name, Path(parameter))):
            raise BenchError(f"{name}: {problem}")
    return value.strip()


def parse_reason(value: object) -> str | None:
    """Return the text of a reason without white space around it."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BenchError("Input should be a valid string")
    if not value.strip():
        raise BenchError("the reason is empty; write a short sentence, or leave the option out")
    return value.strip()
