"""SHA-256 of large files, cached by path and stamp."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from extractors.files.atomic import atomic_file
from extractors.files.cache_folder import cache_folder
from extractors.files.digests import file_digest
from extractors.files.stamps import file_stamp

_FILE = "file-digests.json"


def cached_file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes; a file that has not changed since the last call is not read again.

    Where the cache cannot be written, as on a full disk, the file is read each time.
    """
    place = path.resolve()
    key = "|".join(map(str, (place, *file_stamp(place))))
    memory = cache_folder() / _FILE
    known = _read(memory)
    if key not in known:
        # What is known of the file's earlier states is of no use any more.
        others = {name: value for name, value in known.items() if not name.startswith(f"{place}|")}
        known = {**others, key: file_digest(place)}
        with suppress(OSError), atomic_file(memory) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")
    return known[key]


def _read(memory: Path) -> dict[str, str]:
    """What is remembered; a damaged memory counts as empty, since every digest can be taken again."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and all(isinstance(v, str) for v in known.values()) else {}
