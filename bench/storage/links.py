"""Symbolic links in stores and results folders, which are not followed."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError


def refuse_links(*paths: Path) -> None:
    """Raise BenchError for a path that is a symbolic link: what it leads to is outside the folder that was named."""
    for path in paths:
        if path.is_symlink():
            raise BenchError(f"{path}: is a link, and links in this folder are not followed; remove it")
