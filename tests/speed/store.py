"""Opening a stored matrix against NumPy's memory map; checksums and the final write against bare SHA-256 and a copy."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.features.store.build import begin_build, finish_build
from bench.features.store.chunks import Chunk, ChunkInfo, chunk_path, write_chunk
from bench.features.store.damage import describe_damage
from bench.features.store.entry import VALUES, Entry, entry_record, feature_names, open_features, write_entry
from bench.plugins.checked_features import Features

MANY, WIDTH = 1_000_000, 1280
ROUNDS = 21
NAMES = tuple(f"efficientnet_b0_{i:04d}" for i in range(WIDTH))


def measure() -> None:
    """Print the median time of opening 1,000,000 x 1280 (a sparse file), of the check and of the final write."""
    with tempfile.TemporaryDirectory() as temporary:
        _opening(Path(temporary) / "entry")
        _checksums(Path(temporary) / "checked")
        _final_write(Path(temporary))


def _opening(folder: Path) -> None:
    write_entry(folder, np.zeros((64, WIDTH), np.float32), NAMES, cells=MANY)
    with (folder / VALUES).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (MANY, WIDTH)})
        file.truncate(file.tell() + 4 * MANY * WIDTH)

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


def _checksums(folder: Path) -> None:
    values = np.random.default_rng(0).random((20_000, WIDTH), np.float32)
    write_entry(folder, values, NAMES)

    def checked() -> None:
        assert not describe_damage(folder)

    def hashed() -> None:
        with (folder / VALUES).open("rb") as file:
            hashlib.file_digest(file, "sha256")

    one, other = _medians(checked, hashed)
    size = values.nbytes / 1e6
    sys.stdout.write(
        f"store  checking {size:.0f} MB in chunks: {size / one:.0f} MB/s, SHA-256 of the bare file "
        f"{size / other:.0f} MB/s, ratio {one / other:.2f}\n"
    )


def _final_write(folder: Path, rows: int = 20_032) -> None:
    """Chunks of 64 rows into one entry, against a copy of the matrix."""
    values = np.random.default_rng(0).random((rows, WIDTH), np.float32)
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(rows)]
    entry = Entry(folder / "store" / "size-0" / "0", {"cells": "0"})
    seconds = {}
    start = time.perf_counter()
    missing, finished = begin_build(entry, digests)
    seconds["plan"] = time.perf_counter() - start
    start = time.perf_counter()
    for number, chosen in missing.items():
        block = values[chosen]
        chunk = Chunk(tuple(digests[row] for row in chosen), Features(block, None, NAMES, ()), 1.0)
        write_chunk(chunk_path(entry.partial, number), chunk)
        finished[number] = ChunkInfo.of(chunk)
    seconds["chunks"] = time.perf_counter() - start
    start = time.perf_counter()
    finish_build(entry, digests, finished.values(), {})
    seconds["final write"] = time.perf_counter() - start
    start = time.perf_counter()
    shutil.copyfile(entry.folder / VALUES, folder / "copy.npy")
    seconds["copy of the matrix"] = time.perf_counter() - start
    assert np.array_equal(open_features(entry.folder), values)
    parts = ", ".join(f"{name} {took:.2f} s" for name, took in seconds.items())
    sys.stdout.write(f"store  building {rows} x {WIDTH} ({values.nbytes / 1e6:.0f} MB): {parts}\n")


def _medians(*functions: Callable[[], None]) -> list[float]:
    """Median seconds of each, in alternation."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, took in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            took.append(time.perf_counter() - start)
    return [statistics.median(took) for took in seconds]
