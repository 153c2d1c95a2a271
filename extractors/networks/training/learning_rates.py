"""Learning rates of layer groups: one number, a range, a tenth below the head, or the learning-rate finder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

LearningRate: TypeAlias = float | str | Sequence[float]

FIND = "find"
"""Value that requests the learning-rate finder."""

SLICE = "slice:"
"""Prefix of a rate of the head; the other layer groups have a tenth of it."""

MAX_RATE = 1000.0
"""Largest learning rate."""

FORMS = "a positive number, LOW+HIGH, slice:RATE, find or slice:find"


def check_learning_rate(value: LearningRate) -> None:
    """Check the option `learning_rate`.

    Parameters
    ----------
    value : number, sequence of 2 numbers, or str
        A number: the rate of all layer groups. Two: rates that increase geometrically from the first group to the head
        (`slice(a, b)` of fastai 1); also as a str `LOW+HIGH`. `slice:RATE`: the head has RATE, all other groups a tenth
        of it (`slice(rate)` of fastai 1). `find` and `slice:find`: the suggestion of the finder instead of the number.

    Raises
    ------
    ValueError
        The value has another form, or a rate is not above 0 and at most 1000.
    """
    _parsed(value)


def uses_finder(value: LearningRate) -> bool:
    """Whether the rate is that of the learning-rate finder."""
    return value in (FIND, SLICE + FIND)


def group_rates(value: LearningRate, n_groups: int, *, suggestion: float | None = None) -> list[float]:
    """Return the largest learning rate of each layer group.

    Parameters
    ----------
    value : number, sequence of 2 numbers, or str
        As in `check_learning_rate`.
    n_groups : int
        Number of layer groups, at least 1; the last is the head. A single group has the rate of the head.
    suggestion : float, optional
        Rate from the finder, needed if `uses_finder(value)`.

    Returns
    -------
    list of float, length n_groups
        From the input to the head.

    Raises
    ------
    ValueError
        As `check_learning_rate`, or the suggestion is missing.
    """
    kind, rates = _parsed(value)
    if not rates:
        if suggestion is None:
            raise ValueError(f"learning_rate={value} needs the suggestion of the learning-rate finder")
        rates = (suggestion,)
    head = rates[-1]
    if kind == "slice":
        return [head / 10] * (n_groups - 1) + [head]
    if kind == "range" and n_groups > 1:
        ratio = (head / rates[0]) ** (1 / (n_groups - 1))
        return [rates[0] * ratio**index for index in range(n_groups - 1)] + [head]
    return [head] * n_groups


def _parsed(value: LearningRate) -> tuple[str, tuple[float, ...]]:
    """Return the kind (`all`, `range`, `slice`) and the rates; no rates if the finder gives them."""
    if uses_finder(value):
        return ("all" if value == FIND else "slice"), ()
    if isinstance(value, str) and value.startswith(SLICE):
        return "slice", (_rate(value.removeprefix(SLICE), value),)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "all", (_rate(value, value),)
    pieces = _split(value) if isinstance(value, str) else value
    if isinstance(pieces, tuple | list) and len(pieces) == 2:
        return "range", tuple(_rate(piece, value) for piece in pieces)
    raise ValueError(f"learning_rate={value} is not of the form {FORMS}")


def _split(text: str) -> list[str]:
    """Split at `+` but not within an exponent such as `1e+1`."""
    pieces: list[str] = []
    for piece in text.split("+"):
        if pieces and pieces[-1][-1:] in ("e", "E"):
            pieces[-1] += f"+{piece}"
        else:
            pieces.append(piece)
    return pieces


def _rate(number: object, value: LearningRate) -> float:
    try:
        rate = math.nan if isinstance(number, bool) else float(number)  # type: ignore[arg-type]  # checked here
    except (TypeError, ValueError):
        rate = math.nan
    if math.isnan(rate):
        raise ValueError(f"learning_rate={value} is not of the form {FORMS}")
    if not 0 < rate <= MAX_RATE:
        raise ValueError(f"learning_rate={value}: a rate is above 0 and at most {MAX_RATE:g}")
    return rate
