"""Texture from grey-level co-occurrence matrices (Haralick 1973), with both pixels inside the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Binning, Quantised, binning
from extractors.handcrafted.framework.status import Measured, Status, missing

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
    Feature("mcc", "second largest singular value of p / sqrt(p_i p_j)", "1", "[0, 1]", HARALICK),
    Feature("homogeneity", "sum p / (1 + |i - j|)", "1", "(0, 1]", IBSI),
    Feature("dissimilarity", "mean of |i - j|", "1", "[0, L)", IBSI),
    Feature("idn", "sum p / (1 + |i - j| / L)", "1", "(0.5, 1]", IBSI),
    Feature("idmn", "sum p / (1 + (i - j)^2 / L^2)", "1", "(0.5, 1]", IBSI),
    Feature("inverse_variance", "sum over i != j of p / (i - j)^2", "1", "[0, 1]", IBSI),
    Feature("cluster_shade", "third moment of i + j", "1", "(-inf, inf)", IBSI),
    Feature("cluster_prominence", "fourth moment of i + j", "1", "[0, inf)", IBSI),
    Feature("max_probability", "max p", "1", "(0, 1]", IBSI),
)
"""Of one matrix p, levels i and j from 1 to L: Haralick's f1 to f14 in order, then what they leave out.

Cluster tendency is `sum_variance`, energy `asm`, the difference average `dissimilarity`, the joint average half of
`sum_average`; autocorrelation is (`sum_variance` + `sum_average`^2 - `contrast`) / 4. Haralick's `variance`, which is
(`sum_variance` + `contrast`) / 4 as p is symmetric, is kept for whoever looks for his thirteen.
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
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
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
                regions=self.regions,
                channels=self.channels,
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
    counts = np.concatenate([cooccurrences(quantised, distance=distance) for distance in distances])
    shape = len(distances), len(DIRECTIONS)
    values = np.stack(list(haralick(counts).values())).reshape(-1, *shape)
    paired = counts.sum(axis=(1, 2)).reshape(shape).min(axis=1) > 0
    found: Measured = {}
    for index, distance in enumerate(distances):
        found |= _over_directions(values[:, index], distance, Status.FLAT if paired[index] else Status.TOO_SMALL)
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
    pairs = _pairs(quantised.levels, quantised.count, distance)[:, 1:, 1:]
    return pairs + pairs.transpose(0, 2, 1)


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
        `imc1`, `imc2` and `mcc` of a matrix with one level only.
    """
    levels = counts.shape[1]
    by_level = counts.sum(axis=2)
    total = by_level.sum(axis=1)
    by_sum, by_difference, joint = _folded(counts, total)
    with np.errstate(invalid="ignore", divide="ignore"):
        entropy = np.where(total > 0, joint, np.nan)
        p_sum, p_difference, marginal = (folded / total[:, None] for folded in (by_sum, by_difference, by_level))
        level, k_sum, k = np.arange(1, levels + 1), np.arange(2, 2 * levels + 1), np.arange(levels)
        mean = by_level @ level / total
        variance = np.einsum("ni,ni->n", marginal, (level - mean[:, None]) ** 2)
        around = k_sum - 2 * mean[:, None]
        contrast, dissimilarity = by_difference @ k**2 / total, by_difference @ k / total
        marginal_entropy = _entropy(marginal)
        # With a symmetric matrix, HXY1 and HXY2 both equal twice the entropy of the marginal.
        mutual = np.maximum(2 * marginal_entropy - entropy, 0)
        varied = np.count_nonzero(by_level, axis=1) > 1
        return {
            "asm": np.einsum("nij,nij->n", counts, counts) / total**2,
            "contrast": contrast,
            "correlation": np.where(varied, 1 - contrast / (2 * variance), np.nan),
            "variance": variance,
            "idm": np.einsum("nk,k->n", p_difference, 1 / (1 + k**2)),
            "sum_average": 2 * mean,
            "sum_variance": np.einsum("nk,nk->n", p_sum, around**2),
            "sum_entropy": _entropy(p_sum),
            "entropy": entropy,
            "difference_variance": np.einsum("nk,nk->n", p_difference, (k - dissimilarity[:, None]) ** 2),
            "difference_entropy": _entropy(p_difference),
            "imc1": np.where(varied, -mutual / marginal_entropy, np.nan),
            "imc2": np.where(varied, np.sqrt(-np.expm1(-2 * mutual)), np.nan),
            "mcc": np.where(varied, _second_singular_value(counts, by_level), np.nan),
            "homogeneity": np.einsum("nk,k->n", p_difference, 1 / (1 + k)),
            "dissimilarity": dissimilarity,
            "idn": np.einsum("nk,k->n", p_difference, 1 / (1 + k / levels)),
            "idmn": np.einsum("nk,k->n", p_difference, 1 / (1 + (k / levels) ** 2)),
            "inverse_variance": np.einsum("nk,k->n", p_difference, np.where(k > 0, 1 / k**2, 0)),
            "cluster_shade": np.einsum("nk,nk->n", p_sum, around**3),
            "cluster_prominence": np.einsum("nk,nk->n", p_sum, around**4),
            "max_probability": counts.max(axis=(1, 2)) / total,
        }


def _over_directions(values: Floats, distance: int, reason: Status) -> Measured:
    """Means, then ranges, of the features of one distance, shape (n_features, 4)."""
    reduced = np.concatenate([values.mean(axis=1), np.ptp(values, axis=1)]).tolist()
    found = (value if isfinite(value) else reason for value in reduced)
    return dict(zip(keyed(FEATURES, [f"d{distance}"]), found, strict=True))


def _second_singular_value(counts: Counts, by_level: Counts) -> Floats:
    """Haralick's root of the second largest eigenvalue of Q.

    Where p is symmetric, Q is similar to the square of p_ij / sqrt(p_i p_j), whose largest eigenvalue is 1, with
    eigenvector sqrt(p_i); without that one, the second is the largest.
    """
    first = np.sqrt(by_level / np.maximum(by_level.sum(axis=1, keepdims=True), 1))
    scale = 1 / np.sqrt(np.maximum(by_level, 1))
    rest = counts * scale[:, :, None] * scale[:, None, :] - first[:, :, None] * first[:, None, :]
    return np.asarray(np.minimum(np.abs(np.linalg.eigvalsh(rest)).max(axis=1), 1))


def _entropy(p: Floats) -> Floats:
    """In bits; + 0.0 makes a negative zero positive."""
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=-1) + 0.0)


@compiled
def _pairs(levels: npt.NDArray[np.uint16], count: int, distance: int) -> Counts:
    """Number of ordered pairs by direction and levels, background included, shape (4, count + 1, count + 1)."""
    height, width = levels.shape
    counts = np.zeros((4, count + 1, count + 1), dtype=np.int64)
    for direction, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        below, aside = down * distance, right * distance
        for row in range(height - below):
            for column in range(max(0, -aside), width - max(0, aside)):
                counts[direction, levels[row, column], levels[row + below, column + aside]] += 1
    return counts


@compiled
def _folded(counts: Counts, total: Counts) -> tuple[Counts, Counts, Floats]:
    """Counts by i + j from 2 and by |i - j|, and the entropy in bits, of each symmetric matrix and its total."""
    n, levels, _ = counts.shape
    by_sum, by_difference = np.zeros((n, 2 * levels - 1), dtype=np.int64), np.zeros((n, levels), dtype=np.int64)
    entropy = np.zeros(n)
    for m in range(n):
        for i in range(levels):
            for j in range(i + 1):
                found = counts[m, i, j]
                if found > 0:
                    both = found if i == j else 2 * found
                    by_sum[m, i + j] += both
                    by_difference[m, i - j] += both
                    entropy[m] += both / total[m] * np.log2(total[m] / found)
    return by_sum, by_difference, entropy


def _checked_distances(distances: Sequence[int] | int) -> tuple[int, ...]:
    apart = (distances,) if isinstance(distances, int) else tuple(distances)
    whole = all(isinstance(d, int) and not isinstance(d, bool) and d >= 1 for d in apart)
    if not apart or not whole or len(set(apart)) < len(apart):
        raise ValueError(f"distances={distances!r}: different whole numbers of pixels from 1 on are expected")
    return apart
