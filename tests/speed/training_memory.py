"""Peak memory of a network of cells at 2,000 and at 20,000 cells, each in its own process.

The cells are hard links to the same images. A process trains `Cnn(arch="small")` for one epoch and predicts all cells,
or computes frozen embeddings of all cells. To reach: 20,000 cells take at most 200 MB more than 2,000.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import cv2

from bench.datasets.phantom.patients import PhantomSpec
from bench.datasets.phantom.reader import phantom_cells

FEW, MANY, IMAGES, SIDE = 2000, 20_000, 40, 96
START = """
import sys
from pathlib import Path
import numpy as np
from extractors.cells import CellFile, Cells
from extractors.networks.training.peak_memory import resident_peak
paths = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[2])]
cells = Cells(CellFile(path.stem, str(path), mask_by="whole") for path in paths)
"""
WORK: Mapping[str, str] = {
    "fit and predictions of cnn[arch=small,epochs=1]": """
from classifiers.cnn import Cnn
patients = np.arange(len(cells)) // 20
fitted = Cnn(arch="small", epochs=1, random_state=0).fit(cells, patients % 2, groups=patients)
probabilities = fitted.predict_proba(cells)
assert probabilities.shape == (len(cells), 2)
""",
    "embeddings of mobilenetv3_small_100[weights=random,size=64]": """
from extractors.embedding import Embedding
features = Embedding("mobilenetv3_small_100", weights="random", size=64).transform(cells)
assert len(features) == len(cells)
""",
}
END = """
print(resident_peak())
"""


def measure() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cells"
        _link_cells(folder)
        for what, work in WORK.items():
            _peak_megabytes(folder, 1000, work)  # converts the network, which is then cached
            few, many = (_peak_megabytes(folder, count, work) for count in (FEW, MANY))
            sys.stdout.write(
                f"{what}: {FEW} cells {few:.0f} MB, {MANY} cells {many:.0f} MB, {many - few:.0f} MB more; "
                "to reach: 200 MB more\n"
            )
            sys.stdout.flush()


def _link_cells(folder: Path) -> None:
    """Write images of phantom cells, and link to them under other names."""
    folder.mkdir()
    drawn = islice(phantom_cells(PhantomSpec(size=SIDE, patients=20)), IMAGES)
    for index, (image, _) in enumerate(drawn):
        cv2.imwrite(str(folder / f"{index:06d}.bmp"), image[..., ::-1])
    for index in range(IMAGES, MANY):
        os.link(folder / f"{index % IMAGES:06d}.bmp", folder / f"{index:06d}.bmp")


def _peak_megabytes(folder: Path, count: int, work: str) -> float:
    """Return the largest resident memory of a process that does the work on some cells."""
    command = [sys.executable, "-c", START + work + END, str(folder), str(count)]
    surroundings = {**os.environ, "CYTOBENCH_CACHE": str(folder.parent / "cache")}
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=surroundings)
    return int(ended.stdout.split()[-1]) / 1e6
