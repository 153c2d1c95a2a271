"""Grey-level run length matrix: texture from runs of one grey level along four directions (Galloway 1975)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from extractors.arrays import Int64Array, UInt16Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import SizeZoneBase, emphasis_features

RUN_FEATURES = emphasis_features(
    item="run", small="short_run", large="long_run", size="run_length", source="Galloway 1975; IBSI"
)
"""Features of one direction; p is the share of its runs with level i (from 1) and length s."""

FEATURES = tuple(replace(f, formula=f"mean over 4 directions of {f.formula}") for f in RUN_FEATURES)


class Glrlm(SizeZoneBase):
    """Texture from runs of one grey level, mean over four directions.

    Parameters: see `GreyLevelBase`.
    """

    statistics = RUN_FEATURES
    features = FEATURES

    def _counts(self, quantised: Quantised) -> tuple[Int64Array, Int64Array]:
        counts = runs(quantised)
        return counts, np.arange(1, counts.shape[2] + 1)


def runs(quantised: Quantised) -> Int64Array:
    """Count the runs by direction, level and length.

    Parameters
    ----------
    quantised : Quantised
        A run ends at a change of level or at the border of the region.

    Returns
    -------
    ndarray of int64, shape (4, count, longest)
        Along rows, one diagonal, columns and the other diagonal; level i in row i - 1, length s in column s - 1.
    """
    reaching = _reaching(quantised.framed, quantised.count)[:, 1:]
    longest = int(np.flatnonzero(reaching.any(axis=(0, 1)))[-1]) + 1
    return reaching[:, :, :longest] - reaching[:, :, 1 : longest + 1]


@compiled
def _reaching(framed: UInt16Array, count: int) -> Int64Array:
    """Number of runs of at least each length, background included, shape (4, count + 1, longest + 1).

    Each pixel is counted at the length that its run has reached, which avoids unpredictable branches.
    """
    height, width = framed.shape
    counts = np.zeros((4, count + 1, max(height, width)), dtype=np.int64)
    reached = np.zeros((height, width), dtype=np.int64)
    for direction, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                level = framed[row, column]
                continues = framed[row - down, column - right] == level
                length = continues * reached[row - down, column - right]
                counts[direction, level, length] += 1
                reached[row, column] = length + 1
    return counts
