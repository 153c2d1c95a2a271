"""Format lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Join the first `limit` names by commas, with `...` if there are more."""
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
