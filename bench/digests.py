"""SHA-256 of large files, remembered by path, size and times."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from bench.identity import file_digest
from bench.whole import whole_file
from extractors.cache import cache_folder

_FILE = "file-digests.json"


def remembered_digest(path: Path) -> str:
    """SHA-256 of a file's bytes; a file that has not changed since the last call is not read again.

    The change time counts, too: weights of one network all have one size, and copies and archives set the modification
    time at will. Where nothing can be remembered, as on a full disk, the file is read each time.
    """
    place = path.resolve()
    state = place.stat()
    key = f"{place}|{state.st_size}|{state.st_mtime_ns}|{state.st_ctime_ns}"
    memory = cache_folder() / _FILE
    known = _read(memory)
    if key not in known:
        # What is known of the file's earlier states is of no use any more.
        others = {name: value for name, value in known.items() if not name.startswith(f"{place}|")}
        known = {**others, key: file_digest(place)}
        with suppress(OSError), whole_file(memory) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")
    return known[key]


def _read(memory: Path) -> dict[str, str]:
    """What is remembered; a damaged memory counts as empty, since every digest can be taken again."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and all(isinstance(v, str) for v in known.values()) else {}
