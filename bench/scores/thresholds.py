"""Decision thresholds: rules, and the thresholds they choose."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from bench.errors import BenchError
from bench.statistics.arrays import Flags, Floats, Values

BALANCED = "balanced"

_RULE = re.compile(r"(?:(sens|spec)@)?([0-9]*\.?[0-9]+)")
_SLACK = 1e-12
"""Rates are sums of fractions; differences below this are rounding errors."""


@dataclass(frozen=True)
class Rule:
    """Rule for choosing a threshold.

    Parameters
    ----------
    kind : {"fixed", "balanced", "sens", "spec"}
        A fixed number; the highest balanced accuracy; a minimum sensitivity or specificity.
    level : float
        The number, or the minimum rate; NaN for `balanced`.
    """

    kind: str
    level: float = float("nan")

    def __str__(self) -> str:
        if self.kind == BALANCED:
            return BALANCED
        return f"{self.level:g}" if self.kind == "fixed" else f"{self.kind}@{self.level:g}"


def parse_threshold(text: str) -> Rule:
    """Parse a threshold rule: `balanced`, `0.5`, `sens@0.95` or `spec@0.90`.

    `str` of the rule is its canonical form, such as `spec@0.9`.

    Raises
    ------
    BenchError
        The text is not a rule, a fixed threshold is not in (0, 1), or a rate is not in (0, 1].
    """
    if text == BALANCED:
        return Rule(BALANCED)
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise BenchError(f"threshold {text!r}: expected balanced, a number such as 0.5, sens@0.95 or spec@0.90")
    kind, level = match[1] or "fixed", float(match[2])
    if not 0 < level <= 1 or (kind == "fixed" and level == 1):
        inside = "between 0 and 1" if kind == "fixed" else "above 0 and at most 1"
        raise BenchError(f"threshold {text!r}: the number must be {inside}")
    return Rule(kind, level)


def choose_threshold(rule: Rule, scores: Floats, is_positive: Flags, weights: Floats) -> float:
    """Choose a threshold by a rule; a row is positive where score >= threshold.

    Parameters
    ----------
    rule : Rule
        Threshold rule.
    scores : ndarray of float64, shape (n,)
        Scores of cells or patients; higher means more positive.
    is_positive : ndarray of bool, shape (n,)
        True classes; both must occur.
    weights : ndarray of float64, shape (n,)
        Positive weights: 1 / (cells of the split unit) for cells, 1 for patients.

    Returns
    -------
    float
        `fixed`: the number of the rule. `balanced`: the threshold with the highest weighted balanced accuracy;
        candidates are the midpoints between adjacent scores, and of ties the one closest to 0.5 is taken. `sens`: the
        highest threshold whose weighted sensitivity reaches the level; one of the positive scores. `spec`: the lowest
        threshold whose weighted specificity reaches the level; the next float above a negative score (above 1 where
        that score is 1: no row is positive).
    """
    if rule.kind == "fixed":
        return rule.level
    if rule.kind == BALANCED:
        return _balanced(scores, is_positive, weights)
    side = is_positive if rule.kind == "sens" else ~is_positive
    s, w = scores[side], weights[side]
    # Sensitivity accumulates from the highest score down, specificity from the lowest up.
    order = np.argsort(-s if rule.kind == "sens" else s, kind="stable")
    reached = np.cumsum(w[order]) / w.sum()
    last = s[order[min(int(np.searchsorted(reached, rule.level - _SLACK)), len(s) - 1)]]
    return float(last) if rule.kind == "sens" else float(np.nextafter(last, np.inf))


def patient_weights(groups: Values) -> Floats:
    """Weight 1 / (cells of the group) of each cell, float64 of shape (n_cells,)."""
    _, unit_of = np.unique(groups, return_inverse=True)
    return np.asarray(1.0 / np.bincount(unit_of)[unit_of], dtype=np.float64)


def _balanced(scores: Floats, is_positive: Flags, weights: Floats) -> float:
    order = np.argsort(scores, kind="stable")
    s, up, down = scores[order], (weights * is_positive)[order], (weights * ~is_positive)[order]
    missed = np.concatenate([[0.0], np.cumsum(up)]) / up.sum()
    passed = np.concatenate([[0.0], np.cumsum(down)]) / down.sum()
    # The midpoint of adjacent floats is one of them; the lower one would not separate them.
    between = np.where((s[1:] + s[:-1]) / 2 > s[:-1], (s[1:] + s[:-1]) / 2, s[1:])
    cuts = np.concatenate([[s[0]], between, [np.nextafter(s[-1], np.inf)]])
    real = np.concatenate([[True], s[1:] > s[:-1], [True]])
    gain = np.where(real, np.round((1 - missed) + passed, 12), -np.inf)
    best = np.flatnonzero(gain == gain.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])
