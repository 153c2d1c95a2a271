"""Source files reduced to what they compute: imports, and a digest of the rest."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from extractors.files.atomic import atomic_file
from extractors.files.cache_folder import cache_folder
from extractors.files.digests import bytes_digest

_CACHE = "source-code.json"
_FORMAT = f"1 {sys.version_info.major}.{sys.version_info.minor}"
"""Layout of the cache, and the version of Python, on which syntax trees depend."""

_MOST_SOURCES = 5000
"""Entries from which on the cache is started over."""

_FRESH: set[str] = set()
"""Keys of the files parsed by this process that are not in the cache yet."""


class Import(NamedTuple):
    """One imported name: `from base import name`; `import base` where `name` is empty."""

    base: str
    name: str


class Source(NamedTuple):
    """A source file.

    Parameters
    ----------
    digest : str
        SHA-256 of the syntax tree without imports, docstrings and blocks for type checkers, the imported names replaced
        by their order of first use.
    used : tuple of tuple of Import
        What each of these names is imported from, in the same order; several where functions import differently.
    unused : tuple of Import
        Imports of whole packages (`import a.b`), and of names that are not used.
    """

    digest: str
    used: tuple[tuple[Import, ...], ...]
    unused: tuple[Import, ...]

    @property
    def imports(self) -> tuple[Import, ...]:
        """All imports."""
        return (*(item for items in self.used for item in items), *self.unused)


def read_source(path: str, package: str) -> Source:
    """Read a source file; the result for equal bytes is read from the cache.

    Parameters
    ----------
    path : str
        The file.
    package : str
        Dotted name of the package that relative imports refer to.
    """
    content = Path(path).read_bytes()
    key = bytes_digest(f"{_FORMAT} {package} ".encode() + content)
    sources = _sources()
    if key not in sources:
        sources[key] = parse_source(content, package)
        _FRESH.add(key)
    return sources[key]


def store_sources() -> None:
    """Add newly parsed files to the cache; if it cannot be written, files are parsed each time."""
    if not _FRESH:
        return
    sources = _sources()
    chosen = sources if len(sources) <= _MOST_SOURCES else {key: sources[key] for key in _FRESH}
    _FRESH.clear()
    with suppress(OSError), atomic_file(cache_folder() / _CACHE, flush=False) as temporary:
        temporary.write_text(json.dumps(chosen), encoding="utf-8")


def parse_source(content: bytes, package: str) -> Source:
    """Parse the bytes of a source file."""
    tree = _RuntimeOnly().visit(ast.parse(content))
    imports: dict[str, set[Import]] = {}
    for bound, item in _imports_of(tree, package):
        imports.setdefault(bound, set()).add(item)
    names = _Placeholders(imports.keys() - {""})
    text = ast.dump(names.visit(_WithoutImports().visit(tree)))
    used = tuple(tuple(sorted(imports.pop(name))) for name in names.order)
    unused = tuple(sorted(item for items in imports.values() for item in items))
    return Source(bytes_digest(text.encode()), used, unused)


@cache
def _sources() -> dict[str, Source]:
    """The cache and the files parsed by this process; a cache that cannot be read counts as empty."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        stored = json.loads((cache_folder() / _CACHE).read_text(encoding="utf-8"))
        return {key: _from_json(*value) for key, value in stored.items()}
    return {}


def _from_json(digest: Any, used: Any, unused: Any) -> Source:
    return Source(
        str(digest), tuple(tuple(Import(*item) for item in items) for items in used), tuple(Import(*i) for i in unused)
    )


def _imports_of(tree: ast.Module, package: str) -> Iterator[tuple[str, Import]]:
    """Yield each bound name with its import; an empty name for `import a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or "", Import(alias.name, "")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield from ((alias.asname or alias.name, Import(base, alias.name)) for alias in node.names)


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


class _Placeholders(ast.NodeTransformer):
    """Replaces imported names by their order of first use."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.order: list[str] = []

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id not in self.names:
            return node
        if node.id not in self.order:
            self.order.append(node.id)
        return ast.Name(f"import {self.order.index(node.id)}", node.ctx)
