"""Texture from grey-level co-occurrence matrices (Haralick 1973), with both pixels inside the region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from skimage.feature import graycomatrix

from extractors.arrays import Float64Array, Int64Array
from extractors.handcrafted.framework.bases import GreyLevelBase, Measured
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integers
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.status import Status

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
"""Features of one matrix p with levels i and j from 1 to L: Haralick's f1 to f14 in order, then further ones.

Other names: cluster tendency is `sum_variance`, energy `asm`, the difference average `dissimilarity` and the joint
average half of `sum_average`; autocorrelation is (`sum_variance` + `sum_average`^2 - `contrast`) / 4. `variance`, which
is (`sum_variance` + `contrast`) / 4 for symmetric p, is included to make Haralick's set complete.
"""

FEATURES = (
    *(replace(f, name=f"{f.name}_mean", formula=f"mean over 4 directions of {f.formula}") for f in MATRIX_FEATURES),
    *(
        replace(f, name=f"{f.name}_range", formula=f"range over 4 directions of {f.formula}", range="[0, inf)")
        for f in MATRIX_FEATURES
    ),
)


@dataclass(eq=False, repr=False, kw_only=True)
class Glcm(GreyLevelBase):
    """Texture from grey-level co-occurrence matrices, mean and range over four directions at each distance.

    Correlation, `imc1`, `imc2` and `mcc` are `FLAT` if all pairs of a direction start at one level; features are
    `TOO_SMALL` if a direction has no pair.

    Parameters
    ----------
    levels, bin_width, regions, channels
        See `GreyLevelBase`.
    distances : sequence of int or int
        Distances in pixels between the two pixels of a pair; along diagonals, rows and columns differ by it.
    """

    distances: Sequence[int] | int = (1, 3, 5)

    def _features(self) -> Mapping[str, Feature]:
        super()._features()
        return keyed(FEATURES, [f"d{distance}" for distance in self._distances])

    def _measure_levels(self, quantised: Quantised) -> Measured:
        values: list[float | Status] = []
        counts = cooccurrences(quantised, distances=self._distances)
        by_distance = np.split(np.stack(list(haralick(np.concatenate(counts)).values())), len(counts), axis=1)
        for pairs, by_direction in zip(counts, by_distance, strict=True):
            reason = Status.FLAT if pairs.any(axis=(1, 2)).all() else Status.TOO_SMALL
            reduced = np.concatenate([by_direction.mean(axis=1), np.ptp(by_direction, axis=1)])
            values += [value if isfinite(value) else reason for value in reduced.tolist()]
        return values

    @property
    def _distances(self) -> tuple[int, ...]:
        return validated_integers("distances", self.distances, 1)


def cooccurrences(quantised: Quantised, *, distances: Sequence[int]) -> Int64Array:
    """Count the pairs of levels at each distance: one symmetric matrix per direction.

    Parameters
    ----------
    quantised : Quantised
        Pairs with the background are not counted.
    distances : sequence of int

    Returns
    -------
    ndarray of int64, shape (n_distances, 4, count, count)
        By direction; all 0 for a direction without pairs.
    """
    levels, count, diagonals = quantised.levels, quantised.count + 1, np.hypot(distances, distances)
    straight = graycomatrix(levels, distances, [0, np.pi / 2], levels=count)  # type: ignore[no-untyped-call]
    oblique = graycomatrix(levels, diagonals, [np.pi / 4, 3 * np.pi / 4], levels=count)  # type: ignore[no-untyped-call]
    directions = [matrix[1:, 1:, :, angle] for angle in (0, 1) for matrix in (straight, oblique)]
    pairs = np.stack(directions, axis=-1).transpose(2, 3, 0, 1).astype(np.int64, order="C")
    return np.asarray(pairs + pairs.swapaxes(2, 3))


def haralick(counts: Int64Array) -> dict[str, Float64Array]:
    """Compute the features of each matrix, with levels numbered from 1.

    Parameters
    ----------
    counts : ndarray of int64, shape (n, levels, levels)
        Symmetric co-occurrence counts.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        Keys are the names of `MATRIX_FEATURES`. All NaN for a matrix without pairs; correlation, `imc1`, `imc2` and
        `mcc` are NaN for a matrix with a single level.
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
        # For a symmetric matrix, HXY1 and HXY2 both equal twice the entropy of the marginal.
        mutual = np.maximum(2 * marginal_entropy - entropy, 0)
        varies = np.count_nonzero(by_level, axis=1) > 1
        return {
            "asm": np.einsum("nij,nij->n", counts, counts) / total**2,
            "contrast": contrast,
            "correlation": np.where(varies, 1 - contrast / (2 * variance), np.nan),
            "variance": variance,
            "idm": np.einsum("nk,k->n", p_difference, 1 / (1 + k**2)),
            "sum_average": 2 * mean,
            "sum_variance": np.einsum("nk,nk->n", p_sum, around**2),
            "sum_entropy": _entropy(p_sum),
            "entropy": entropy,
            "difference_variance": np.einsum("nk,nk->n", p_difference, (k - dissimilarity[:, None]) ** 2),
            "difference_entropy": _entropy(p_difference),
            "imc1": np.where(varies, -mutual / marginal_entropy, np.nan),
            "imc2": np.where(varies, np.sqrt(-np.expm1(-2 * mutual)), np.nan),
            "mcc": np.where(varies, _second_singular_value(counts, by_level), np.nan),
            "homogeneity": np.einsum("nk,k->n", p_difference, 1 / (1 + k)),
            "dissimilarity": dissimilarity,
            "idn": np.einsum("nk,k->n", p_difference, 1 / (1 + k / levels)),
            "idmn": np.einsum("nk,k->n", p_difference, 1 / (1 + (k / levels) ** 2)),
            "inverse_variance": np.einsum("nk,k->n", p_difference, np.where(k > 0, 1 / k**2, 0)),
            "cluster_shade": np.einsum("nk,nk->n", p_sum, around**3),
            "cluster_prominence": np.einsum("nk,nk->n", p_sum, around**4),
            "max_probability": counts.max(axis=(1, 2)) / total,
        }


def _second_singular_value(counts: Int64Array, by_level: Int64Array) -> Float64Array:
    """Square root of the second largest eigenvalue of Haralick's Q.

    For symmetric p, Q is similar to the square of p_ij / sqrt(p_i p_j), whose largest eigenvalue is 1 with eigenvector
    sqrt(p_i). Its projection is subtracted, so that the second eigenvalue becomes the largest.
    """
    first = np.sqrt(by_level / np.maximum(by_level.sum(axis=1, keepdims=True), 1))
    scale = 1 / np.sqrt(np.maximum(by_level, 1))
    rest = counts * scale[:, :, None] * scale[:, None, :] - first[:, :, None] * first[:, None, :]
    return np.asarray(np.minimum(np.abs(np.linalg.eigvalsh(rest)).max(axis=1), 1))


def _entropy(p: Float64Array) -> Float64Array:
    """Entropy in bits; + 0.0 makes a negative zero positive."""
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=-1) + 0.0)


@compiled
def _folded(counts: Int64Array, total: Int64Array) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Counts by i + j (from 2) and by |i - j|, and the entropy in bits, of each symmetric matrix."""
    n, levels, _ = counts.shape
    by_sum, by_difference = np.zeros((n, 2 * levels - 1), dtype=np.int64), np.zeros((n, levels), dtype=np.int64)
    entropy = np.zeros(n)
    for m in range(n):
        for i in range(levels):
            for j in range(i + 1):
                pairs = counts[m, i, j]
                if pairs > 0:
                    both = pairs if i == j else 2 * pairs
                    by_sum[m, i + j] += both
                    by_difference[m, i - j] += both
                    entropy[m] += both / total[m] * np.log2(total[m] / pairs)
    return by_sum, by_difference, entropy
