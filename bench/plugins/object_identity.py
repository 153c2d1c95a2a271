"""Identity of Python objects: class, parameters and code of estimators, with nested ones."""

from __future__ import annotations

import ast
import dis
import inspect
import json
import linecache
import math
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from types import CodeType, FunctionType, ModuleType
from typing import Any

from bench.errors import BenchError
from bench.plugins.owned_parameters import owned_parameters
from bench.storage.fingerprints import digest, module_identity
from bench.storage.source_code import parse_source
from extractors.component import Component


def identity_of(estimator: Any) -> str:
    """Return the identity of an estimator in canonical form.

    It consists of the import path and the code of the class, and of the parameters without those set by the engine.
    The code is the version of an installed library, a digest of the module otherwise, and a digest of the source for
    classes that cannot be imported, such as those of a notebook, with the functions and values that they use.

    Raises
    ------
    BenchError
        A class or function has no source, or a parameter has no canonical form; the message contains the remedy.
    """
    return json.dumps(_Identity().estimator(estimator), sort_keys=True, separators=(",", ":"))


def import_path(cls: Any) -> str | None:
    """Return `module.Class` by which a class or function can be imported, by public modules if possible; else None."""
    module, name = str(getattr(cls, "__module__", None)), str(getattr(cls, "__qualname__", ""))
    public = ".".join(part for part in module.split(".") if not part.startswith("_"))
    for place in dict.fromkeys((public, module)):
        if place and _is_at(cls, place, name):
            return f"{place}.{name}"
    return None


def is_estimator(value: object) -> bool:
    """Whether a value is an instance with `get_params`."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def unfindable_modules(estimator: Any) -> frozenset[str]:
    """Return the modules of an estimator's code that other processes cannot import."""
    identity = _Identity()
    identity.estimator(estimator)
    return frozenset(name for name in identity.modules if name != "__main__" and not _is_findable(name))


def _is_findable(module: str) -> bool:
    """Whether a new process finds a module; one that is only in `sys.modules` is not found."""
    path = None
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return module != "__main__"
    for number in range(len(parts)):
        name = ".".join(parts[: number + 1])
        finders = [PathFinder] if path is not None else sys.meta_path
        specs = (finder.find_spec(name, path) for finder in finders)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _is_at(thing: Any, module: str, name: str) -> bool:
    if not _is_findable(module):
        return False
    try:
        value: Any = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError, ValueError):
        return False
    return value is thing


class _Identity:
    """One pass over an object; a source that refers to itself is entered once."""

    def __init__(self) -> None:
        self._sources: set[int] = set()
        self.modules: set[str] = set()

    def estimator(self, estimator: Any) -> dict[str, Any]:
        is_component = isinstance(estimator, Component)
        params = vars(estimator) if is_component else estimator.get_params(deep=False)
        owned = () if is_component else owned_parameters(estimator)
        return {
            **self.code(type(estimator)),
            "params": {
                name: self.value(value, f"the parameter {name!r} of {type(estimator).__name__}")
                for name, value in sorted(params.items())
                if name not in owned
            },
        }

    def value(self, value: Any, where: str) -> Any:
        if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
            value = value.item()
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, list | tuple):
            return [self.value(item, where) for item in value]
        if isinstance(value, Mapping):
            return {str(key): self.value(item, where) for key, item in value.items()}
        if is_estimator(value) or isinstance(value, Component):
            return self.estimator(value)
        if isinstance(value, type | FunctionType) or import_path(value) is not None:
            return self.code(value)
        raise BenchError(
            f"{where} is a {type(value).__name__}, which cannot be identified; use numbers, text, lists, functions or "
            "estimators with get_params (derive a class of your own from sklearn.base.BaseEstimator)"
        )

    def code(self, thing: Any) -> dict[str, Any]:
        """Return the import path with the identity of the module, or the name with the source."""
        path = import_path(thing)
        if path is not None:
            return {"class": path, "code": _module_code(str(thing.__module__))}
        return {"class": str(thing.__qualname__), "code": self.source(thing)}

    def source(self, thing: Any) -> Any:
        if id(thing) in self._sources:
            return "see above"
        self._sources.add(id(thing))
        self.modules.add(str(thing.__module__))
        bases = [self.code(base) for base in getattr(thing, "__bases__", ()) if base is not object]
        uses = {
            name: self.used(value, f"{thing.__qualname__} uses {name!r}, which")
            for function in _functions(thing)
            for name, value in sorted(_outside_values(function).items())
        }
        return {"source": _source_digest(_source_text(thing)), "bases": bases, "uses": uses}

    def used(self, value: Any, where: str) -> Any:
        return _module_code(value.__name__) if isinstance(value, ModuleType) else self.value(value, where)


def _module_code(module: str) -> str:
    if module.partition(".")[0] in sys.stdlib_module_names:
        return f"python {platform.python_version()}"
    return module_identity(module)


def _functions(thing: Any) -> Iterator[FunctionType]:
    """Yield a function, or the functions of a class, properties and class methods included."""
    members = [thing] if isinstance(thing, FunctionType) else vars(thing).values()
    for member in members:
        for function in (member, *(getattr(member, name, None) for name in ("__func__", "fget", "fset", "func"))):
            # scikit-learn wraps `transform`; the wrapper is not the user's code.
            if isinstance(inner := inspect.unwrap(function) if callable(function) else None, FunctionType):
                yield inner


def _outside_values(function: FunctionType) -> dict[str, Any]:
    """Return the global and enclosed values that a function uses, by name."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    enclosed = {name: cell.cell_contents for name, cell in cells if name != "__class__"}
    names = set(_global_names(function.__code__)) & function.__globals__.keys()
    return {**{name: function.__globals__[name] for name in names}, **enclosed}


def _global_names(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _source_text(thing: Any) -> str:
    """Return the source of a class or function, also of one from a notebook cell."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        text = next(filter(None, (_cell_source(thing, function) for function in _functions(thing))), None)
    if text is None:
        raise BenchError(
            f"the source of {thing.__qualname__} is not available, so its results cannot be identified; define it in "
            "a notebook cell, a script or a module"
        )
    return text


def _cell_source(cls: Any, method: FunctionType) -> str | None:
    """Return the source of a class from the cell in which one of its methods was compiled.

    `inspect` looks for the class in the file of its module, which a notebook does not have.
    """
    text = "".join(linecache.getlines(method.__code__.co_filename))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            first, last = node.lineno, node.end_lineno or node.lineno
            if first <= method.__code__.co_firstlineno <= last:
                return ast.get_source_segment(text, node)
    return None


def _source_digest(source: str) -> str:
    """SHA-256 of a source and its imports, without docstrings and comments; of the text itself for a fragment."""
    try:
        code = inspect.cleandoc("\n" + source) if source[:1].isspace() else source
        return digest(parse_source(code.encode(), ""))
    except SyntaxError:
        return digest(source.strip())
