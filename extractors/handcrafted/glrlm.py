"""Texture from runs of one grey level along four directions (Galloway 1975)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.bases import LevelsBase
from extractors.handcrafted.framework.feature import keyed
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import emphasis_features, size_zone_statistics
from extractors.handcrafted.framework.status import Measured

RUN_FEATURES = emphasis_features(
    item="run", small="short_run", large="long_run", size="run_length", source="Galloway 1975; IBSI"
)
"""Of one direction, with p the share of its runs that have level i (from 1) and length s."""

FEATURES = tuple(replace(f, formula=f"mean over 4 directions of {f.formula}") for f in RUN_FEATURES)


def glrlm(quantised: Quantised) -> Measured:
    """Mean over four directions of each feature of the runs.

    Parameters
    ----------
    quantised : Quantised
        Two levels or more.

    Returns
    -------
    Measured
        A value for each of `FEATURES`.
    """
    counts = runs(quantised)
    values = size_zone_statistics(counts, np.arange(1, counts.shape[2] + 1)).mean(axis=1)
    return dict(zip(keyed(FEATURES), values.tolist(), strict=True))


class Glrlm(LevelsBase):
    """Texture from runs of one grey level, mean over four directions.

    Its parameters are those of `LevelsBase`.
    """

    family = "glrlm"
    features = FEATURES
    of = staticmethod(glrlm)


def runs(quantised: Quantised) -> npt.NDArray[np.int64]:
    """Number of runs by direction, level and length.

    Parameters
    ----------
    quantised : Quantised
        A run ends where the level changes or the region does.

    Returns
    -------
    ndarray of int64, shape (4, count, longest)
        Along rows, one diagonal, columns and the other diagonal; level i in row i - 1, length s in column s - 1.
    """
    reaching = _reaching(quantised.framed, quantised.count)[:, 1:]
    longest = int(np.flatnonzero(reaching.any(axis=(0, 1)))[-1]) + 1
    return reaching[:, :, :longest] - reaching[:, :, 1 : longest + 1]


@compiled
def _reaching(framed: npt.NDArray[np.uint16], count: int) -> npt.NDArray[np.int64]:
    """Number of runs of at least each length, background included, shape (4, count + 1, longest + 1).

    Each pixel counts for the length that its run has reached there: no branch has to be guessed.
    """
    height, width = framed.shape
    counts = np.zeros((4, count + 1, max(height, width)), dtype=np.int64)
    reached = np.zeros((height, width), dtype=np.int64)
    for direction, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                level = framed[row, column]
                goes_on = framed[row - down, column - right] == level
                length = goes_on * reached[row - down, column - right]
                counts[direction, level, length] += 1
                reached[row, column] = length + 1
    return counts
