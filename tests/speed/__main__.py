"""`make speed`: each measurement compares two things in one run and prints their ratio."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    names = sys.argv[1:] or sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))
    for name in names:
        importlib.import_module(name).measure()
