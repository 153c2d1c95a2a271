"""Measure the size and the structure of the packages.

Run as `python tests/style/structure.py [ROOT]`. Logical lines are lines with code: without blank lines, comments and
docstrings. Layers are the length of the longest chain of packages that import each other.
"""

from __future__ import annotations

import ast
import io
import statistics
import sys
import tokenize
from functools import cache
from pathlib import Path

PACKAGES = ("bench", "extractors", "classifiers", "reports")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def logical_lines(text: str) -> int:
    """Count the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE and token.type != tokenize.ENDMARKER:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                lines.difference_update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return len(lines)


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(name: str, text: str, modules: set[str]) -> set[str]:
    """Return the modules of the project that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {inner if (inner := f"{node.module}.{a.name}") in modules else node.module for a in node.names}
    return (found & modules) - {name}


def package_of(module: str) -> str:
    """Return the unit whose order import-linter checks: a package of `bench`, or another top-level package."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "bench" else parts[0]


def layers_of(imports: dict[str, set[str]]) -> int:
    """Return the length of the longest chain of packages, each importing the next."""
    graph: dict[str, set[str]] = {}
    for module, targets in imports.items():
        graph.setdefault(package_of(module), set()).update(map(package_of, targets))

    @cache
    def depth(package: str, path: tuple[str, ...] = ()) -> int:
        below = graph.get(package, set()) - {package, *path}
        return 1 + max((depth(p, (*path, package)) for p in below), default=0)

    return max(depth(package) for package in graph if package != "bench")


def main() -> int:
    """Print the figures."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]).resolve()
    files = {p: p.read_text(encoding="utf-8") for package in PACKAGES for p in sorted((root / package).rglob("*.py"))}
    names = {module_name(path, root): text for path, text in files.items()}
    imports = {name: imports_of(name, text, set(names)) for name, text in names.items()}
    sizes = {path: text.count("\n") for path, text in files.items() if path.name != "__init__.py"}
    longest = max(sizes, key=lambda path: sizes[path])
    tests = {p: p.read_text(encoding="utf-8") for p in sorted((root / "tests").rglob("*.py"))}
    units = {package_of(name) for name in names}
    rows = {
        "files": len(files),
        "lines": sum(text.count("\n") for text in files.values()),
        "logical lines": sum(map(logical_lines, files.values())),
        **{f"  {p}": sum(logical_lines(t) for f, t in files.items() if f.is_relative_to(root / p)) for p in PACKAGES},
        "packages and modules of bench": len([unit for unit in units if unit.startswith("bench.")]),
        "layers": layers_of(imports),
        "imports between files": sum(map(len, imports.values())),
        "median file": round(statistics.median(sizes.values())),
        f"longest file ({longest.relative_to(root)})": sizes[longest],
        "test files": len(tests),
        "lines of tests": sum(text.count("\n") for text in tests.values()),
        "logical lines of tests": sum(map(logical_lines, tests.values())),
    }
    for name, value in rows.items():
        print(f"{name:<50}{value:>8}")  # noqa: T201 (a script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
