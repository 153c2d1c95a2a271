"""Fingerprints of what a result depends on: digests of code and values, versions of libraries."""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    return digest([[_module_digest(name) for name in modules], sorted(map(_module_digest, closure))])


@cache
def module_identity(module: str) -> str:
    """Identity of a module given by its import path.

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
    """Versions of the distributions that a module, and what it imports of its own distribution, import."""
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
    own, reached, waiting = _own_packages(module), set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in reached or not _exists(name):
            continue
        reached.add(name)
        for item in _source(name).imports:
            if item.base.partition(".")[0] in own:
                waiting += [item.base, item.module]
    if not reached:
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    return frozenset(reached)


@cache
def _module_digest(module: str) -> str:
    """SHA-256 of one module with its imports resolved: own ones by the code that they import, others by name."""
    own, imports = _own_packages(module), []
    for item in _source(module).imports:
        if item.base.partition(".")[0] not in own or not _exists(item.module):
            imports.append([item.base, item.name, item.bound])
        elif item.is_module:
            imports.append([_body_digest(item.module)])
        else:
            imports.append([_body_digest(item.base), item.name, item.bound])
    aliases = {name: _body_digest(imported) for name, imported in _aliases(module).items()}
    return digest([_dump(module, aliases) if aliases else _body_digest(module), sorted(imports)])


@cache
def _body_digest(module: str) -> str:
    """SHA-256 of one module without its imports, and without the names of the modules that it imports."""
    return digest(_dump(module, dict.fromkeys(_aliases(module), "module")))


def _dump(module: str, names: Mapping[str, str]) -> str:
    """Return the syntax tree as text, with names replaced."""
    body = _source(module).body
    return ast.dump(_Rename(names).visit(copy.deepcopy(body)) if names else body)


def _aliases(module: str) -> dict[str, str]:
    """Names in a module that are bound to modules of its distribution, and these modules."""
    own = _own_packages(module)
    return {
        item.bound: item.module
        for item in _source(module).imports
        if item.bound and item.is_module and item.base.partition(".")[0] in own and _exists(item.module)
    }


@dataclass(frozen=True)
class _Import:
    """One imported name: `from base import name as bound`; `import base as bound` where `name` is empty."""

    base: str
    name: str
    bound: str

    @property
    def module(self) -> str:
        """The module that is imported: the base, or the name where that is a module of its own."""
        inner = f"{self.base}.{self.name}"
        return inner if self.name and _exists(inner) else self.base

    @property
    def is_module(self) -> bool:
        """Whether the name is bound to a module."""
        return not self.name or self.module != self.base


@dataclass(frozen=True)
class _Source:
    """A parsed module: its imports, and its tree without imports and docstrings."""

    imports: tuple[_Import, ...]
    body: ast.Module


@cache
def _source(module: str) -> _Source:
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise BenchError(f"the source of {module} cannot be found, so its results cannot be identified")
    tree = _RuntimeOnly().visit(ast.parse(Path(spec.origin).read_bytes()))
    imports = tuple(_imports_of(tree, module))
    return _Source(imports, _WithoutImports().visit(tree))


@cache
def _exists(module: str) -> bool:
    spec = _spec(module)
    return spec is not None and spec.origin is not None and spec.origin.endswith(".py")


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


def _is_package(module: str) -> bool:
    spec = _spec(module)
    return spec is not None and spec.submodule_search_locations is not None


def _imports_of(tree: ast.Module, module: str) -> Iterator[_Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_Import(alias.name, "", alias.asname or "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if _is_package(module) else module.split(".")[:-1]
                parents = parts[: len(parts) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield from (_Import(base, alias.name, alias.asname or alias.name) for alias in node.names)


class _RuntimeOnly(ast.NodeTransformer):
    """Removes docstrings (of modules, classes, functions and attributes) and blocks for type checkers."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        typing_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if typing_only else node


class _WithoutImports(ast.NodeTransformer):
    """Removes import statements."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None


class _Rename(ast.NodeTransformer):
    """Replaces the names that imported modules are bound to."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)
