"""SHA-256 of large files, remembered by path, size and modification time."""

from __future__ import annotations

import json
from pathlib import Path

from bench.datasets.cache import cache_dir
from bench.identity import file_digest
from bench.whole import whole_file

_FILE = "file-digests.json"


def remembered_digest(path: Path) -> str:
    """SHA-256 of a file's bytes; a file that has not changed since the last call is not read again."""
    place = path.resolve()
    state = place.stat()
    key = f"{place}|{state.st_size}|{state.st_mtime_ns}"
    memory = cache_dir() / _FILE
    known = _read(memory)
    if key not in known:
        known = {**known, key: file_digest(place)}
        with whole_file(memory) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")
    return known[key]


def _read(memory: Path) -> dict[str, str]:
    """What is remembered; a damaged memory counts as empty, since every digest can be taken again."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and all(isinstance(v, str) for v in known.values()) else {}
