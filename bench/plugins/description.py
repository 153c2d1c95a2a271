"""Check a selector against the parameters of its class, and bring it into canonical form; nothing is instantiated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.plugins.components import (
    WORDS,
    check_components,
    component_value,
    filled,
    like_default,
    shortened,
    tables_of,
)
from bench.plugins.importing import SCIKIT_LEARN, installed, load_class, target_of
from bench.plugins.members import NESTING
from bench.plugins.owned_parameters import NEVER_SET, owned_parameters
from bench.plugins.plugin import Plugin
from bench.plugins.selectors import Selector, Value, check_parameters, outermost, parse


def described(selector: Selector, target: str, **fixed: Value) -> Plugin:
    """Check a selector and those nested in it; nothing is instantiated."""
    cls = load_class(target)
    defaults, owned, tables = _defaults(cls, selector.name), owned_parameters(cls), tables_of(cls)
    allowed = {k: v for k, v in defaults.items() if k not in owned and k not in fixed}
    for key, value in selector.params.items():
        if key in owned and key not in allowed:
            raise BenchError(f"{selector}: {key} is set by the engine; {owned[key]}")
        if key in NEVER_SET and value is not None:
            raise BenchError(f"{selector}: {key} cannot be set; {NEVER_SET[key]}")
    check_parameters(selector, sorted(allowed))
    joined = getattr(cls, "joined", ())
    named = {k: component_value(v, tables[k]) for k, v in selector.params.items() if k in tables}
    for key, value in named.items():
        words = (*WORDS, None, allowed[key])
        check_components(value, tables[key], where=f"{selector.name}: {key}", words=words, joined=key in joined)
    rest = {k: v for k, v in selector.params.items() if k not in tables}
    like = {**allowed, **{k: kind() for k, kind in getattr(cls, "numbers", {}).items()}}
    params = {k: _like_default(_listed(v) if k in joined else v, like[k]) for k, v in rest.items()}
    full = {k: _filled_value(v, f"{selector.name}: {k}") for k, v in params.items()}
    full |= {k: filled(v, tables[k]) for k, v in named.items()}
    allowed |= {k: filled(component_value(allowed[k], tables[k]), tables[k]) for k in tables if k in allowed}
    short = {k: _nested(v, _shortened) for k, v in params.items() if not _same(v, allowed[k])}
    short |= {k: shortened(v, tables[k]) for k, v in named.items() if not _same(full[k], allowed[k])}
    changed = dict(sorted(short.items()))
    return Plugin(
        selector=str(Selector(selector.name, changed)),
        target=target,
        params=_without_missing({**allowed, **full, **fixed}, selector),
        accepts=frozenset(defaults) & frozenset(owned),
        consumes=getattr(cls, "consumes", "cells"),
        nested=tuple(_nested_plugins(cls, full)),
    )


def _nested_plugins(cls: type, params: Mapping[str, Value]) -> Iterator[Plugin]:
    for key, value in params.items():
        for selector in outermost(value) if key not in tables_of(cls) else ():
            plugin = described(selector, target_of(selector.name))
            yield plugin
            yield from plugin.nested


def _nested(value: Value, form: Callable[[Plugin], Selector]) -> Value:
    """Replace each selector in a value by a form of the estimator that it names."""
    if isinstance(value, tuple):
        return tuple(_nested(v, form) for v in value)
    if not isinstance(value, Selector):
        return value
    if value.name not in installed("classifiers") and not value.name.startswith(SCIKIT_LEARN):
        raise BenchError(
            f"{value.name}: a selector inside another one names an installed classifier or a class of scikit-learn, "
            f"such as sklearn.svm.SVC[];{did_you_mean(value.name, installed('classifiers'))} pass any other estimator "
            "as an object from Python"
        )
    target = target_of(value.name)
    if target in NESTING:
        raise BenchError(f"{value.name} is not nested in a class of another library; use it as the classifier")
    cls: Any = load_class(target)
    if not all(callable(getattr(cls, method, None)) for method in ("get_params", "set_params")):
        raise BenchError(f"{value.name} is not a scikit-learn estimator: it has no get_params and set_params")
    return form(described(value, target))


def _filled_value(value: Value, where: str) -> Value:
    """Replace each selector in a value by its canonical form; errors name the parameter."""
    try:
        return _nested(value, filled_selector)
    except BenchError as error:
        raise BenchError(f"{where}: {error}") from error


def filled_selector(plugin: Plugin) -> Selector:
    """Return the canonical form of a plugin: its name with all parameters, in sort order."""
    return Selector(plugin.name, dict(sorted(plugin.params.items())))


def _shortened(plugin: Plugin) -> Selector:
    return parse(plugin.selector)


_REQUIRED = object()


def _defaults(cls: type, name: str) -> dict[str, Any]:
    try:
        parameters = inspect.signature(cls).parameters.values()
    except ValueError as error:
        raise BenchError(f"{name}: the parameters of {cls.__name__} are not known ({error})") from error
    return {
        p.name: _REQUIRED if p.default is p.empty else _frozen(p.default)
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def _without_missing(params: dict[str, Any], selector: Selector) -> dict[str, Value]:
    missing = [k for k, v in params.items() if v is _REQUIRED]
    if missing:
        raise BenchError(f"{selector.name} needs {', '.join(missing)}: write {selector.name}[{missing[0]}=...]")
    return params


def _like_default(value: Value, default: object) -> Value:
    in_list = isinstance(default, tuple) and not isinstance(value, bool | tuple)
    return (value,) if in_list else like_default(value, default)


def _listed(value: Value) -> Value:
    """Split quoted text joined by `+` into a list; unpack a list of one."""
    pieces = tuple(value.split("+")) if isinstance(value, str) else value
    return pieces[0] if isinstance(pieces, tuple) and len(pieces) == 1 else pieces


def _same(value: Value, default: object) -> bool:
    return type(value) is type(default) and value == default


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value
