"""Components in selectors: values such as `head=mlp[width=320]` that name options of a plugin, not estimators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from bench.errors import BenchError, did_you_mean
from bench.plugins.selectors import Selector, Value, check_parameters, parse_value
from extractors.component import Component

Table: TypeAlias = Mapping[str, type[Component]]

WORDS = ("default", "none")
"""Values that stand for the choice of the class and for no component; `validate_parameters` of the class accepts or
refuses them."""


def tables_of(cls: type) -> Mapping[str, Table]:
    """Return the components that the parameters of a class accept, by parameter: its attribute `components`."""
    tables: Mapping[str, Table] = getattr(cls, "components", {})
    return tables


def component_value(value: Any, table: Table) -> Value:
    """Return the value of a parameter with components as selectors and quoted text parsed; a list of one is unpacked.

    Parameters
    ----------
    value : value of a selector, Component or tuple of components
        From a selector, or a default of the class.
    table : mapping of str to class
        The components that the parameter accepts.
    """
    if isinstance(value, Component):
        return Selector(value.name, {field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, str) and value not in table and any(sign in value for sign in "[+"):
        value = parse_value(value)
    if isinstance(value, list | tuple):
        values = tuple(component_value(item, table) for item in value)
        return values[0] if len(values) == 1 else values
    selected: Value = value
    return selected


def check_components(value: Value, table: Table, *, where: str, joined: bool, words: tuple[object, ...] = ()) -> None:
    """Check the components that a value names and their parameters; nothing is instantiated.

    Parameters
    ----------
    value : value
        From `component_value`.
    table : mapping of str to class
        The components that the parameter accepts.
    where : str
        Plugin and parameter in errors, such as `cnn: head`.
    words : tuple
        Further values, such as the default of the class.
    joined : bool
        Whether the parameter is a list joined by `+`.

    Raises
    ------
    BenchError
        A component or one of its parameters is unknown; the message suggests similar ones.
    """
    if isinstance(value, tuple):
        if not joined:
            raise BenchError(f"{where} is one component, not a list joined by +")
        for item in value:
            _check_one(item, table, where)
    elif isinstance(value, Selector) or value not in words:
        _check_one(value, table, where)


def filled(value: Value, table: Table) -> Value:
    """Return the canonical form: each component with all parameters, in sort order."""
    if isinstance(value, tuple):
        return tuple(filled(item, table) for item in value)
    selector = _selector(value, table)
    return value if selector is None else _named(selector.name, dict(sorted(_parameters(selector, table).items())))


def shortened(value: Value, table: Table) -> Value:
    """Return the short form: each component with the parameters that differ from their defaults."""
    if isinstance(value, tuple):
        return tuple(shortened(item, table) for item in value)
    selector = _selector(value, table)
    if selector is None:
        return value
    params, defaults = _parameters(selector, table), {f.name: f.default for f in fields(table[selector.name])}
    return _named(selector.name, {key: params[key] for key in sorted(params) if params[key] != defaults[key]})


def instance(value: Value, table: Table, *, joined: bool) -> object:
    """Instantiate the components of a value in canonical form; words are returned unchanged.

    Raises
    ------
    ValueError
        A parameter of a component has a wrong type or range.
    """
    if isinstance(value, tuple):
        return tuple(instance(item, table, joined=False) for item in value)
    selector = _selector(value, table)
    if selector is None:
        return value
    try:
        built = table[selector.name](**selector.params)
    except ValueError as error:
        raise ValueError(f"{selector.name}: {error}") from error
    return (built,) if joined else built


def like_default(value: Any, default: object) -> Any:
    """Convert a number, or those of a list, to the type of the default if it is equal: 3 to 3.0, and 3.0 to 3."""
    if isinstance(value, tuple) and type(default) in (int, float):
        return tuple(like_default(item, default) for item in value)
    if isinstance(value, bool) or isinstance(default, bool):
        return value
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if isinstance(default, int) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check_one(value: Value, table: Table, where: str) -> None:
    selector = _selector(value, table)
    name = selector.name if selector is not None else str(value)
    if name not in table:
        raise BenchError(f"{where}={name} is not known.{did_you_mean(name, table)} It is one of {', '.join(table)}.")
    if selector is None:
        return
    try:
        check_parameters(selector, [field.name for field in fields(table[name])])
    except BenchError as error:
        raise BenchError(f"{where}: {error}") from error
    for key, item in selector.params.items():
        if isinstance(item, Selector | tuple):
            raise BenchError(f"{where}: {key} of {name} is a number or a word, not a list or a selector")


def _selector(value: Value, table: Table) -> Selector | None:
    """Return the selector of a component; None for a word."""
    if isinstance(value, Selector):
        return value
    return Selector(value) if isinstance(value, str) and value in table else None


def _parameters(selector: Selector, table: Table) -> dict[str, Value]:
    defaults = {field.name: field.default for field in fields(table[selector.name])}
    return {name: like_default(selector.params.get(name, default), default) for name, default in defaults.items()}


def _named(name: str, params: dict[str, Value]) -> Value:
    return Selector(name, params) if params else name
