"""What a result is made of: digests of code, weights and values, and versions of the libraries that compute."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from bench.errors import BenchError

OWN_PACKAGES = frozenset({"bench", "extractors", "classifiers", "reports"})

_DISTRIBUTION = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    **dict.fromkeys(OWN_PACKAGES, "cytobench"),
}


def digest(value: object) -> str:
    """SHA-256 of a JSON value in one canonical form, as 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seed_of(*parts: object) -> int:
    """A seed in [0, 2**31) from names and numbers, the same on every machine and in every order of work."""
    return int(digest([str(part) for part in parts])[:16], 16) % 2**31


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest(module: str) -> str:
    """SHA-256 of the syntax trees, docstrings left out, of a module and of what it imports of its own distribution.

    A comment, a docstring or a line break changes nothing; any other edit does.
    """
    return digest({name: own_digest(name) for name in _sources(module)})


@cache
def own_digest(module: str) -> str:
    """SHA-256 of the syntax tree, docstrings left out, of one module alone."""
    tree = _parse(module)
    if tree is None:
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    return _tree_digest(tree)


@cache
def module_identity(module: str) -> str:
    """What identifies a module that is named by its import path.

    The name and version of its distribution where that is installed and not ours; else its code, which may change
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
    """Versions of the distributions that a module, and what it imports of its own distribution, import."""
    own = _own_packages(module)
    roots = {name.partition(".")[0] for source in _sources(module) for name, _ in _imports(source)}
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
    yield from packages_distributions().get(package, ())  # reads every installed file's name: a last resort


@cache
def _sources(module: str) -> tuple[str, ...]:
    """The module and the modules of its own distribution that it imports, in sort order."""
    own, found, waiting = _own_packages(module), set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in found or _parse(name) is None:
            continue
        found.add(name)
        for base, names in _imports(name):
            if base.partition(".")[0] in own:
                waiting += [base, *(f"{base}.{n}" for n in names)]
    if not found:
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    return tuple(sorted(found))


def _own_packages(module: str) -> frozenset[str]:
    root = module.partition(".")[0]
    return OWN_PACKAGES if root in OWN_PACKAGES else frozenset({root})


@cache
def _parse(module: str) -> ast.Module | None:
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_bytes())


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies, found without running any: `importlib.util.find_spec` would import its parents."""
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


def _is_package(module: str) -> bool:
    spec = _spec(module)
    return spec is not None and spec.submodule_search_locations is not None


@cache
def _imports(module: str) -> tuple[tuple[str, list[str]], ...]:
    tree = _parse(module)
    return () if tree is None else tuple(_imports_of(tree, module))


def _imports_of(tree: ast.Module, module: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if _is_package(module) else module.split(".")[:-1]
                parents = parts[: len(parts) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield base, [alias.name for alias in node.names]


def _tree_digest(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring of any kind: of a module, class, function or attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
