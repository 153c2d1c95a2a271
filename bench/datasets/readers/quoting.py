"""Checks for quotes that have become part of the values of a table, or have joined its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_WRAPPED = re.compile(
    r"""="(.*)"|"(.*)"|'(.*)'|\u201c(.*)\u201d|\u201e(.*)[\u201c\u201d]|\u2018(.*)\u2019|\u00ab(.*)\u00bb|`(.*)[`']"""
)
_TEXT_PREFIX = re.compile(r"'[0-9][0-9.,]*")


def quoted_value(columns: Mapping[str, Sequence[str]]) -> tuple[int, str, str] | None:
    """Return entry, column and reason of the first value that is wrapped in quotes; None without one.

    Such values are those of fields that were quoted twice, of spreadsheet formulas (`="007"`), of fields with a space
    before the quote, and numbers after the apostrophe that marks text in a spreadsheet (`'007`).
    """
    for name, texts in columns.items():
        for index, text in enumerate(texts):
            plain = text.strip()
            if _WRAPPED.fullmatch(plain):
                return index, name, "the quotes are part of the value"
            if _TEXT_PREFIX.fullmatch(plain):
                return index, name, "the apostrophe is part of the value"
    return None


def joins_rows(lines: Sequence[str], delimiter: str, columns: int) -> bool:
    """Whether a record of several lines looks like several rows between two stray quotes.

    That is so if one of its inner lines, or both the first and the last, has the delimiters of a whole row.
    """
    if len(lines) < 2 or columns < 2:
        return False
    full = [line.count(delimiter) >= columns - 1 for line in lines]
    return any(full[1:-1]) or (full[0] and full[-1])
