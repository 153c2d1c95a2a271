"""Components: named options with validated parameters, such as `crop[margin=4]` or `mlp[width=320]`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

_KINDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


@dataclass(frozen=True)
class Component:
    """Base class of the components: validates the parameters.

    A component is hashable and picklable. `str(component)` is its canonical selector with all parameters, such as
    `clahe[clip=2.0,tiles=8]`.

    Raises
    ------
    ValueError
        A parameter has another type than its default (integers are valid numbers), or is out of range.
    """

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for parameter in fields(self):
            value = _coerced(parameter.default, getattr(self, parameter.name))
            object.__setattr__(self, parameter.name, value)
            kind = type(parameter.default)
            if type(value) is not kind:
                raise ValueError(f"{parameter.name} is {_KINDS[kind]} (given: {value!r})")
            allowed = parameter.metadata
            if "choices" in allowed and value not in allowed["choices"]:
                raise ValueError(f"{parameter.name} is one of {', '.join(allowed['choices'])} (given: {value})")
            if "low" in allowed and not allowed["low"] <= value <= allowed["high"]:
                raise ValueError(f"{parameter.name} is from {allowed['low']} to {allowed['high']} (given: {value})")

    def __str__(self) -> str:
        params = ",".join(f"{p.name}={_formatted(getattr(self, p.name))}" for p in fields(self))
        return f"{self.name}[{params}]" if params else self.name


C = TypeVar("C", bound=Component)


def component(value: str | C, known: Mapping[str, type[C]], what: str) -> C:
    """Return a component from its name, with default parameters, or unchanged.

    Parameters
    ----------
    value : str or Component
        A name in `known`, or an instance of one of its classes.
    known : mapping of str to class
        The components of this kind by name.
    what : str
        Name of the parameter in errors, such as `head`.

    Raises
    ------
    ValueError
        There is no such component; the message suggests similar names.
    """
    if not isinstance(value, str):
        if isinstance(value, tuple(known.values())):
            return value
    elif value in known:
        return known[value]()
    similar = difflib.get_close_matches(str(value), known, n=1)
    hint = f" Did you mean {similar[0]}?" if similar else ""
    raise ValueError(f"{what}={value} is not known.{hint} It is one of {', '.join(known)}.")


def number_field(default: float, *, low: float, high: float) -> Any:
    """Field for a number from `low` to `high`; an integer if the default is one."""
    return field(default=default, metadata={"low": low, "high": high})


def choice_field(default: str, *others: str) -> Any:
    """Field for one of several strings."""
    return field(default=default, metadata={"choices": (default, *others)})


def _coerced(default: object, value: object) -> object:
    """Convert a number to the type of the default if it is equal: 3 to 3.0, and 3.0 to 3."""
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _formatted(value: bool | float | str) -> str:
    return value if isinstance(value, str) else json.dumps(value)
