"""Hashing a cell in eight orientations from one transform against ImageHash on eight turned images, on one core."""

from __future__ import annotations

import statistics
import sys
import time

import cv2
import imagehash
import numpy as np
from PIL import Image

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from bench.datasets.scanning.orientations import ORIENTATIONS, oriented
from bench.evidence.audit.distances import blocks, candidates
from bench.evidence.audit.fingerprints import hashes, thumbnail
from extractors.segmentation.foreground import foreground_mask

CELLS = 60
ROUNDS = 5
ALL = 10_661


def measure() -> None:
    """Print cells hashed a second at 450 x 450, the ratio, and seconds for all pairs of 10,661 random hashes."""
    cv2.setNumThreads(1)
    cells = [image for _, (image, _) in zip(range(CELLS), phantom_cells(PhantomSpec(size=450)), strict=False)]
    crops = [(image, foreground_mask(image)) for image in cells]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        hashes(np.stack([thumbnail(image, mask)[0] for image, mask in crops]))
        middle = time.perf_counter()
        for image, mask in crops:
            x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
            crop = image[y : y + height, x : x + width]
            for orientation in ORIENTATIONS:
                imagehash.phash(Image.fromarray(np.ascontiguousarray(oriented(crop, orientation))), hash_size=16)
        ours.append(CELLS / (middle - start))
        theirs.append(CELLS / (time.perf_counter() - middle))
    one, other = statistics.median(ours), statistics.median(theirs)
    sys.stdout.write(f"audit     hashed {one:.0f} cells/s, ImageHash {other:.0f} cells/s, ratio {one / other:.1f}\n")
    random = np.random.default_rng(0).integers(0, 2**64, (ALL, 8, 4), dtype=np.uint64)
    start = time.perf_counter()
    for rows in blocks(ALL):
        candidates(random, rows, 55)
    took = time.perf_counter() - start
    sys.stdout.write(f"audit     all pairs of {ALL} hashes in 8 orientations: {took:.1f} s on one core\n")
