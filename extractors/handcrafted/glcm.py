"""Texture from grey-level co-occurrence matrices (Haralick 1973), with both pixels inside the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.channels import CHANNELS
from extractors.handcrafted.family import Family, HandcraftedBase, chosen, texture_family
from extractors.handcrafted.feature import Feature, keyed
from extractors.handcrafted.parts import REGIONS
from extractors.handcrafted.plane import Plane
from extractors.handcrafted.quantisation import Binning, Quantised, binning
from extractors.handcrafted.status import Measured, Status, missing

HARALICK = "Haralick 1973; IBSI"
IBSI = "IBSI"

MATRIX_FEATURES = (
    Feature("asm", "sum p^2", "1", "(0, 1]", HARALICK),
    Feature("contrast", "sum (i - j)^2 p", "1", "[0, inf)", HARALICK),
    Feature("correlation", "covariance / variance of the levels of a pair", "1", "[-1, 1]", HARALICK),
    Feature("variance", "sum (i - mean)^2 p", "1", "[0, inf)", HARALICK),
    Feature("idm", "sum p / (1 + (i - j)^2)", "1", "(0, 1]", HARALICK),
    Feature("sum_average", "mean of i + j", "1", "[2, 2 L]", HARALICK),
    Feature("sum_variance", "variance of i + j", "1", "[0, inf)", HARALICK),
    Feature("sum_entropy", "entropy of i + j, bits", "1", "[0, inf)", HARALICK),
    Feature("entropy", "entropy of p, bits", "1", "[0, inf)", HARALICK),
    Feature("difference_variance", "variance of |i - j|", "1", "[0, inf)", HARALICK),
    Feature("difference_entropy", "entropy of |i - j|, bits", "1", "[0, inf)", HARALICK),
    Feature("imc1", "(HXY - HXY1) / HX", "1", "[-1, 0]", HARALICK),
    Feature("imc2", "sqrt(1 - exp(-2 (HXY2 - HXY)))", "1", "[0, 1)", HARALICK),
    Feature("homogeneity", "sum p / (1 + |i - j|)", "1", "(0, 1]", IBSI),
    Feature("cluster_shade", "third moment of i + j", "1", "(-inf, inf)", IBSI),
    Feature("cluster_prominence", "fourth moment of i + j", "1", "[0, inf)", IBSI),
    Feature("max_probability", "max p", "1", "(0, 1]", IBSI),
)
"""Of one matrix p, levels i and j from 1 to L: Haralick's f1 to f13 in order, then what they leave out.

Cluster tendency is `sum_variance`, energy `asm`.
"""

FEATURES = (
    *(replace(f, name=f"{f.name}_mean", formula=f"mean over 4 directions of {f.formula}") for f in MATRIX_FEATURES),
    *(
        replace(f, name=f"{f.name}_range", formula=f"range over 4 directions of {f.formula}", range="[0, inf)")
        for f in MATRIX_FEATURES
    ),
)

DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Steps (row, column); the matrices are symmetric, so the opposite ones are in them too."""

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Glcm(HandcraftedBase):
    """Texture from grey-level co-occurrence matrices, mean and range over four directions at each distance.

    Parameters
    ----------
    levels : int
        Number of grey levels, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the channel's unit, in place of their number.
    distances : sequence of int or int
        Steps in pixels between the two of a pair (diagonally: that many rows and columns).
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.channels.CHANNELS`.
    """

    def __init__(
        self,
        levels: int = 32,
        bin_width: float | None = None,
        distances: Sequence[int] | int = (1, 3, 5),
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.levels = levels
        self.bin_width = bin_width
        self.distances = distances
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        bins, apart = binning(self.levels, self.bin_width), _checked_distances(self.distances)
        return [
            texture_family(
                "glcm",
                keyed(FEATURES, [f"d{distance}" for distance in apart]),
                lambda plane: glcm(plane, bins=bins, distances=apart),
                regions=chosen(self.regions, REGIONS, "region"),
                channels=chosen(self.channels, CHANNELS, "channel"),
            )
        ]


def glcm(plane: Plane, *, bins: Binning, distances: Sequence[int]) -> Measured:
    """Mean and range over four directions of each feature, for each distance.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    bins : Binning
        How its grey levels are cut.
    distances : sequence of int
        Pixels.

    Returns
    -------
    Measured
        A value for each of `FEATURES` and distance, keyed `feature.dDISTANCE`. `FLAT` where the plane is constant, and
        for correlation, `imc1` and `imc2` of a direction whose pairs all begin with one level; `TOO_SMALL` where a
        direction has no pair.
    """
    quantised = plane.quantised(bins)
    if quantised is None:
        return missing(keyed(FEATURES, [f"d{distance}" for distance in distances]), Status.FLAT)
    found: Measured = {}
    for distance in distances:
        found |= _at_distance(cooccurrences(quantised, distance=distance), distance)
    return found


def cooccurrences(quantised: Quantised, *, distance: int) -> Counts:
    """Symmetric counts of the level pairs at a distance, one matrix for each of `DIRECTIONS`.

    Parameters
    ----------
    quantised : Quantised
        Both pixels of a pair have a level above 0.
    distance : int

    Returns
    -------
    ndarray of int64, shape (4, count, count)
        All 0 for a direction without pairs.
    """
    bins = quantised.count + 1
    coded = quantised.levels.astype(np.int64)
    counts = np.empty((len(DIRECTIONS), quantised.count, quantised.count), dtype=np.int64)
    for matrix, (down, right) in zip(counts, DIRECTIONS, strict=True):
        first, second = _pairs(coded, down * distance, right * distance)
        pairs = np.bincount((first * bins + second).ravel(), minlength=bins * bins).reshape(bins, bins)[1:, 1:]
        matrix[:] = pairs + pairs.T
    return counts


def haralick(counts: Counts) -> dict[str, Floats]:
    """The features of each matrix, with levels numbered from 1.

    Parameters
    ----------
    counts : ndarray of int64, shape (n, levels, levels)
        Symmetric co-occurrence counts.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        Keys are the names of `MATRIX_FEATURES`. NaN throughout for a matrix without pairs; NaN for correlation,
        `imc1` and `imc2` of a matrix with one level only.
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


def _at_distance(counts: Counts, distance: int) -> Measured:
    values = np.stack(list(haralick(counts).values()))
    reason = Status.FLAT if bool(counts.any(axis=(1, 2)).all()) else Status.TOO_SMALL
    reduced = np.concatenate([values.mean(axis=1), np.ptp(values, axis=1)]).tolist()
    found = (value if np.isfinite(value) else reason for value in reduced)
    return dict(zip(keyed(FEATURES, [f"d{distance}"]), found, strict=True))


def _pairs(coded: Counts, down: int, right: int) -> tuple[Counts, Counts]:
    height, width = coded.shape
    rows, columns = max(height - down, 0), max(width - abs(right), 0)
    left, start = max(-right, 0), max(right, 0)
    return coded[:rows, left : left + columns], coded[down : down + rows, start : start + columns]


def _folded(p: Floats, keys: Counts, largest: int) -> Floats:
    """Probability of each key 0 to `largest`, shape (n, largest + 1)."""
    n, size = len(p), largest + 1
    index = np.arange(n)[:, None] * size + keys.ravel()
    return np.bincount(index.ravel(), weights=p.ravel(), minlength=n * size).astype(np.float64).reshape(n, size)


def _entropy(p: Floats) -> Floats:
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=-1))


def _checked_distances(distances: Sequence[int] | int) -> tuple[int, ...]:
    apart = (distances,) if isinstance(distances, int) else tuple(distances)
    whole = all(isinstance(d, int) and not isinstance(d, bool) and d >= 1 for d in apart)
    if not apart or not whole or len(set(apart)) < len(apart):
        raise ValueError(f"distances={distances!r}: different whole numbers of pixels from 1 on are expected")
    return apart
