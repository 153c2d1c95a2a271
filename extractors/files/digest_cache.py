"""SHA-256 of large files, cached by path and stamp."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from extractors.files.atomic import atomic_file
from extractors.files.cache_folder import cache_folder
from extractors.files.digests import file_digest
from extractors.files.stamps import FileStamp, file_stamp

_FILE = "file-digests.json"


def cached_file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; a file that has not changed since the last call is not read again.

    If the cache cannot be written, as on a full disk, each process reads the file once.
    """
    resolved = path.resolve()
    return _digest(resolved, file_stamp(resolved))


@lru_cache(maxsize=64)
def _digest(resolved: Path, stamp: FileStamp) -> str:
    key = "|".join(map(str, (resolved, *stamp)))
    cache = cache_folder() / _FILE
    digests = _read(cache)
    if key not in digests:
        # Digests of earlier states of the file are stale.
        others = {name: value for name, value in digests.items() if not name.startswith(f"{resolved}|")}
        digests = {**others, key: file_digest(resolved)}
        with suppress(OSError), atomic_file(cache) as temporary:
            temporary.write_text(json.dumps(digests), encoding="utf-8")
    return digests[key]


def _read(cache: Path) -> dict[str, str]:
    """Return the cached digests; none if the cache is damaged, since they can be recomputed."""
    try:
        digests = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return digests if isinstance(digests, dict) and all(isinstance(v, str) for v in digests.values()) else {}
