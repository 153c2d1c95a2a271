"""List installed plugins without importing them."""

from __future__ import annotations

import ast
from pathlib import Path

from bench.plugins.importing import Kind, installed, owner

_ROOT = Path(__file__).resolve().parents[2]


def plugins_of(kind: Kind) -> list[tuple[str, str, str]]:
    """Return name, docstring summary and distribution of each plugin of a kind.

    The summary is read from the source file; it is empty for third-party plugins.
    """
    rows = []
    for name, point in installed(kind).items():
        distribution = owner(point)
        rows.append((name, _summary(point.module, point.attr) if distribution == "cytobench" else "", distribution))
    return rows


def _summary(module: str, attribute: str) -> str:
    path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return ""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
