"""Drawing a phantom cell against compressing the drawn cell as PNG, on one core."""

from __future__ import annotations

import itertools
import statistics
import sys
import time

import cv2

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells

CELLS = 100
ROUNDS = 5


def measure() -> None:
    """Print cells drawn a second at 300 x 300, cells compressed a second, and the ratio."""
    cv2.setNumThreads(1)
    drawn, packed = [], []
    for round_ in range(ROUNDS):
        cells = phantom_cells(PhantomSpec(seed=round_))
        next(cells)
        start = time.perf_counter()
        images = [image for image, _ in itertools.islice(cells, CELLS)]
        middle = time.perf_counter()
        for image in images:
            cv2.imencode(".png", image)
        drawn.append(CELLS / (middle - start))
        packed.append(CELLS / (time.perf_counter() - middle))
    ours, png = statistics.median(drawn), statistics.median(packed)
    sys.stdout.write(f"phantom   drawn {ours:.0f} cells/s, packed as PNG {png:.0f} cells/s, ratio {ours / png:.2f}\n")
