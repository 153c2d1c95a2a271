"""Intervals of scores at the end of their range, and of the AUROC of patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.scores.intervals import interval_text
from bench.scores.metrics import METRICS, PRIMARY, score
from bench.statistics.auroc import kernel_of, logit_interval, patient_weighted

AT_LIMIT = "one-sided bound of a score at its limit"


def _table(positive: int, negative: int, *, cells: int = 2, folds: int = 1, repeats: int = 1) -> pd.DataFrame:
    """Return cells that are separated without error: 0.9 and 0.1."""
    rows = [
        (f"{label}{u:02d}", label, repeat, (u + repeat) % folds, 0.9 if label == "pos" else 0.1)
        for repeat in range(repeats)
        for label, n in (("pos", positive), ("neg", negative))
        for u in range(n)
        for _ in range(cells)
    ]
    table = pd.DataFrame(rows, columns=["unit", "label", "repeat", "fold", "p_pos"])
    return table.assign(p_neg=1 - table["p_pos"], threshold=0.5, patient_threshold=0.5)


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    return score(table, classes=["neg", "pos"], positive="pos", draws=200).set_index("metric")


@pytest.mark.parametrize(("folds", "repeats"), [(1, 1), (5, 1), (5, 3)])
def test_perfect_scores_have_the_bound_of_their_independent_units(folds: int, repeats: int) -> None:
    """10 + 15 patients: .05 ** (1 / n) with n pairs, patients of a class, all patients, or twice the rarer class."""
    scores = _scores(_table(10, 15, folds=folds, repeats=repeats))
    units = {"auroc_patient": 10, "auroc_per_patient": 10, "sensitivity_patient": 10, "specificity_patient": 15}
    units |= {"accuracy_patient": 25, "balanced_accuracy_patient": 20, "balanced_accuracy_per_patient": 20}
    for name, n in units.items():
        line = scores.loc[name]
        assert (line["value"], line["high"], line["method"]) == (1, 1, AT_LIMIT), name
        assert line["low"] == pytest.approx(0.05 ** (1 / n)), name
    assert scores.loc["sensitivity_per_patient", "low"] == pytest.approx(10 / (10 + 1.959964**2))  # Wilson


def test_a_patient_in_several_folds_is_one_unit() -> None:
    """As with a split by image: every patient has a cell in each of two folds."""
    table = _table(10, 15)
    spread = table.assign(fold=np.arange(len(table)) % 2)
    assert _scores(spread).loc["auroc_patient", "low"] == pytest.approx(0.05 ** (1 / 10))


def test_a_score_of_zero_has_an_upper_bound() -> None:
    table = _table(10, 15)
    scores = _scores(table.assign(p_pos=table["p_neg"], p_neg=table["p_pos"]))
    for name, n in (("auroc_patient", 10), ("specificity_patient", 15)):
        line = scores.loc[name]
        assert (line["value"], line["low"], line["method"]) == (0, 0, AT_LIMIT)
        assert line["high"] == pytest.approx(1 - 0.05 ** (1 / n))


def test_other_scores_at_their_limit_have_no_interval_and_the_reason() -> None:
    scores = _scores(_table(10, 15))
    for name in ("auprc_patient", "macro_f1_patient", "mcc_patient", "auroc_cell", "weighted_f1_cell", "accuracy_cell"):
        line = scores.loc[name]
        assert line["value"] == 1
        assert np.isnan([line["low"], line["high"]]).all()
        assert line["method"] == "none, because the score is at its limit, where no draw of patients varies"
    mixed = _table(10, 15).assign(unit=[f"u{i % 12}" for i in range(50)])
    assert _scores(mixed).loc[PRIMARY, "method"].startswith("none, because the score is at its limit")


def test_no_interval_has_width_zero_unless_predictions_are_constant() -> None:
    """2 + 2 patients of whom each has the share .5: an AUROC of .5 without any variance."""
    table = pd.DataFrame(
        {
            "unit": ["a", "a", "b", "b", "c", "d"], "label": ["pos"] * 4 + ["neg"] * 2, "repeat": 0, "fold": 0,
            "p_pos": [0.4, 0.8, 0.4, 0.8, 0.5, 0.5],
        }
    )  # fmt: skip
    table = table.assign(p_neg=1 - table["p_pos"], threshold=0.5, patient_threshold=0.5)
    line = _scores(table).loc[PRIMARY]
    assert (line["value"], line["method"]) == (0.5, "none, because all draws of patients have the same score")
    constant = _scores(table.assign(p_pos=0.6, p_neg=0.4)).loc[PRIMARY]
    assert list(constant[["value", "low", "high"]]) == [0.5, 0.5, 0.5]
    random = np.random.default_rng(0).uniform(0.1, 0.9, size=50)
    scores = _scores(_table(10, 15).assign(p_pos=random, p_neg=1 - random))
    assert (scores["low"] < scores["high"]).all()


@pytest.mark.parametrize(("patients", "approximate"), [((10, 12), False), ((9, 12), True), ((12, 9), True)])
def test_fewer_than_ten_patients_of_a_class_are_approximate(patients: tuple[int, int], approximate: bool) -> None:
    table = _table(*patients)
    p = np.random.default_rng(1).uniform(0.1, 0.9, size=len(table))
    methods = _scores(table.assign(p_pos=p, p_neg=1 - p))["method"]
    assert all(m.endswith(", approximate") == approximate for m in methods if m != "Wilson")


def test_one_model_has_the_logit_interval_with_students_quantile() -> None:
    table = _table(10, 15)
    p = np.random.default_rng(2).uniform(0.1, 0.9, size=len(table)).round(2)
    table = table.assign(p_pos=p, p_neg=1 - p)
    estimate = patient_weighted(kernel_of(p, table["label"] == "pos", table["unit"]))
    line = _scores(table).loc[PRIMARY]
    assert (line["low"], line["high"]) == pytest.approx(logit_interval(estimate, df=9), abs=1e-12)
    assert line["value"] == pytest.approx(estimate.auroc)


def test_missing_intervals_are_printed_as_such() -> None:
    assert interval_text(0.741, 1.0) == "0.74-1.00"
    assert interval_text(0.741, 1.0, form="[{:.2f}, {:.2f}]") == "[0.74, 1.00]"
    assert interval_text(float("nan"), float("nan")) == "(no interval)"


def test_every_metric_states_a_method_or_a_reason() -> None:
    scores = _scores(_table(10, 15))
    assert set(scores.index) == set(METRICS)
    missing = scores["low"].isna()
    assert scores.loc[missing, "method"].str.startswith("none, because").all()
    assert not scores.loc[~missing, "method"].str.startswith("none").any()
