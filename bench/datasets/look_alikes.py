"""Names that differ only in letters of different alphabets that look the same."""

from __future__ import annotations

from collections.abc import Iterable

from bench.datasets.canonical_names import name_key

_LATIN_OF = str.maketrans(
    "\u0430\u0432\u0435\u0437\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0455\u0441\u0442\u0443\u0445"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abe3ijkmhopsctyxabezhikmnoptyx",
)
"""Cyrillic, then Greek letters with the Latin letter or digit that looks like their small or capital form."""


def look_alikes(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two different names that look the same, such as `P1` with a Latin and with a Cyrillic P; None without.

    Parameters
    ----------
    names : iterable of str
        Distinct names; those of equal `name_key` count as one.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = name_key(name)
        other = seen.setdefault(key.translate(_LATIN_OF), name)
        if name_key(other) != key:
            return other, name
    return None
