"""The handcrafted features against scikit-image's region properties, on one thread."""

from __future__ import annotations

import itertools
import statistics
import sys
import time

import cv2
import numpy as np
from skimage.measure import regionprops

from bench.datasets.phantom import PhantomSpec, phantom_cells
from extractors.cells import Cell
from extractors.handcrafted.catalogue import Handcrafted

CELLS = 40
ROUNDS = 5
SHAPE = ("area", "perimeter", "perimeter_crofton", "solidity", "eccentricity", "feret_diameter_max", "moments_hu")


def measure() -> None:
    """Print cells a second of our whole set and of scikit-image's shape with hull and Feret, and the ratio."""
    cv2.setNumThreads(1)
    images = [image for image, _ in itertools.islice(phantom_cells(PhantomSpec()), CELLS)]
    extractor = Handcrafted()
    width = len(extractor.get_feature_names_out())
    ours, theirs = [], []
    for _ in range(ROUNDS):
        cells = [Cell(str(i), image) for i, image in enumerate(images)]
        masks = [cell.mask.astype(np.uint8) for cell in cells]
        start = time.perf_counter()
        extractor.transform(cells)
        middle = time.perf_counter()
        for mask in masks:
            [region] = regionprops(mask)
            [getattr(region, name) for name in SHAPE]
        ours.append(CELLS / (middle - start))
        theirs.append(CELLS / (time.perf_counter() - middle))
    rate, peer = statistics.median(ours), statistics.median(theirs)
    sys.stdout.write(
        f"features  handcrafted ({width} numbers) {rate:.0f} cells/s, scikit-image shape {peer:.0f} cells/s, "
        f"ratio {rate / peer:.2f}\n"
    )
