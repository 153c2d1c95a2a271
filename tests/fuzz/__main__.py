"""`python tests/fuzz KIND SEED [COUNT]`: show inputs, their commands and how they end; without arguments the kinds."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with threads must not fork
sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fuzz.command import main  # noqa: E402 (the path is set first)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        sys.exit(main(sys.argv[1:], Path(folder)))
