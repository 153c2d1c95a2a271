"""Fingerprints of what a result depends on: digests of code and values, versions of libraries."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from bench.errors import BenchError
from bench.storage.source_code import Import, Source, read_source, store_sources

OWN_PACKAGES = frozenset({"bench", "extractors", "classifiers", "reports"})

_DISTRIBUTION = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    **dict.fromkeys(OWN_PACKAGES, "cytobench"),
}


def digest(value: object) -> str:
    """SHA-256 of a JSON value in one canonical form, as 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest(*modules: str) -> str:
    """SHA-256 of modules and of the modules of their distribution that they import, directly or not.

    Comments, docstrings, layout and imports for type checkers are left out. An import of the same distribution enters
    as the imported names and the digest of the imported module: moving or renaming a module, and the imports of it,
    changes nothing. Any other edit changes the digest.

    Parameters
    ----------
    *modules : str
        Dotted names. None is imported.

    Raises
    ------
    BenchError
        A module has no source file.
    """
    closure = {name for module in modules for name in _closure(module)}
    store_sources()
    return digest([[_module_digest(name) for name in modules], sorted(map(_module_digest, closure))])


@cache
def module_identity(module: str) -> str:
    """Return the identity of a module, by its import path.

    The name and version of its distribution where that is installed and not ours; otherwise its code, which may change
    under one version.
    """
    root = module.partition(".")[0]
    spec = importlib.util.find_spec(root)
    places = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    if root not in OWN_PACKAGES and spec is not None and any(str(spec.origin).startswith(place) for place in places):
        return " ".join(_version(root))
    return code_digest(module)


@cache
def library_versions(module: str) -> Mapping[str, str]:
    """Return the versions of the libraries that a module and the modules of its distribution import."""
    own = _own_packages(module)
    roots = {item.base.partition(".")[0] for name in _closure(module) for item in _source(name).imports}
    roots -= own | sys.stdlib_module_names
    return dict(sorted(_version(root) for root in roots))


@cache
def _version(package: str) -> tuple[str, str]:
    for name in _distributions_of(package):
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    return package, "not installed"


def _distributions_of(package: str) -> Iterator[str]:
    yield _DISTRIBUTION.get(package, package)
    yield from packages_distributions().get(package, ())  # slow: reads the names of all installed files


def _own_packages(module: str) -> frozenset[str]:
    root = module.partition(".")[0]
    return OWN_PACKAGES if root in OWN_PACKAGES else frozenset({root})


@cache
def _closure(module: str) -> frozenset[str]:
    """The module and the modules of its distribution that it imports, directly or not."""
    reached, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in reached or not _exists(name):
            continue
        reached.add(name)
        for item in _source(name).imports:
            if _is_own(item, module):
                waiting += [item.base, _target(item)]
    if not reached:
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    return frozenset(reached)


@cache
def _module_digest(module: str) -> str:
    """SHA-256 of one module with its imports resolved: own ones by the code that they import, others by name."""
    source = _source(module)
    used = [sorted(_resolved(item, module) for item in items) for items in source.used]
    return digest([source.digest, used, sorted(_resolved(item, module) for item in source.unused)])


def _resolved(item: Import, module: str) -> list[str]:
    """Resolve an imported name: a name in another library, a module by its code, or a name in it."""
    target = _target(item)
    if not _is_own(item, module) or not _exists(target):
        return [item.base, item.name]
    return [_source(target).digest, item.name if target == item.base else ""]


def _is_own(item: Import, module: str) -> bool:
    return item.base.partition(".")[0] in _own_packages(module)


@cache
def _target(item: Import) -> str:
    """Return the imported module: the base, or the name if that is a module."""
    inner = f"{item.base}.{item.name}"
    return inner if item.name and _exists(inner) else item.base


@cache
def _source(module: str) -> Source:
    spec = _spec(module)
    if spec is None or spec.origin is None or not _exists(module):
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    package = module if spec.submodule_search_locations is not None else module.rpartition(".")[0]
    return read_source(spec.origin, package)


@cache
def _exists(module: str) -> bool:
    spec = _spec(module)
    return spec is not None and spec.origin is not None and spec.origin.endswith(".py")


@cache
def _spec(module: str) -> ModuleSpec | None:
    """Find a module without running any: `importlib.util.find_spec` would import its parents."""
    parent, _, _ = module.rpartition(".")
    if not parent:
        try:
            return importlib.util.find_spec(module)
        except (ImportError, AttributeError, ValueError):
            return None
    package = _spec(parent)
    if package is None or package.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(module, package.submodule_search_locations)
