"""JSON files: atomic writes, bounded reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from bench.errors import BenchError, shortened
from extractors.files.atomic import atomic_file
from extractors.files.regular import read_regular

MAX_JSON = 16 * 1024**2
"""Largest JSON file that is read, in bytes; those that are written have some kilobytes."""


def write_json(target: Path, value: object) -> None:
    """Write a JSON file atomically, one key per line, in the given order."""
    with atomic_file(target) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object.

    Raises
    ------
    BenchError
        The file is no regular file or has more than `MAX_JSON` bytes; it is no JSON, is nested too deeply, has a key
        twice, a number that is not finite or an integer of more than 4300 digits; or it holds no object.
    """
    try:
        value = parse_json(read_regular(path, limit=MAX_JSON))
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise BenchError(f"{path}: cannot be read ({shortened(str(error), 200)})") from error
    if not isinstance(value, dict):
        raise BenchError(f"{path}: not a JSON object")
    return value


def parse_json(content: bytes) -> object:
    """Parse JSON from a stranger.

    Raises
    ------
    ValueError
        It is no JSON in UTF-8, is nested too deeply, has a key twice, a number that is not finite or an integer of more
        than 4300 digits.
    """
    text = content.decode("utf-8")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {shortened(key)!r} occurs twice")
        values[key] = value
    return values


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {shortened(text)} is too large")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")
