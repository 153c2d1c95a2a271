"""Validation of extractor parameters: integers, lists of integers and lists of names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def validated_integer(name: str, value: int, low: int, high: int | None = None) -> int:
    """An integer parameter.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : int
    low : int
        Smallest valid value.
    high : int, optional
        Largest valid value. Default: no limit.

    Raises
    ------
    ValueError
        Not an integer, or out of range.
    """
    if not _is_integer(value, low, high):
        raise ValueError(f"{name}={value!r}: expected an integer {_range(low, high)}")
    return value


def validated_integers(name: str, values: Iterable[int] | int, low: int, high: int | None = None) -> tuple[int, ...]:
    """A parameter that is an integer or several distinct ones.

    Parameters
    ----------
    name : str
        Name of the parameter.
    values : iterable of int or int
    low : int
        Smallest valid value.
    high : int, optional
        Largest valid value. Default: no limit.

    Raises
    ------
    ValueError
        None, one that is not an integer or out of range, or one given twice.
    """
    several = tuple(values) if isinstance(values, Iterable) else (values,)
    if not several or not all(_is_integer(value, low, high) for value in several) or len(set(several)) < len(several):
        raise ValueError(f"{name}={values!r}: expected one or more distinct integers {_range(low, high)}")
    return several


def validated_names(names: Sequence[str] | str, known: Sequence[str], kind: str) -> tuple[str, ...]:
    """Names without duplicates, in the order of the known ones.

    Parameters
    ----------
    names : sequence of str or str
    known : sequence of str
        Valid names.
    kind : str
        Noun for one of them, used in the error message.

    Raises
    ------
    ValueError
        No name, or an unknown one.
    """
    several = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in several if name not in known]
    if unknown or not several:
        problem = f"unknown {kind} {unknown[0]!r}" if unknown else f"expected at least one {kind}"
        raise ValueError(f"{problem}; choose from {', '.join(known)}")
    return tuple(name for name in known if name in several)


def _is_integer(value: object, low: int, high: int | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return low <= value and (high is None or value <= high)


def _range(low: int, high: int | None) -> str:
    return f"of at least {low}" if high is None else f"from {low} to {high}"
