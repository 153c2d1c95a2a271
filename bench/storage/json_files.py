"""JSON files: atomic writes, bounded reads."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from bench.errors import BenchError
from extractors.files.atomic import atomic_file

MAX_JSON = 256 * 1024**2
"""Largest JSON file that is read, in bytes; those that are written have some kilobytes."""


def write_json(target: Path, value: object) -> None:
    """Write a JSON file atomically, one key per line, in the given order."""
    with atomic_file(target) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object of at most `MAX_JSON` bytes; raises BenchError with the file's name."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BenchError(f"{path}: not a regular file")
        if status.st_size > MAX_JSON:
            size = status.st_size / 1024**2
            raise BenchError(f"{path}: {size:.0f} MiB; at most {MAX_JSON // 1024**2} MiB of JSON are read")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from error
    except RecursionError as error:
        raise BenchError(f"{path}: cannot be read (nested too deeply)") from error
    if not isinstance(value, dict):
        raise BenchError(f"{path}: not a JSON object")
    return value
