"""Fit networks in processes that are killed.

Each line on the standard input is a fit: `[folder, options, seconds]` as JSON. It runs in a forked process, so that the
imports are paid once, and is killed after these seconds (null: never). Its exit code is printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.networks.training import fitting  # noqa: F401 (the heavy imports, before the fork)

PATIENTS, CELLS = 12, 4


def fit(folder: Path, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    mask = np.ones((48, 48), dtype=np.bool_)
    y, groups = np.arange(PATIENTS * CELLS) % 2, np.arange(PATIENTS * CELLS) % PATIENTS
    shades = 110 + 30 * y[:, None, None, None] + rng.integers(-90, 90, (len(y), 48, 48, 3))
    cells = [Cell(f"{row}", image.astype(np.uint8), mask) for row, image in enumerate(shades)]
    model = Cnn(size=32, batch_size=8, random_state=0, checkpoint_dir=folder / "checkpoint", device="cpu")
    model.set_params(**options).fit(cells, y, groups)
    np.save(folder / "predictions.npy", model.predict_proba(cells))
    model.curves_.to_json(folder / "curves.json", orient="records", double_precision=15)
    model.finder_.to_json(folder / "finder.json", orient="records", double_precision=15)


def fit_and_kill(folder: str, options: dict[str, Any], seconds: float | None) -> int:
    """Return the exit code; -9 after a kill."""
    start, process = time.monotonic(), os.fork()
    if not process:
        try:
            fit(Path(folder), options)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    ended, status = 0, 0
    while not ended:
        if seconds is not None and time.monotonic() - start > seconds:
            os.kill(process, signal.SIGKILL)
            seconds = None
        ended, status = os.waitpid(process, os.WNOHANG)
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(fit_and_kill(*json.loads(line)), flush=True)  # noqa: T201
