"""Texture from grey-level co-occurrence matrices (Haralick 1973), with both pixels inside the cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.region import Parts
from extractors.handcrafted.status import Measured, Status, missing

FEATURES = (
    "asm",
    "contrast",
    "correlation",
    "variance",
    "idm",
    "sum_average",
    "sum_variance",
    "sum_entropy",
    "entropy",
    "difference_variance",
    "difference_entropy",
    "imc1",
    "imc2",
    "homogeneity",
    "cluster_shade",
    "cluster_prominence",
    "max_probability",
)
"""Haralick's f1 to f13 in order, then what they leave out. Cluster tendency is `sum_variance`, energy `asm`."""

DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Steps (row, column); the matrices are symmetric, so the opposite ones are in them too."""

Levels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def glcm_names(distances: Sequence[int]) -> tuple[str, ...]:
    """Names of the features: `glcm.FEATURE_mean.cell.luma.dDISTANCE` and the same with `_range`."""
    return tuple(
        f"glcm.{feature}_{over}.cell.luma.d{distance}"
        for distance in distances
        for over in ("mean", "range")
        for feature in FEATURES
    )


def glcm(parts: Parts, *, levels: int = 32, distances: Sequence[int] = (1, 3, 5)) -> Measured:
    """Mean and range over four directions of each feature, for each distance.

    The Rec. 601 luma is cut into a fixed number of bins between its extremes in the cell, so that brightness and
    contrast of the whole image do not matter. Formulas as in the IBSI reference manual, logarithms to base 2.

    Parameters
    ----------
    parts : Parts
        The cell.
    levels : int
        Number of grey levels.
    distances : sequence of int
        Steps in pixels between the two of a pair (diagonally: that many rows and columns).

    Returns
    -------
    Measured
        A value for each of `glcm_names(distances)`. `FLAT` where the luma is constant in the cell, and for
        correlation, `imc1` and `imc2` of a direction whose pairs all begin with one level; `TOO_SMALL` where a
        direction has no pair.
    """
    quantised = quantise(luma(parts.image), parts.mask, levels)
    if quantised is None:
        return missing(glcm_names(distances), Status.FLAT)
    found: Measured = {}
    for distance in distances:
        found |= _at_distance(cooccurrences(quantised, parts.mask, levels=levels, distance=distance), distance)
    return found


def luma(image: npt.NDArray[np.uint8]) -> Levels:
    """Rec. 601 luma times 1000, 299 R + 587 G + 114 B: whole numbers, so that equal colours stay equal."""
    red, green, blue = (image[..., channel].astype(np.int64) for channel in range(3))
    return 299 * red + 587 * green + 114 * blue


def quantise(grey: Levels, mask: npt.NDArray[np.bool_], levels: int) -> Levels | None:
    """Levels 0 to `levels - 1`, equal bins between the smallest and the largest value in the mask.

    Parameters
    ----------
    grey : ndarray of int64, shape (height, width)
    mask : ndarray of bool, shape (height, width)
        Not empty.
    levels : int

    Returns
    -------
    ndarray of int64, shape (height, width), or None
        Meaningless outside the mask. None where the values in the mask are all equal.
    """
    inside = grey[mask]
    low, high = int(inside.min()), int(inside.max())
    if low == high:
        return None
    return np.asarray(np.minimum(levels * (grey - low) // (high - low), levels - 1))


def cooccurrences(quantised: Levels, mask: npt.NDArray[np.bool_], *, levels: int, distance: int) -> Levels:
    """Symmetric counts of the level pairs at a distance, one matrix for each of `DIRECTIONS`.

    Parameters
    ----------
    quantised : ndarray of int64, shape (height, width)
        Levels 0 to `levels - 1` inside the mask.
    mask : ndarray of bool, shape (height, width)
        Both pixels of a pair lie in it.
    levels : int
    distance : int

    Returns
    -------
    ndarray of int64, shape (4, levels, levels)
        All 0 for a direction without pairs.
    """
    bins = levels + 1
    coded = np.where(mask, quantised, levels)
    counts = np.empty((len(DIRECTIONS), levels, levels), dtype=np.int64)
    for matrix, (down, right) in zip(counts, DIRECTIONS, strict=True):
        first, second = _pairs(coded, down * distance, right * distance)
        pairs = np.bincount((first * bins + second).ravel(), minlength=bins * bins).reshape(bins, bins)
        matrix[:] = pairs[:levels, :levels] + pairs[:levels, :levels].T
    return counts


def haralick(counts: Levels) -> dict[str, Floats]:
    """The features of each matrix, with levels numbered from 1.

    Parameters
    ----------
    counts : ndarray of int64, shape (n, levels, levels)
        Symmetric co-occurrence counts.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        Keys `FEATURES`. NaN throughout for a matrix without pairs; NaN for correlation, `imc1` and `imc2` of a matrix
        with one level only.
    """
    n, levels, _ = counts.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        p = counts / counts.sum(axis=(1, 2), keepdims=True)
        i, j = np.mgrid[1 : levels + 1, 1 : levels + 1]
        p_sum, p_difference = _folded(p, i + j, 2 * levels), _folded(p, np.abs(i - j), levels - 1)
        marginal = p.sum(axis=2)
        mean = marginal @ np.arange(1, levels + 1)
        variance = np.einsum("nij,nij->n", p, (i - mean[:, None, None]) ** 2)
        covariance = np.einsum("nij,nij->n", p, (i - mean[:, None, None]) * (j - mean[:, None, None]))
        k_sum, k_difference = np.arange(2 * levels + 1), np.arange(levels)
        around = k_sum - 2 * mean[:, None]
        entropy, marginal_entropy = _entropy(p.reshape(n, -1)), _entropy(marginal)
        difference_average = p_difference @ k_difference
        # With a symmetric matrix, HXY1 and HXY2 both equal twice the entropy of the marginal.
        mutual = np.maximum(2 * marginal_entropy - entropy, 0)
        varied = marginal_entropy > 0
        return {
            "asm": np.einsum("nij,nij->n", p, p),
            "contrast": p_difference @ k_difference**2,
            "correlation": np.where(varied, covariance / variance, np.nan),
            "variance": variance,
            "idm": p_difference @ (1 / (1 + k_difference**2)),
            "sum_average": p_sum @ k_sum,
            "sum_variance": np.einsum("nk,nk->n", p_sum, around**2),
            "sum_entropy": _entropy(p_sum),
            "entropy": entropy,
            "difference_variance": p_difference @ k_difference**2 - difference_average**2,
            "difference_entropy": _entropy(p_difference),
            "imc1": np.where(varied, -mutual / marginal_entropy, np.nan),
            "imc2": np.where(varied, np.sqrt(1 - np.exp(-2 * mutual)), np.nan),
            "homogeneity": p_difference @ (1 / (1 + k_difference)),
            "cluster_shade": np.einsum("nk,nk->n", p_sum, around**3),
            "cluster_prominence": np.einsum("nk,nk->n", p_sum, around**4),
            "max_probability": p.max(axis=(1, 2)),
        }


def _at_distance(counts: Levels, distance: int) -> Measured:
    values = np.stack(list(haralick(counts).values()))
    reason = Status.FLAT if bool(counts.any(axis=(1, 2)).all()) else Status.TOO_SMALL
    reduced = np.concatenate([values.mean(axis=1), np.ptp(values, axis=1)]).tolist()
    found = (value if np.isfinite(value) else reason for value in reduced)
    return dict(zip(glcm_names((distance,)), found, strict=True))


def _pairs(coded: Levels, down: int, right: int) -> tuple[Levels, Levels]:
    height, width = coded.shape
    rows, columns = max(height - down, 0), max(width - abs(right), 0)
    left, start = max(-right, 0), max(right, 0)
    return coded[:rows, left : left + columns], coded[down : down + rows, start : start + columns]


def _folded(p: Floats, keys: Levels, largest: int) -> Floats:
    """Probability of each key 0 to `largest`, shape (n, largest + 1)."""
    n, size = len(p), largest + 1
    index = np.arange(n)[:, None] * size + keys.ravel()
    return np.bincount(index.ravel(), weights=p.ravel(), minlength=n * size).astype(np.float64).reshape(n, size)


def _entropy(p: Floats) -> Floats:
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=-1))
