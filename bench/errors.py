"""Base class of the toolkit's errors, safe printing of their text, and suggestions for misspelled names."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, which change the state of a terminal, and bytes of file names that are not UTF-8."""

_LONGEST_WORD = 100


class BenchError(Exception):
    """An error that the user can correct; printed without a traceback, exit code 2."""


class Interrupted(BaseException):
    """The user or the system asks the command to stop, by a signal.

    Not a KeyboardInterrupt, which some libraries take for a request to end their own work.

    Parameters
    ----------
    number : int
        Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def shortened(text: str, limit: int = 80) -> str:
    """Return a text for a message, cut to `limit` characters, of which `...` are the last if it is longer."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean a, b?"` with the most similar known words, ignoring case; empty if none is similar.

    Words of more than 100 characters are similar to none: the time of a comparison grows with the product of lengths.
    """
    if len(word) > _LONGEST_WORD:
        return ""
    by_lower = {k.casefold(): k for k in known if len(k) <= _LONGEST_WORD}
    near = difflib.get_close_matches(word.casefold(), list(by_lower), n=3, cutoff=0.6)
    return f" Did you mean {', '.join(by_lower[n] for n in near)}?" if near else ""


def printable(text: str) -> str:
    r"""Return the text with control and invisible characters as escape sequences, except line breaks.

    Invisible are those of which Unicode shows nothing: among them bidirectional controls, which reverse the order of
    the text that follows, zero-width characters, and bytes of file names that are not UTF-8. `\u202e` is the form.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c == "\n" or c.isprintable() or unicodedata.category(c) == "Zs" else ascii(c)[1:-1] for c in text
    )
