"""Canonical form of ids, labels, folds and sets: one name, however it is written."""

from __future__ import annotations

import numbers
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from bench.datasets.names import listed
from bench.errors import shortened

MISSING = frozenset({"nan", "<na>", "nat", "null", "#n/a", "#value!", "#ref!"})
"""Words (in the form of `name_key`) that programs write for a missing value; they are no names."""

DOUBTFUL = frozenset(
    {"na", "n/a", "n.a.", "none", "unknown", "unk", "missing", "not available", "anonymous", "-", "--", "?"}
)
"""Words that may be a name or stand for a missing value."""

ROUNDED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")
"""Numbers as spreadsheets write long ones, `2.02301E+11`: different ids become equal."""

_STRAIGHT = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u2032`\u00b4"), "'") | dict.fromkeys(
    map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb"), '"'
)
_MINUS_SIGN = "\u2212"
_EXACT_INTEGERS = 2**53
_INTEGRAL_DECIMAL = re.compile(r"([+-]?[0-9]+)\.0+")
_MOST_LISTED = 20


def text_of(value: Any) -> str:
    """Return a value of a table as text.

    Missing values (None, NaN, NA, NaT) are empty. Numbers without a fraction have no decimals: a column of integers in
    which one value is missing holds floating-point numbers in most programs. Dates at midnight have no time.

    Raises
    ------
    ValueError
        The value is neither text, a number, a truth value nor a date, or it is a floating-point number too large to
        represent every integer.
    """
    if isinstance(value, str):
        return value
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if isinstance(value, datetime) and value.time() == time():
        return str(value.date())
    if isinstance(value, numbers.Real | Decimal | np.bool_):
        return _number_text(value)
    if isinstance(value, date):
        return str(value)
    raise ValueError(f"{shortened(repr(value))} is neither text nor a number")


def _number_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return canonical_text(f"{value:f}")
    if isinstance(value, numbers.Integral | np.bool_):
        return str(value)
    number = float(value)
    if abs(number) > _EXACT_INTEGERS:
        raise ValueError(f"{value!r} is a floating-point number that has lost digits; store it as text")
    return str(int(number)) if number.is_integer() else str(value)


def canonical_text(text: str) -> str:
    """Return a name in Unicode NFC, with single spaces and without those around it, and `8.0` as `8`."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    decimal = _INTEGRAL_DECIMAL.fullmatch(plain)
    return decimal[1] if decimal else plain


def name_key(text: str) -> str:
    """Return a form in which names are compared: also without case, compatibility and invisible characters.

    Compatibility characters are full-width letters, ligatures and the like (Unicode NFKC); invisible ones are those of
    the category Cf, such as a zero-width space or a byte-order mark. Dashes (category Pd) and the minus sign are
    hyphens, typographic quotes and apostrophes are straight ones.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_STRAIGHT)).casefold()  # NFKC decomposes an acute accent
    folded = unicodedata.normalize("NFKC", folded).translate(_STRAIGHT)
    plain = (c for c in folded if unicodedata.category(c) != "Cf")
    return canonical_text("".join("-" if c == _MINUS_SIGN or unicodedata.category(c) == "Pd" else c for c in plain))


def one_spelling(values: Iterable[str]) -> dict[str, str]:
    """Choose one spelling for each name.

    Parameters
    ----------
    values : iterable of str
        Names as written, one for each occurrence.

    Returns
    -------
    dict of str to str
        The spelling of each distinct value: the most frequent canonical text among the values of equal `name_key`; of
        equally frequent ones the first in sort order.
    """
    counts = Counter(values)
    of_key: dict[str, Counter[str]] = {}
    for written, count in counts.items():
        of_key.setdefault(name_key(written), Counter())[canonical_text(written)] += count
    chosen = {key: min(texts, key=lambda text: (-texts[text], text)) for key, texts in of_key.items()}
    return {written: chosen[name_key(written)] for written in counts}


def joined_notice(spelling: Mapping[str, str], what: str) -> str | None:
    """Return a notice that lists the names written in several ways, from `one_spelling`; None without such names."""
    groups: dict[str, list[str]] = {}
    for written, name in spelling.items():
        groups.setdefault(name, []).append(written)
    several = [f"{_shown(sorted(group))} as {name!r}" for name, group in sorted(groups.items()) if len(group) > 1]
    if not several:
        return None
    return (
        f"{what} that differ only in case, white space, Unicode form, dashes, quotes or a decimal `.0` are read as "
        f"one: {listed(several, _MOST_LISTED)}; if they are different, rename them"
    )


def known_spelling(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Match names of another file with the names of a dataset.

    Parameters
    ----------
    names : iterable of str
        Names as written in the other file.
    known : iterable of str
        Names of the dataset.

    Returns
    -------
    dict of str to str
        For each name that is not known as written, but of which one known name has the `name_key`: the known name.
    """
    present = set(known)
    of_key: dict[str, set[str]] = {}
    for name in present:
        of_key.setdefault(name_key(name), set()).add(name)
    matched = {name: of_key.get(name_key(name), set()) for name in names if name not in present}
    return {name: min(same) for name, same in matched.items() if len(same) == 1}


def matched_notice(spelling: Mapping[str, str], source: object) -> str | None:
    """Return a notice that lists the names matched by `known_spelling`; None without such names."""
    changed = [f"{_shown([written, name])}" for written, name in spelling.items() if canonical_text(written) != name]
    if not changed:
        return None
    return f"{source}: names are matched without regard to case and Unicode form: {listed(changed, _MOST_LISTED)}"


def _shown(spellings: Sequence[str]) -> str:
    """Quote spellings; those that look the same, or hold an invisible character, as escape sequences."""
    alike = len({unicodedata.normalize("NFC", s) for s in spellings}) < len(spellings)
    quote = ascii if alike or not all(map(str.isprintable, spellings)) else repr
    more = " and more" if len(spellings) > _MOST_LISTED else ""
    return " and ".join(quote(shortened(text)) for text in spellings[:_MOST_LISTED]) + more
