"""Find words outside the field's vocabulary in names, docstring summaries, messages, help and documentation.

Run as `python tests/style/words.py [PATH ...]`. Prints `file:line: kind: word: text` and exits with 1 if there is any.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "extractors", "classifiers", "reports")
PAGES = ("README.md", "CHANGELOG.md", "docs")

NAME_WORDS = frozenset(
    {
        "anew",
        "asked",
        "asks",
        "found",
        "given",
        "hear",
        "heard",
        "hears",
        "kept",
        "lies",
        "looks",
        "made",
        "making",
        "mend",
        "mended",
        "mending",
        "mends",
        "recall",
        "refitting",
        "relabelling",
        "remember",
        "remembered",
        "reopening",
        "said",
        "say",
        "saying",
        "says",
        "stranger",
        "strangers",
        "tell",
        "telling",
        "tells",
        "told",
        "untold",
        "whole",
        "wholly",
    }
)
"""Parts of names (between underscores or capitals) that a reader would not search for."""

TEXT = re.compile(
    r"\b(?:told|tells|tell|untold|hears|heard|anew|mend|mends|mended|mending|forbidden_groups?|"
    r"to be had|goes before it|go before it|went before|is said|are said|said so|says so|say so|asked for|asked of|"
    r"else looked|for ever|no longer be asked|be asked for|not told|what is to be|whoever|"
    r"behind our back|hopeful|sees to it|of use any more|any more|nobody|otherwise than|comes? out otherwise|"
    r"written whole|made anew|lies there|lie there|where it lies|where they lie|lay beside|a thing|"
    r"is no (?:folder|file|table|number|list|image|extractor|classifier|selector|journal|results)|out of one's)\b",
    re.IGNORECASE,
)
"""Phrases for summaries, messages, help and documentation."""

SAYING = re.compile(r"\b(?:says|say|saying|said)\b", re.IGNORECASE)
"""Programs, files and records do not speak: use report, state, print, contain, mean."""


@dataclass(frozen=True)
class Finding:
    """One word in one place."""

    path: Path
    line: int
    kind: str
    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.word}: {self.text.strip()[:100]}"


def words_of_name(name: str) -> list[str]:
    """Split a name at underscores, dots and capitals, in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def findings_of_source(path: Path, text: str) -> Iterator[Finding]:
    """Yield the findings of one Python file."""
    tree = ast.parse(text)
    names = [(path.stem, 1), *(pair for node in ast.walk(tree) for pair in _names(node))]
    for name, line in names:
        for word in set(words_of_name(name)) & NAME_WORDS:
            yield Finding(path, line, "name", word, name)
    docstrings = [text for node in ast.walk(tree) for text in _docstrings(node)]
    for constant in docstrings:
        yield from _in_text(path, constant.lineno, "summary", str(constant.value).strip().split("\n")[0])
    known = {id(constant) for constant in docstrings}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in known and " " in node.value.strip():
            yield from _in_text(path, node.lineno, "message", node.value)


def findings_of_page(path: Path, text: str) -> Iterator[Finding]:
    """Yield the findings of one page of documentation."""
    for number, line in enumerate(text.splitlines(), 1):
        yield from _in_text(path, number, "page", line)


def findings(paths: list[Path]) -> Iterator[Finding]:
    """Yield the findings of files and folders."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix == ".py":
                yield from findings_of_source(file, file.read_text(encoding="utf-8"))
            elif file.suffix in (".md", ".j2", ".rst", ".yaml"):
                yield from findings_of_page(file, file.read_text(encoding="utf-8"))


def _docstrings(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the docstring of a module, class or function, and those of attributes."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for statement in node.body:
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value


def _names(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, node.lineno
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr, node.lineno


def _in_text(path: Path, line: int, kind: str, text: str) -> Iterator[Finding]:
    for pattern in (TEXT, SAYING):
        for match in pattern.finditer(text):
            yield Finding(path, line, kind, match.group().lower(), text[max(0, match.start() - 40) : match.end() + 60])


def main() -> int:
    """Check the given paths, or the packages and the documentation."""
    paths = [Path(name) for name in sys.argv[1:]] or [ROOT / name for name in (*PACKAGES, *PAGES)]
    rows = list(findings(paths))
    for row in rows:
        print(row)  # noqa: T201 (a script)
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
