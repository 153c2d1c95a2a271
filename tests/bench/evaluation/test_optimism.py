"""Optimism of tuning, against values computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bench.evaluation.optimism import Optimism, optimism, summary


def _predictions(fold: int, scores: Sequence[float], labels: str, *, repeat: int = 0) -> pd.DataFrame:
    """Cells of one patient each, named by position."""
    p = np.asarray(scores)
    named = {"label": list(labels), "unit": [f"{fold}-{i}" for i in range(len(p))], "repeat": repeat, "fold": fold}
    return pd.DataFrame({**named, "p_a": 1 - p, "p_b": p})


def _trials(fold: int, *values: tuple[str, float], repeat: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        [{"trial": i, "state": s, "value": v, "repeat": repeat, "fold": fold} for i, (s, v) in enumerate(values)]
    )


BY_HAND = (
    pd.concat(
        [
            _trials(1, ("complete", 0.6), ("complete", 0.9), ("pruned", 0.99)),
            _trials(0, ("complete", 0.7), ("pruned", 0.1), ("complete", 0.65)),
        ]
    ),
    pd.concat([_predictions(0, [0.1, 0.9, 0.2, 0.8], "abba"), _predictions(1, [0.1, 0.9, 0.3, 0.8], "abab")]),
)
"""Fold 0: of 4 pairs, (0.9, 0.2) against (0.1, 0.8), three are in order; fold 1: all. Pruned trials do not count."""


def test_optimism_by_hand() -> None:
    table = optimism(*BY_HAND, classes=["a", "b"], positive="b")
    assert table.columns.tolist() == ["repeat", "fold", "inner_best", "outer", "optimism"]
    assert table[["repeat", "fold"]].to_numpy().tolist() == [[0, 0], [0, 1]]
    assert table["inner_best"].tolist() == [0.7, 0.9]
    assert table["outer"].tolist() == [0.75, 1.0]
    np.testing.assert_allclose(table["optimism"], [-0.05, -0.1])
    means = summary(table)
    assert means is not None
    assert (means.inner_best, means.outer, means.mean, means.folds) == pytest.approx((0.8, 0.875, -0.075, 2))
    assert means.sd == pytest.approx(0.05 / np.sqrt(2))


def test_optimism_as_text() -> None:
    value = Optimism(inner_best=0.84, outer=0.79, mean=0.05, sd=0.03, folds=5)
    assert str(value) == "inner best 0.84 - outer 0.79 = 0.05 (mean of 5 folds, SD 0.03)"


def test_either_class_may_be_positive() -> None:
    """The AUROC of a against b and that of b against a are the same, if the column belongs to the class."""
    one, other = (optimism(*BY_HAND, classes=["a", "b"], positive=c) for c in ("a", "b"))
    pd.testing.assert_frame_equal(one, other)


def test_patients_have_equal_weight_in_the_outer_score() -> None:
    """One b of 9 wrong cells and one b of 1 right cell, against one a: 1/2, where equal weights of cells give 1/10."""
    cells = pd.DataFrame({"label": ["a"] + ["b"] * 10, "unit": ["x"] + ["y"] * 9 + ["z"], "repeat": 0, "fold": 0})
    p = np.array([0.5] + [0.1] * 9 + [0.9])
    table = optimism(_trials(0, ("complete", 0.5)), cells.assign(p_a=1 - p, p_b=p), classes=["a", "b"], positive="b")
    assert table["outer"].tolist() == [pytest.approx(0.5)]


def test_cells_have_equal_weight_in_a_split_by_image() -> None:
    """The cells of the test above: one of ten pairs is in order."""
    cells = pd.DataFrame({"label": ["a"] + ["b"] * 10, "unit": ["x"] + ["y"] * 9 + ["z"], "repeat": 0, "fold": 0})
    p = np.array([0.5] + [0.1] * 9 + [0.9])
    predictions = cells.assign(cell=[str(i) for i in range(11)], p_a=1 - p, p_b=p)
    table = optimism(_trials(0, ("complete", 0.5)), predictions, classes=["a", "b"], positive="b", unit="cell")
    assert table["outer"].tolist() == [pytest.approx(0.1)]


def test_scores_before_calibration_are_used() -> None:
    trials, predictions = BY_HAND
    calibrated = predictions.rename(columns={"p_a": "raw_a", "p_b": "raw_b"}).assign(p_a=0.5, p_b=0.5)
    pd.testing.assert_frame_equal(
        optimism(trials, calibrated, classes=["a", "b"], positive="b"),
        optimism(trials, predictions, classes=["a", "b"], positive="b"),
    )


def test_three_classes_are_averaged_one_against_the_rest() -> None:
    labels = np.array(list("abcabc"))
    p = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    cells = pd.DataFrame({"label": labels, "unit": list("uvwxyz"), "repeat": 2, "fold": 1})
    cells = cells.assign(p_a=p[:, 0], p_b=p[:, 1], p_c=p[:, 2])
    table = optimism(_trials(1, ("complete", 0.5), repeat=2), cells, classes=["a", "b", "c"], positive=None)
    expected = roc_auc_score(labels, p, multi_class="ovr", average="macro")
    assert table["outer"].tolist() == [pytest.approx(expected)]


def test_a_fold_without_a_class_is_excluded_from_the_mean() -> None:
    trials = pd.concat([_trials(0, ("complete", 0.7)), _trials(1, ("complete", 0.9))])
    predictions = pd.concat([_predictions(0, [0.1, 0.9], "ab"), _predictions(1, [0.1, 0.9], "aa")])
    table = optimism(trials, predictions, classes=["a", "b"], positive="b")
    assert np.isnan(table["outer"].to_numpy()).tolist() == [False, True]
    means = summary(table)
    assert means is not None
    assert (means.folds, means.inner_best, means.outer) == (1, 0.7, 1.0)
    assert str(means) == "inner best 0.70 - outer 1.00 = -0.30 (mean of 1 fold)"
    assert summary(table[table["fold"] == 1]) is None


def test_without_tuning_the_table_is_empty() -> None:
    none = optimism(pd.DataFrame(), BY_HAND[1], classes=["a", "b"], positive="b")
    assert none.columns.tolist() == ["repeat", "fold", "inner_best", "outer", "optimism"]
    assert len(none) == 0
    assert summary(none) is None
    assert summary(pd.DataFrame()) is None
