"""The commands that ask how far a number can be trusted."""

from __future__ import annotations

import typer

evidence = typer.Typer()
