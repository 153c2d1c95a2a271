"""Find plugins and import classes by name; nothing is imported from the current folder."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, distributions, entry_points, packages_distributions
from pathlib import Path
from typing import Any, Literal, get_args

from bench.errors import BenchError

Kind = Literal["extractors", "classifiers", "datasets"]

_NO_CLASSIFIERS = sys.stdlib_module_names | {"test"}
"""Packages that come with Python."""

_LONGEST_REASON = 300


@cache
def installed(kind: Kind) -> dict[str, EntryPoint]:
    """Return the entry points of the plugins of a kind by name, without importing them.

    A distribution in the current folder is not installed: `python -m` and notebooks only look there first.

    Raises
    ------
    BenchError
        Two distributions declare one name.
    """
    points: dict[str, EntryPoint] = {}
    for point in sorted(_entry_points(f"bench.{kind}"), key=lambda p: p.name):
        other = points.get(point.name)
        if other is not None and (other.value, owner(other)) != (point.value, owner(point)):
            raise BenchError(
                f"two plugins have the name {point.name!r} in {kind}: one of {owner(other)} ({other.value}), "
                f"one of {owner(point)} ({point.value}); uninstall one of them"
            )
        points[point.name] = point
    return points


def owner(point: EntryPoint) -> str:
    """Return the name of the distribution of a plugin."""
    return point.dist.name if point.dist is not None else "an unknown distribution"


@cache
def load_class(target: str) -> type:
    """Import a class.

    Parameters
    ----------
    target : str
        `module:Class`.

    Raises
    ------
    BenchError
        The module is in the current folder or cannot be imported, whatever it raises, or the target is not a class.
    """
    module, _, attribute = target.partition(":")
    _check_place(module)
    try:
        value: Any = getattr(importlib.import_module(module), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything while it is imported, SystemExit as well
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
        raise BenchError(
            f"{_place_of(target)} cannot be imported ({reason}); correct the name, repair or uninstall the "
            "distribution, or leave it out"
        ) from error
    if not isinstance(value, type):
        raise BenchError(f"{_place_of(target)} is a {type(value).__name__}, not a class")
    return value


def check_import_path(name: str, what: str = "a scikit-learn classifier") -> None:
    """Check the import path of a class before anything is imported; `what` it is, for messages.

    Raises
    ------
    BenchError
        It is in the standard library, which has no such class and has modules that act when they are imported, or
        has a name with two underscores in front.
    """
    parts = name.split(".")
    if parts[0] in _NO_CLASSIFIERS or any(part.startswith("__") or not part for part in parts):
        raise BenchError(f"{name} is not the import path of {what}")


def _entry_points(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group; of two distributions of one name, those of the first."""
    if not _starts_with_current_folder(sys.path):
        return entry_points(group=group)
    by_name = {str(one.name): one for one in reversed(list(distributions(path=sys.path[1:])))}
    return [point for one in by_name.values() for point in one.entry_points.select(group=group)]


def _starts_with_current_folder(path: Sequence[str]) -> bool:
    """Whether Python has put the current folder in front of an import path that does not contain it otherwise."""
    try:
        here = os.getcwd()  # noqa: PTH109 (compared as text)
    except OSError:
        return False
    return path[:1] in ([""], [here]) and here not in path[1:]


def _check_place(module: str) -> None:
    root = module.partition(".")[0]
    if root in sys.modules or not _starts_with_current_folder(sys.path):
        return
    spec = importlib.util.find_spec(root)
    places = [] if spec is None else [*filter(None, [spec.origin]), *(spec.submodule_search_locations or ())]
    if any(Path(place).absolute().parent == Path.cwd() for place in places):
        raise BenchError(
            f"{root} is a module of the current folder, which is not imported, because it may have come with the data; "
            "install it, or add its folder to PYTHONPATH"
        )


def _place_of(target: str) -> str:
    """Return the import path of a class and its distribution, for messages."""
    module, _, attribute = target.partition(":")
    points = (point for kind in get_args(Kind) for point in installed(kind).values())
    names = {owner(point) for point in points if point.value == target}
    names = names or set(packages_distributions().get(module.partition(".")[0], ()))
    return f"{module}.{attribute}" + (f" of {' or '.join(sorted(names))}" if names else "")
