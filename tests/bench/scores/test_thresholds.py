"""Thresholds: no better one exists, and a given rate is reached by the last threshold that reaches it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from bench.errors import BenchError
from bench.scores.thresholds import Rule, choose_threshold, parse_threshold, patient_weights


def _balanced(scores: np.ndarray, is_positive: np.ndarray, groups: np.ndarray) -> float:
    return choose_threshold(Rule("balanced"), scores, is_positive, patient_weights(groups))


CLOSE = [np.nextafter(0.5, 0), 0.5, np.nextafter(0.5, 1), np.nextafter(1, 0), 1.0, 0.0, 5e-324]


@st.composite
def scored_cells(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 12))
    value = st.sampled_from([*CLOSE, 0.2, 0.4, 0.6]) | st.floats(0, 1)
    scores = np.array(draw(st.lists(value, min_size=n, max_size=n)))
    positive = np.array([True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))])
    return scores, positive, np.array(draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n)))


@settings(max_examples=150, deadline=None)
@given(scored_cells())
def test_no_threshold_is_better_nor_as_good_and_nearer_to_a_half(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    scores, positive, groups = cells
    weights = 1 / (groups[:, None] == groups).sum(axis=1)

    def gain(threshold: float) -> float:
        right = (scores >= threshold) == positive
        return round(float(sum(np.average(right[side], weights=weights[side]) for side in (positive, ~positive))), 9)

    result = _balanced(scores, positive, groups)
    levels = np.unique(scores)
    every = [*levels, np.nextafter(levels[-1], np.inf), *((levels[1:] + levels[:-1]) / 2)]
    assert gain(result) == max(map(gain, every))
    between = [m for m, below in zip((levels[1:] + levels[:-1]) / 2, levels, strict=False) if m > below]
    midpoints = [levels[0], *between, np.nextafter(levels[-1], np.inf)]
    equals = [abs(t - 0.5) for t in midpoints if gain(t) == gain(result)]
    assert abs(result - 0.5) <= min(equals, default=np.inf) + 1e-12


def test_threshold_is_midway_between_separated_classes() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    assert _balanced(scores, np.array([False, False, True, True]), np.array(list("abcd"))) == 0.5
    assert _balanced(scores, np.array([False, True, True, True]), np.array(list("abcd"))) == pytest.approx(0.15)


def test_scores_that_are_all_alike_leave_one_of_two_thresholds() -> None:
    scores, positive = np.full(4, 0.7), np.array([False, False, True, True])
    assert _balanced(scores, positive, np.array(list("abcd"))) == 0.7


def test_a_patient_of_many_cells_does_not_pull_the_threshold() -> None:
    scores = np.concatenate([np.full(50, 0.7), [0.2, 0.5, 0.9]])
    positive = np.concatenate([np.zeros(50), [0, 1, 1]]).astype(bool)
    groups = np.array(["a"] * 50 + ["b", "c", "d"])
    # By cells 0.8 is best (all but one of 53 right); by patients 0.35 and 0.8 are equally good, 0.35 is nearer to 0.5.
    assert _balanced(scores, positive, groups) == pytest.approx(0.35)


@settings(max_examples=150, deadline=None)
@given(scored_cells(), st.sampled_from(["sens", "spec"]), st.sampled_from([0.05, 1 / 3, 0.5, 0.9, 0.95, 1.0]))
def test_a_rate_is_reached_and_by_the_next_threshold_no_more(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray], kind: str, level: float
) -> None:
    scores, positive, groups = cells
    weights = patient_weights(groups)

    def rate(threshold: float) -> float:
        label = 1 if kind == "sens" else 0
        return float(recall_score(positive, scores >= threshold, pos_label=label, sample_weight=weights))

    result = choose_threshold(Rule(kind, level), scores, positive, weights)
    assert rate(result) >= level - 1e-9
    assert rate(np.nextafter(result, np.inf if kind == "sens" else -np.inf)) < level - 1e-9


def test_rates_count_patients_not_cells() -> None:
    """Patient a has four positive cells that score low, b and c one each that scores high: two of three patients."""
    scores = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.9, 0.3])
    positive = np.array([True] * 6 + [False])
    weights = patient_weights(np.array(list("aaaabcd")))
    assert choose_threshold(Rule("sens", 0.66), scores, positive, weights) == 0.8
    assert choose_threshold(Rule("sens", 0.66), scores, positive, np.ones(7)) == 0.1
    assert choose_threshold(Rule("sens", 0.67), scores, positive, weights) == 0.1


def test_by_hand() -> None:
    scores, positive = np.arange(10) / 10, np.arange(10) >= 5
    ones = np.ones(10)
    assert choose_threshold(Rule("sens", 0.8), scores, positive, ones) == 0.6
    assert choose_threshold(Rule("spec", 0.8), scores, positive, ones) == np.nextafter(0.3, 1)
    assert choose_threshold(Rule("fixed", 0.3), scores, positive, ones) == 0.3
    assert choose_threshold(Rule("balanced"), scores, positive, ones) == 0.45


@pytest.mark.parametrize(
    ("text", "rule", "canonical"),
    [
        ("balanced", "balanced", "balanced"),
        ("0.5", "fixed", "0.5"),
        (".50", "fixed", "0.5"),
        ("sens@0.950", "sens", "sens@0.95"),
        ("spec@.9", "spec", "spec@0.9"),
        ("sens@1", "sens", "sens@1"),
    ],
)
def test_a_rule_has_one_canonical_form(text: str, rule: str, canonical: str) -> None:
    assert parse_threshold(text).kind == rule
    assert str(parse_threshold(text)) == canonical
    assert parse_threshold(canonical) == parse_threshold(text) or rule == "balanced"


@pytest.mark.parametrize(
    "text", ["", "best", "sens", "sens@", "sens@1.5", "spec@0", "0", "1", "1.0", "-0.5", "nan", "sens@x"]
)
def test_invalid_threshold_raises(text: str) -> None:
    with pytest.raises(BenchError, match=r"threshold"):
        parse_threshold(text)
