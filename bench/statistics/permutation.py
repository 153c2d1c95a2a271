"""Permutation tests with patients as units: swapped models, flipped signs, permuted labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import permutation_test, rankdata

from bench.statistics.arrays import Floats
from bench.statistics.auroc import concordance, kernel_of

MAX_EXACT = 13
"""Maximum number of patients for which all 2^n swaps or signs are enumerated."""

_TOLERANCE = 1e-12


@dataclass(frozen=True)
class PermutationResult:
    """Result of a permutation test.

    Parameters
    ----------
    value : float
        Observed statistic.
    p : float
        Two-sided p-value; the observed arrangement counts as a permutation.
    floor : float
        Smallest possible p-value.
    permutations : int
        Number of arrangements.
    """

    value: float
    p: float
    floor: float
    permutations: int


def swap_test(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    is_positive: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    permutations: int = 10_000,
    seed: int = 0,
) -> PermutationResult:
    """Test the difference of two models' patient-weighted AUROC by swapping the models within patients.

    Under the null hypothesis of exchangeable models, each patient's two score vectors may be swapped. Scores are first
    replaced by their ranks within the model, so that models on different scales can be swapped (Venkatraman and Begg
    1996, Biometrika 83:835, for patients in place of cells). With the signs s and t of positive and negative patients,
    the difference is linear in them, so that no AUROC is recomputed.

    Parameters
    ----------
    first, second : array-like of float, shape (n_cells,)
        Scores of the same cells by two fitted models; no patient was in their training data.
    is_positive, groups : array-like, shape (n_cells,)
        Class and patient of each cell; every patient has cells of one class.
    permutations : int
        Number of random swaps where there are more than 2^13 possible ones.
    seed : int
        Seed of the random swaps.

    Returns
    -------
    Permuted
        `value` is first minus second; `floor` is 2 / 2^n if all swaps are enumerated, else 1 / (permutations + 1).
    """
    own, other = kernel_of(first, is_positive, groups), kernel_of(second, is_positive, groups)
    observed = float((own.share - other.share).mean())
    ranks = [rankdata(np.asarray(scores, dtype=np.float64)) for scores in (first, second)]
    positive = np.asarray(is_positive, dtype=bool)
    _, unit_of = np.unique(np.asarray(groups), return_inverse=True)
    rows, columns = (np.unique(unit_of[side], return_inverse=True)[1] for side in (positive, ~positive))
    pairs = np.outer(own.positive_cells, own.negative_cells)
    crossed = [
        concordance(ranks[a][positive], ranks[1 - a][~positive], rows=rows, columns=columns, shape=pairs.shape) / pairs
        for a in (0, 1)
    ]
    straight, cross = own.share - other.share, crossed[0] - crossed[1]
    weights = np.concatenate(
        [(straight + cross).mean(axis=1) / len(pairs), (straight - cross).mean(axis=0) / len(pairs.T)]
    )
    return _flipped(weights / 2, observed, permutations, seed)


def sign_flip(differences: npt.ArrayLike, *, permutations: int = 10_000, seed: int = 0) -> PermutationResult:
    """Test the mean of one difference per patient against 0 by sign flips.

    Under the null hypothesis both signs of a difference are equally likely.

    Parameters
    ----------
    differences : array-like of float, shape (n_patients,)
        One difference for each patient.
    permutations : int
        Number of random sign vectors where the possible ones are more than this and more than 2^13.
    seed : int
        Seed of the random signs.

    Returns
    -------
    Permuted
        `value` is the mean; `floor` is 2 / 2^n if all signs are enumerated, else 2 / (permutations + 1).

    Raises
    ------
    ValueError
        No differences, or a difference that is not finite.
    """
    d = np.asarray(differences, dtype=np.float64)
    if not d.size or not np.isfinite(d).all():
        raise ValueError("a sign-flip test needs finite differences")
    exact = 2 ** len(d) <= max(permutations, 2**MAX_EXACT)
    if len(d) == 1:
        return PermutationResult(float(d[0]), 1.0, 1.0, 2)
    result = permutation_test(
        (d,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf if exact else permutations,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    tried = 2 ** len(d) if exact else permutations
    floor = 2 / tried if exact else 2 / (tried + 1)
    return PermutationResult(float(d.mean()), float(min(1.0, result.pvalue)), floor, tried)


def permutation_p(observed: float, null: npt.ArrayLike) -> float:
    """Compute the one-sided p-value (1 + null scores at or above the observed one) / (1 + null scores).

    Raises
    ------
    ValueError
        A score is not finite.
    """
    scores = np.asarray(null, dtype=np.float64)
    if not np.isfinite(scores).all() or not np.isfinite(observed):
        raise ValueError("a score is not finite")
    return float((1 + np.sum(scores >= observed - _TOLERANCE)) / (1 + len(scores)))


def _flipped(weights: Floats, observed: float, permutations: int, seed: int) -> PermutationResult:
    n = len(weights)
    if n <= MAX_EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        p = float((np.abs(signs @ weights) >= abs(observed) - _TOLERANCE).mean())
        return PermutationResult(observed, p, 2 / 2**n, 2**n)
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(permutations, n))
    extreme = np.abs(signs @ weights) >= abs(observed) - _TOLERANCE
    p = float((1 + extreme.sum()) / (1 + permutations))
    return PermutationResult(observed, p, 1 / (permutations + 1), permutations)
