"""Format numbers, names and counts for messages, tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

LEVEL = 0.05
"""Significance level; p-values are rounded so that they stay on their side of it."""


def list_names(names: Sequence[object], at_most: int = 5) -> str:
    """Join the first names by commas and append the number of the others."""
    shown = ", ".join(map(str, names[:at_most]))
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def count(number: int, one: str, many: str | None = None) -> str:
    """Format a number with its noun, such as `1 cell` and `1,234 cells`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def capital(text: str) -> str:
    """Capitalise the first letter."""
    return text[:1].upper() + text[1:]


def p_text(p: float) -> str:
    """Format a p-value with its significant digits, one more where these hide its side of .05; `-` for NaN."""
    if not math.isfinite(p):
        return "-"
    if p < 0.001:
        return "<0.001"
    digits = 2 if p >= 0.1 else 4 if p != LEVEL and round(p, 3) == LEVEL else 3
    return f"{p:.{digits}f}"


def share_text(share: float) -> str:
    """Format a probability with two decimals, never rounded to certainty; `-` for NaN."""
    if not math.isfinite(share):
        return "-"
    return "<0.01" if 0 < share < 0.01 else ">0.99" if 0.99 < share < 1 else f"{share:.2f}"


def share_of(share: float) -> str:
    """Format a share of cells or patients in percent, with one decimal below 10 %; `-` for NaN."""
    if not math.isfinite(share):
        return "-"
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def drawn_share_text(share: float) -> str:
    """Format a share of random draws with two decimals; a share of 0 or 1 is no certainty; `-` for NaN."""
    if not math.isfinite(share):
        return "-"
    return "<0.01" if share < 0.01 else ">0.99" if share > 0.99 else f"{share:.2f}"


def difference_text(difference: float, low: float, high: float) -> str:
    """Format a difference with its sign and, where it is defined, its 95 % interval."""
    interval = f" [{signed(low)}, {signed(high)}]" if math.isfinite(low) and math.isfinite(high) else ""
    return signed(difference) + interval


def signed(value: float) -> str:
    """Format with two decimals and a sign; 0.00 has none."""
    text = f"{value:+.2f}"
    return text[1:] if float(text) == 0 else text


def rank_text(rank: float, low: float, high: float) -> str:
    """Format a median rank with its interval; `-` for NaN."""
    return f"{rank:g} [{low:g}, {high:g}]" if math.isfinite(rank) else "-"


def json_value(value: Any) -> Any:
    """Convert to JSON values: NaN to None, infinity to `"inf"` or `"-inf"`, and every sequence to a list."""
    if isinstance(value, Mapping):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
