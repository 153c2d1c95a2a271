"""List installed plugins without importing them."""

from __future__ import annotations

import ast
from pathlib import Path

from bench.plugins.registry import Kind, installed

_ROOT = Path(__file__).resolve().parents[2]


def plugins_of(kind: Kind) -> list[tuple[str, str, str]]:
    """Return name, docstring summary and distribution of each plugin of a kind.

    The summary is read from the source file; it is empty for third-party plugins.
    """
    rows = []
    for name, point in installed(kind).items():
        owner = point.dist.name if point.dist is not None else "?"
        rows.append((name, _summary(point.module, point.attr) if owner == "cytobench" else "", owner))
    return rows


def _summary(module: str, attribute: str) -> str:
    path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return ""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
