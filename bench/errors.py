"""The one root of the toolkit's own errors, and suggestions for mistyped names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Something the person who typed the command can mend; printed without a traceback, exit code 2."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean a, b?"` for the known words nearest to `word`, whatever their case; empty where none is near."""
    by_lower = {k.casefold(): k for k in known}
    near = difflib.get_close_matches(word.casefold(), list(by_lower), n=3, cutoff=0.6)
    return f" Did you mean {', '.join(by_lower[n] for n in near)}?" if near else ""
