"""Permutation tests whose units are patients: swapped models, flipped signs, permuted labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import permutation_test, rankdata

from bench.statistics.auroc import concordance, kernel_of

Floats = npt.NDArray[np.float64]

EXACT = 13
"""So many patients at most have all their 2^n swaps or signs tried, instead of a random part of them."""

_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Permuted:
    """What a permutation test found.

    Parameters
    ----------
    value : float
        The observed statistic.
    p : float
        Two-sided p-value; the observed arrangement counts as one of the permutations.
    floor : float
        The smallest p that this test could have given.
    permutations : int
        Arrangements tried.
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
) -> Permuted:
    """Test of the difference of two models' patient-weighted AUROC: patients swap the models that scored them.

    Where the models are exchangeable, each patient's two score vectors may be swapped. Scores are replaced by their
    ranks within the model first, so that models on different scales can be swapped (Venkatraman and Begg 1996,
    Biometrika 83:835, for patients in place of cells). With the signs s and t of positive and negative patients, the
    difference is linear in them, so that no AUROC is computed again.

    Parameters
    ----------
    first, second : array-like of float, shape (n_cells,)
        Scores of the same cells by two fitted models that saw none of the patients.
    is_positive, groups : array-like, shape (n_cells,)
        Class and patient of each cell; a patient has cells of one class.
    permutations : int
        Random swaps, where there are more than 2^13 of them.
    seed : int
        Of the random swaps.

    Returns
    -------
    Permuted
        `value` is first minus second; its floor is 2 / 2^n where all swaps were tried, else 1 / (permutations + 1).
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


def sign_flip(differences: npt.ArrayLike, *, permutations: int = 10_000, seed: int = 0) -> Permuted:
    """Test of the mean of one difference a patient against 0: under the null each sign is as likely as its opposite.

    Parameters
    ----------
    differences : array-like of float, shape (n_patients,)
        One difference for each patient.
    permutations : int
        Random signs, where there are more than that many, and more than 2^13.
    seed : int
        Of the random signs.

    Returns
    -------
    Permuted
        `value` is the mean; its floor is 2 / 2^n where all signs were tried, else 2 / (permutations + 1).

    Raises
    ------
    ValueError
        No difference, or one that is not finite.
    """
    d = np.asarray(differences, dtype=np.float64)
    if not d.size or not np.isfinite(d).all():
        raise ValueError("a sign-flip test needs finite differences")
    exact = 2 ** len(d) <= max(permutations, 2**EXACT)
    if len(d) == 1:
        return Permuted(float(d[0]), 1.0, 1.0, 2)
    found = permutation_test(
        (d,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf if exact else permutations,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    tried = 2 ** len(d) if exact else permutations
    return Permuted(float(d.mean()), float(min(1.0, found.pvalue)), 2 / tried if exact else 2 / (tried + 1), tried)


def permuted_labels(labels: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """The labels of the patient table in a random order: every patient's cells move together.

    Parameters
    ----------
    labels : ndarray, shape (n_units,)
        One label for each split unit.
    rng : numpy Generator
        Source of the order.
    """
    return np.asarray(labels)[rng.permutation(len(labels))]


def permutation_p(observed: float, null: npt.ArrayLike) -> float:
    """One-sided p-value (1 + number of null scores at or above the observed one) / (1 + number of null scores).

    Raises
    ------
    ValueError
        A score is not finite.
    """
    scores = np.asarray(null, dtype=np.float64)
    if not np.isfinite(scores).all() or not np.isfinite(observed):
        raise ValueError("a score is not finite")
    return float((1 + np.sum(scores >= observed - _TOLERANCE)) / (1 + len(scores)))


def label_floor(per_class: npt.ArrayLike, permutations: int) -> float:
    """The smallest p that permuting the labels of the patient table can give.

    1 / (permutations + 1), or one over the number of ways in which the labels can be dealt to the patients.
    """
    counts = [int(n) for n in np.asarray(per_class)]
    ways, left = 1, sum(counts)
    for n in counts:
        ways *= comb(left, n)
        left -= n
    return max(1 / (permutations + 1), 1 / ways)


def _flipped(weights: Floats, observed: float, permutations: int, seed: int) -> Permuted:
    n = len(weights)
    if n <= EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        extreme = np.abs(signs @ weights) >= abs(observed) - _TOLERANCE
        return Permuted(observed, float(extreme.mean()), 2 / 2**n, 2**n)
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(permutations, n))
    extreme = np.abs(signs @ weights) >= abs(observed) - _TOLERANCE
    return Permuted(observed, float((1 + extreme.sum()) / (1 + permutations)), 1 / (permutations + 1), permutations)
