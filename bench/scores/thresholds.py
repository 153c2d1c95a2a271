"""The threshold of a score: a rule, and what it chooses on scores of known patients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BALANCED = "balanced"

_RULE = re.compile(r"(?:(sens|spec)@)?([0-9]*\.?[0-9]+)")
_SLACK = 1e-12
"""Rates are sums of fractions of patients; a difference below this is rounding."""


@dataclass(frozen=True)
class Rule:
    """How a threshold comes about.

    Parameters
    ----------
    kind : {"fixed", "balanced", "sens", "spec"}
        A given number; the highest balanced accuracy; at least a given sensitivity or specificity.
    level : float
        The number, or the rate to reach; NaN for `balanced`.
    """

    kind: str
    level: float = float("nan")

    def __str__(self) -> str:
        if self.kind == BALANCED:
            return BALANCED
        return f"{self.level:g}" if self.kind == "fixed" else f"{self.kind}@{self.level:g}"


def parse_threshold(text: str) -> Rule:
    """A rule from what a person writes: `balanced`, `0.5`, `sens@0.95` or `spec@0.90`.

    `str` of the rule is its one canonical form, such as `spec@0.9`.

    Raises
    ------
    BenchError
        It is none of these, a fixed threshold is not inside (0, 1), or a rate is not in (0, 1].
    """
    if text == BALANCED:
        return Rule(BALANCED)
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise BenchError(f"threshold {text!r}: expected balanced, a number such as 0.5, sens@0.95 or spec@0.90")
    kind, level = found[1] or "fixed", float(found[2])
    if not 0 < level <= 1 or (kind == "fixed" and level == 1):
        inside = "between 0 and 1" if kind == "fixed" else "above 0 and at most 1"
        raise BenchError(f"threshold {text!r}: the number has to lie {inside}")
    return Rule(kind, level)


def choose_threshold(rule: Rule, scores: Floats, is_positive: Flags, weights: Floats) -> float:
    """The threshold that a rule gives on these scores; a score is positive where score >= threshold.

    Parameters
    ----------
    rule : Rule
        How to choose.
    scores : ndarray of float64, shape (n,)
        Scores of cells or patients; larger ones speak for the positive class.
    is_positive : ndarray of bool, shape (n,)
        Their truth; both kinds are present.
    weights : ndarray of float64, shape (n,)
        Above 0: 1 / (cells of the split unit) for cells, so that each patient counts once; 1 for patients.

    Returns
    -------
    float
        `fixed`: the given number. `balanced`: see `best_threshold`. `sens`: the highest threshold whose weighted
        sensitivity reaches the level; it is one of the positive scores. `spec`: the lowest threshold whose weighted
        specificity reaches it; it is the next number above one of the other scores (hence above 1 where that one is 1:
        then nothing is decided positive).
    """
    if rule.kind == "fixed":
        return rule.level
    if rule.kind == BALANCED:
        return _best(scores, is_positive, weights)
    side = is_positive if rule.kind == "sens" else ~is_positive
    s, w = scores[side], weights[side]
    # Sensitivity counts from the highest score down, specificity from the lowest up.
    order = np.argsort(-s if rule.kind == "sens" else s, kind="stable")
    reached = np.cumsum(w[order]) / w.sum()
    last = s[order[min(int(np.searchsorted(reached, rule.level - _SLACK)), len(s) - 1)]]
    return float(last) if rule.kind == "sens" else float(np.nextafter(last, np.inf))


def best_threshold(scores: Floats, is_positive: Flags, groups: npt.NDArray[Any]) -> float:
    """The threshold with the highest patient-mean balanced accuracy; a cell is positive where score >= threshold.

    Candidates are the midpoints between neighbouring scores; of equally good ones, the one nearest to 0.5.
    """
    return _best(scores, is_positive, patient_weights(groups))


def patient_weights(groups: npt.NDArray[Any]) -> Floats:
    """1 / (cells of the group) for each cell, float64 of shape (n_cells,)."""
    _, unit_of = np.unique(groups, return_inverse=True)
    return np.asarray(1.0 / np.bincount(unit_of)[unit_of], dtype=np.float64)


def _best(scores: Floats, is_positive: Flags, weights: Floats) -> float:
    order = np.argsort(scores, kind="stable")
    s, up, down = scores[order], (weights * is_positive)[order], (weights * ~is_positive)[order]
    missed = np.concatenate([[0.0], np.cumsum(up)]) / up.sum()
    passed = np.concatenate([[0.0], np.cumsum(down)]) / down.sum()
    # The midpoint of neighbouring floating-point numbers is one of them; the lower one would not part them.
    between = np.where((s[1:] + s[:-1]) / 2 > s[:-1], (s[1:] + s[:-1]) / 2, s[1:])
    cuts = np.concatenate([[s[0]], between, [np.nextafter(s[-1], np.inf)]])
    real = np.concatenate([[True], s[1:] > s[:-1], [True]])
    gain = np.where(real, np.round((1 - missed) + passed, 12), -np.inf)
    best = np.flatnonzero(gain == gain.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])
