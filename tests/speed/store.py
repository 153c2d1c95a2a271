"""Opening a stored matrix against NumPy's bare memory map of the same file; checksums against a bare SHA-256."""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.features.store.arrays import header
from bench.features.store.entry import (
    CHECKSUMS,
    ROWS,
    VALUES,
    entry_record,
    feature_names,
    open_features,
    write_entry,
)
from bench.features.store.verify import examine

ROWS_OF_MANY, WIDTH = 1_000_000, 1280
ROUNDS = 21


def measure() -> None:
    """Print the median time of opening 1,000,000 x 1280 (made up, sparse), and how fast checksums are verified."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "entry"
        names = [f"efficientnet_b0_{i:04d}" for i in range(WIDTH)]
        write_entry(folder, np.zeros((64, WIDTH), np.float32), names, cells=ROWS_OF_MANY)
        _sparse(folder / VALUES, (ROWS_OF_MANY, WIDTH), "<f4")
        _sparse(folder / ROWS, (ROWS_OF_MANY, 32), "|u1")
        _sparse(folder / CHECKSUMS, (-(-ROWS_OF_MANY // 64), 32), "|u1")

        def ours() -> None:
            entry_record(folder)
            feature_names(folder)
            assert open_features(folder)[-1, -1] == 0

        def bare() -> None:
            assert np.load(folder / VALUES, mmap_mode="r")[-1, -1] == 0

        one, other = _medians(ours, bare)
        sys.stdout.write(
            f"store  opening 1,000,000 x 1280 with its names and record: {1000 * one:.1f} ms, "
            f"np.load(mmap_mode='r') {1000 * other:.1f} ms\n"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "entry"
        values = np.random.default_rng(0).random((20_000, WIDTH), np.float32)
        write_entry(folder, values, names)

        def verified() -> None:
            assert examine(folder).whole

        def hashed() -> None:
            with (folder / VALUES).open("rb") as file:
                hashlib.file_digest(file, "sha256")

        one, other = _medians(verified, hashed)
        size = values.nbytes / 1e6
        sys.stdout.write(
            f"store  verifying {size:.0f} MB in chunks: {size / one:.0f} MB/s, SHA-256 of the bare file "
            f"{size / other:.0f} MB/s, ratio {one / other:.2f}\n"
        )


def _sparse(path: Path, shape: tuple[int, int], dtype: str) -> None:
    start = header(shape, dtype)
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + shape[0] * shape[1] * np.dtype(dtype).itemsize)


def _medians(*functions: Callable[[], None]) -> list[float]:
    """Median seconds of each, taken in turn."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, took in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            took.append(time.perf_counter() - start)
    return [statistics.median(took) for took in seconds]
