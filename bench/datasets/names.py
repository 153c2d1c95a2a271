"""Lengths of names, and lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import shortened

MAX_NAME = 200
"""Longest label, patient or fold, in characters."""

MAX_CELL = 1000
"""Longest name of a cell, which may be a path, in characters."""

MAX_CLASSES = 1000
"""Most classes of a dataset."""


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Join the first `limit` names by commas, each shortened, with `...` if there are more."""
    return ", ".join(map(shortened, names[:limit])) + (", ..." if len(names) > limit else "")
