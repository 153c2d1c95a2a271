"""The primary metric alone agrees with the table of all; a gap is drawn in pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bench.errors import BenchError
from bench.scores.metrics import PRIMARY, score
from bench.scores.primary import primary_gap, primary_score

TWO = {"classes": ("healthy", "sick"), "positive": "sick"}


def _predictions(
    seed: int, *, shift: float = 1.0, repeats: int = 2, folds: int = 3, patients: int = 20
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    units = np.repeat([f"u{i:02d}" for i in range(patients)], np.random.default_rng(99).integers(2, 9, patients))
    number = np.array([int(u[1:]) for u in units])
    sick = number % 2 == 1
    parts = []
    for repeat in range(repeats):
        p = 1 / (1 + np.exp(-(rng.normal(size=len(units)) + shift * sick)))
        fold = (number // 2) % folds
        parts.append(
            pd.DataFrame({"unit": units, "label": np.where(sick, "sick", "healthy"), "repeat": repeat, "fold": fold})
            .assign(threshold=0.5, patient_threshold=0.5, p_sick=p, p_healthy=1 - p)
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_it_is_the_value_of_the_table_of_scores() -> None:
    table = _predictions(1)
    scores = score(table, draws=50, **TWO).set_index("metric")
    assert primary_score(table, **TWO) == pytest.approx(scores.loc[PRIMARY, "value"], abs=1e-12)


def test_one_model_gives_scikit_learns_weighted_auroc() -> None:
    table = _predictions(2, repeats=1, folds=1)
    weight = 1 / table.groupby("unit")["unit"].transform("size")
    expected = roc_auc_score(table["label"] == "sick", table["p_sick"], sample_weight=weight)
    assert primary_score(table, **TWO) == pytest.approx(expected, abs=1e-12)


def test_where_no_model_predicted_both_classes_it_is_undefined() -> None:
    table = _predictions(3, repeats=1)
    by_class = table.assign(fold=(table["label"] == "sick").astype(int))
    with pytest.raises(BenchError, match="undefined"):
        primary_score(by_class, **TWO)


def test_a_pipeline_has_no_gap_to_itself() -> None:
    table = _predictions(4)
    gap = primary_gap(table, table, draws=200, **TWO)
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_the_gap_of_two_perfect_scores_has_no_interval() -> None:
    table = _predictions(4)
    columns = [column for column in table if column.startswith("p_")]
    perfect = table.copy()
    for column in columns:
        perfect[column] = np.where(perfect["label"] == column.removeprefix("p_"), 0.9, 0.1)
    sharper = perfect.assign(**{column: np.where(perfect[column] > 0.5, 0.95, 0.05) for column in columns})
    gap = primary_gap(perfect, sharper, draws=200, **TWO)
    assert gap.value == 0
    assert np.isnan([gap.low, gap.high]).all()


def test_the_interval_of_a_gap_is_that_of_differences_on_the_same_patients() -> None:
    """Bootstrap by hand: patients within their class, the same for both tables, AUROC as in scikit-learn."""
    a, b = _predictions(5, shift=2.0, repeats=1, folds=1), _predictions(6, shift=0.5, repeats=1, folds=1)
    gap = primary_gap(a, b, draws=4000, **TWO)
    assert gap.value == pytest.approx(primary_score(a, **TWO) - primary_score(b, **TWO), abs=1e-12)
    rng = np.random.default_rng(0)
    units, unit_of, cells = np.unique(a["unit"], return_inverse=True, return_counts=True)
    sick = np.array([int(u[1:]) % 2 == 1 for u in units])
    is_sick = (a["label"] == "sick").to_numpy()
    p = [t["p_sick"].to_numpy() for t in (a, b)]
    above = [(each[is_sick][:, None] > each[~is_sick]) + 0.5 * (each[is_sick][:, None] == each[~is_sick]) for each in p]
    differences = []
    for draw in range(1500):
        drawn = np.concatenate([rng.choice(np.flatnonzero(side), side.sum()) for side in (sick, ~sick)])
        weight = np.bincount(drawn, minlength=len(units))[unit_of] / cells[unit_of]
        mass = weight[is_sick].sum() * weight[~is_sick].sum()
        scores = [weight[is_sick] @ pairs @ weight[~is_sick] / mass for pairs in above]
        if draw == 0:
            expected = [roc_auc_score(is_sick, each, sample_weight=weight) for each in p]
            assert scores == pytest.approx(expected, abs=1e-12)
        differences.append(scores[0] - scores[1])
    low, high = np.quantile(differences, [0.025, 0.975])
    assert (gap.low, gap.high) == pytest.approx((low, high), abs=0.015)


def test_different_patients_are_refused() -> None:
    with pytest.raises(BenchError, match="same patients"):
        primary_gap(_predictions(7), _predictions(7, patients=18), draws=10, **TWO)
