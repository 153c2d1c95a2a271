"""Generate the picture of the packages and the index of the API reference."""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

WIDTH, ROW, GAP = 860, 34, 8

API = {
    "Python interface": ("bench", None),
    "Cells and datasets": ("extractors.cells", ("Cell", "Cells")),
    "Images": ("extractors.images.pixels", ("load_image", "read_image")),
    "Masks": ("extractors.images.masks", ("ReadMask", "read_mask")),
    "Extractor interface": ("extractors.handcrafted.framework.family", ("HandcraftedBase",)),
    "Classifier interface": ("classifiers.feature_classifier", ("FeatureClassifier", "standardised")),
    "Adapter for scikit-learn classifiers": ("classifiers.sklearn_adapter", ("SklearnAdapter",)),
}
"""Module and names of each part of the API reference; None: all public names."""


def layers_of(contract: dict[str, Any]) -> list[list[str]]:
    """Names of each layer of an import-linter contract, top layer first."""
    return [[name.strip() for name in layer.replace("|", ":").split(":")] for layer in contract["layers"]]


def summary(root: Path, module: str) -> str:
    """First line of the docstring of a package or module."""
    path = root.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def box(x: float, y: float, width: float, name: str, fill: str) -> str:
    """Rectangle with a name."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW}" rx="5" fill="{fill}" stroke="#0b6b74"/>'
        f'<text x="{x + width / 2:g}" y="{y + ROW / 2 + 5:g}" text-anchor="middle" fill="#1c2126">{escape(name)}</text>'
    )


def rows(layers: list[list[str]], x: float, y: float, width: float, fill: str) -> list[str]:
    """One row of boxes for each layer."""
    drawn = []
    for i, names in enumerate(layers):
        each = (width - GAP * (len(names) - 1)) / len(names)
        drawn += [box(x + j * (each + GAP), y + i * (ROW + GAP), each, name, fill) for j, name in enumerate(names)]
    return drawn


def picture(top: list[list[str]], inner: list[list[str]]) -> str:
    """SVG of the top-level packages; `bench` shows its own layers."""
    drawn, y = [], GAP
    for names in top:
        if names == ["bench"]:
            height = len(inner) * (ROW + GAP) + 32
            drawn.append(
                f'<rect x="{GAP}" y="{y}" width="{WIDTH - 2 * GAP}" height="{height}" rx="5" fill="#f2f8f8" '
                f'stroke="#0b6b74"/><text x="{GAP + 12}" y="{y + 20}" fill="#1c2126">bench</text>'
            )
            drawn += rows(inner, GAP + 12, y + 30, WIDTH - 2 * GAP - 24, "#d8ecee")
            y += height + GAP
        else:
            drawn += rows([names], GAP, y, WIDTH - 2 * GAP, "#f2f8f8")
            y += ROW + GAP
    font = 'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" {font}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>', *drawn, "</svg>", ""])


def table(root: Path, modules: list[str]) -> str:
    """Markdown table of packages and their summaries."""
    lines = [f"| `{module}` | {summary(root, module)} |" for module in modules]
    return "\n".join(["| package | content |", "|---|---|", *lines, ""])


def api_index() -> str:
    """Index page of the API reference."""
    import importlib  # noqa: PLC0415

    parts = ["API reference\n=============\n"]
    for title, (module, names) in API.items():
        listed = names or sorted(importlib.import_module(module).__all__)
        parts.append(f"\n{title}\n{'-' * len(title)}\n\n.. autosummary::\n   :toctree: api\n\n")
        parts += [f"   {module}.{name}\n" for name in listed]
    return "".join(parts)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file, unless it has this content."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(app: Sphinx, config: Config) -> None:
    """Write the generated pages."""
    root = Path(app.srcdir).parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    by_name = {contract["name"]: contract for contract in contracts if contract["type"] == "layers"}
    top, inner = layers_of(by_name["top-level packages"]), layers_of(by_name["packages of bench"])
    modules = [f"bench.{name}" for names in inner for name in names]
    order = [m for names in top for name in names for m in ([name] if name != "bench" else ["bench", *modules])]
    folder = Path(app.srcdir) / "_generated"
    folder.mkdir(exist_ok=True)
    write_if_changed(folder / "packages.svg", picture(top, inner))
    write_if_changed(folder / "packages.md", table(root, order))
    write_if_changed(folder / "api.rst", api_index())


def skip_metadata_requests(app: Sphinx, what: str, name: str, *args: object) -> bool | None:
    """Leave out the methods that scikit-learn adds for metadata routing."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Generate the pages before Sphinx lists the source files."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("config-inited", generate)
    app.connect("autodoc-skip-member", skip_metadata_requests)
    return {"parallel_read_safe": True}
