"""Seeds derived from names."""

from __future__ import annotations

import hashlib
import json


def seed_of(*parts: object) -> int:
    """Hash names and numbers to a seed in [0, 2**31): the same on every machine and in every order of work.

    Parameters
    ----------
    *parts : object
        Converted to text, then hashed in order (SHA-256 of their JSON list).
    """
    text = json.dumps([str(part) for part in parts], separators=(",", ":"))
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) % 2**31
