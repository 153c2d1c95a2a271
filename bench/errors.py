"""The one root of the toolkit's own errors, how their text is made safe to print, and what mistyped names may mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, which steer a terminal, and bytes of a file name that are no UTF-8."""


class BenchError(Exception):
    """Something the person who typed the command can mend; printed without a traceback, exit code 2."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean a, b?"` for the known words nearest to `word`, whatever their case; empty where none is near."""
    by_lower = {k.casefold(): k for k in known}
    near = difflib.get_close_matches(word.casefold(), list(by_lower), n=3, cutoff=0.6)
    return f" Did you mean {', '.join(by_lower[n] for n in near)}?" if near else ""


def printable(text: str) -> str:
    """A text that may quote a file, with the escape for each character that steers a terminal; line breaks stay."""
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else ascii(found[0])[1:-1], text)
