"""Check the text of the options that are paths, before any of them is opened."""

from __future__ import annotations

from pathlib import Path

from bench.errors import shortened

MAX_PATH = 4096
"""Longest path, in bytes; that of Linux."""

MAX_NAME = 255
"""Longest name in a path, in bytes; that of common file systems."""

_ALSO_TEXT = ("data", "held_out", "mask", "nucleus_mask")
"""Options that are a path or a word, such as a selector of synthetic cells."""


def path_problem(name: str, value: object) -> str | None:
    """Return why no file system has a path, or None if it may exist or the option is not a path."""
    if not isinstance(value, Path) and not (name in _ALSO_TEXT and isinstance(value, str)):
        return None
    text = str(value)
    if "\0" in text:
        return f"the path {shortened(text)!r} contains a NUL character"
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_PATH:
        return f"the path {shortened(text)!r} has {size} bytes; at most {MAX_PATH} are read"
    if "[" not in text and any(len(part.encode(errors="surrogatepass")) > MAX_NAME for part in text.split("/")):
        return f"the path {shortened(text)!r} contains a name of more than {MAX_NAME} bytes"
    return None
