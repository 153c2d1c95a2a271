"""Scores against closed forms and scikit-learn, patient by patient."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)
from statsmodels.stats.proportion import proportion_confint

from bench.errors import BenchError
from bench.scores.metrics import AUPRC_DRAWS, METRICS, PRIMARY, score, score_draws, weighted_auroc
from bench.scores.predictions import read_predictions


def _predictions(
    labels: list[str] | np.ndarray, units: list[str] | np.ndarray, p: np.ndarray, **more: object
) -> pd.DataFrame:
    columns = {
        "unit": units,
        "label": labels,
        "repeat": 0,
        "fold": 0,
        "threshold": 0.5,
        "patient_threshold": 0.5,
        **more,
    }
    return pd.DataFrame({**columns, "p_neg": 1 - p, "p_pos": p})


def _score(predictions: pd.DataFrame, draws: int = 50, **more: object) -> dict[str, float]:
    table = score(predictions, classes=["neg", "pos"], positive="pos", draws=draws, **more)  # type: ignore[arg-type]
    return dict(zip(table["metric"], table["value"], strict=True))


def _random(seed: int, patients: int = 12, folds: int = 1) -> pd.DataFrame:
    """Patients of one class each, one to six cells, scores in steps of 0.1 so that ties occur."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 7, patients)
    unit = np.repeat([f"u{i:02d}" for i in range(patients)], size)
    label = np.repeat(np.where(np.arange(patients) % 2, "pos", "neg"), size)
    fold = np.repeat(np.arange(patients) // 2 % folds, size)
    p = np.round(rng.random(len(unit)) * 0.7 + 0.3 * (label == "pos"), 1)
    return _predictions(label, unit, p, fold=fold, threshold=rng.choice([0.4, 0.6], folds)[fold])


def _weights(predictions: pd.DataFrame) -> np.ndarray:
    return 1 / predictions.groupby("unit")["unit"].transform("size").to_numpy()


EXAMPLE = _predictions(
    ["pos"] * 4 + ["neg"] * 3,
    ["a", "a", "b", "b", "c", "c", "d"],
    np.array([0.8, 0.6, 0.55, 0.9, 0.5, 0.7, 0.1]),
)
"""EVALUATION 12: DeLong's example with patients {.8,.6}, {.55,.9}, {.5,.7}, {.1}."""


def test_the_example_by_hand() -> None:
    result = _score(EXAMPLE)
    assert result[PRIMARY] == 7 / 8
    assert result["auroc_cell"] == pytest.approx(5 / 6)
    # Patients: .7 and .725 against .6 and .1.
    assert result["auroc_per_patient"] == 1
    alone = weighted_auroc(
        EXAMPLE["p_pos"].to_numpy(), (EXAMPLE["label"] == "pos").to_numpy(), EXAMPLE["unit"].to_numpy()
    )
    assert alone == pytest.approx(7 / 8)


def test_more_cells_of_a_patient_change_nothing_at_patient_level() -> None:
    copied = pd.concat([EXAMPLE, *[EXAMPLE[EXAMPLE["unit"] == "c"]] * 8], ignore_index=True)
    assert _score(copied)[PRIMARY] == 7 / 8
    for name in ("balanced_accuracy_patient", "sensitivity_patient", "specificity_patient"):
        assert _score(copied)[name] == _score(EXAMPLE)[name]
    assert _score(copied)["accuracy_cell"] != _score(EXAMPLE)["accuracy_cell"]


def _sklearn(truth: np.ndarray, p: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """The metrics of two classes by scikit-learn."""
    options = {"sample_weight": weights}
    return {
        "auroc": roc_auc_score(truth, p, **options),
        "auprc": average_precision_score(truth, p, **options),
        "balanced_accuracy": balanced_accuracy_score(truth, decided, **options),
        "sensitivity": recall_score(truth, decided, **options),
        "specificity": recall_score(truth, decided, pos_label=0, **options),
        "macro_f1": f1_score(truth, decided, average="macro", **options),
        "weighted_f1": f1_score(truth, decided, average="weighted", **options),
        "mcc": matthews_corrcoef(truth, decided, **options),
        "accuracy": accuracy_score(truth, decided, **options),
        "brier": brier_score_loss(truth, p, **options),
        "log_loss": log_loss(truth, p, **options),
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_within_one_fold_the_scores_are_those_of_scikit_learn_with_weights(seed: int) -> None:
    predictions = _random(seed)
    truth, p = (predictions["label"] == "pos").to_numpy().astype(int), predictions["p_pos"].to_numpy()
    decided = (p >= predictions["threshold"]).to_numpy().astype(int)
    patients = predictions.groupby("unit").agg({"p_pos": "mean", "label": "first", "patient_threshold": "first"})
    score_of = np.round(patients["p_pos"].to_numpy(), 12)
    levels = {
        "cell": _sklearn(truth, p, decided, np.ones(len(p))),
        "patient": _sklearn(truth, p, decided, _weights(predictions)),
        "per_patient": _sklearn(
            (patients["label"] == "pos").to_numpy().astype(int),
            score_of,
            (score_of >= patients["patient_threshold"]).to_numpy().astype(int),
            np.ones(len(patients)),
        ),
    }
    result = _score(predictions, draws=5)
    expected = {f"{name}_{level}": value for level, values in levels.items() for name, value in values.items()}
    assert set(result) - set(expected) == {"ece_patient"}
    assert result == pytest.approx(
        {"ece_patient": result["ece_patient"]} | {n: expected[n] for n in set(result) & set(expected)}, abs=1e-12
    )


def test_patients_with_cells_of_both_classes_are_weighed_as_in_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    unit, label = rng.choice([f"u{i}" for i in range(7)], 80), rng.choice(["neg", "pos"], 80)
    predictions = _predictions(label, unit, rng.random(80))
    weights = _weights(predictions)
    expected = roc_auc_score(label == "pos", predictions["p_pos"], sample_weight=weights)
    assert _score(predictions)[PRIMARY] == pytest.approx(expected, abs=1e-12)


def test_pairs_of_patients_that_two_models_predicted_do_not_count() -> None:
    """Each fold is perfect; the second model's scores lie all below those of the first."""
    predictions = _predictions(
        ["pos", "neg", "pos", "neg"], list("abcd"), np.array([0.9, 0.8, 0.2, 0.1]), fold=[0, 0, 1, 1]
    )
    assert _score(predictions)[PRIMARY] == 1
    pooled = roc_auc_score(predictions["label"] == "pos", predictions["p_pos"])
    assert pooled == 0.75
    assert _score(predictions.assign(fold=0))[PRIMARY] == 0.75


def test_within_fold_pairs_are_weighed_by_pairs_of_patients() -> None:
    """AUROC = w'(H * S)v / w'Sv: a fold counts by its pairs of patients, not as one."""
    predictions = _random(5, patients=30, folds=4)
    predictions = predictions[~((predictions["fold"] == 0) & (predictions["unit"] > "u20"))].reset_index(drop=True)
    value, pairs = 0.0, 0
    for _, part in predictions.groupby("fold"):
        positive, negative = (part.loc[part["label"] == c, "unit"].nunique() for c in ("pos", "neg"))
        each = roc_auc_score(part["label"] == "pos", part["p_pos"], sample_weight=_weights(part))
        value, pairs = value + positive * negative * each, pairs + positive * negative
    assert _score(predictions)[PRIMARY] == pytest.approx(value / pairs, abs=1e-12)


def test_the_threshold_of_each_row_decides_and_is_inclusive() -> None:
    predictions = _predictions(
        ["pos", "pos", "neg", "neg"], list("abcd"), np.array([0.3, 0.5, 0.5, 0.6]), threshold=[0.3, 0.6, 0.5, 0.7]
    )
    result = _score(predictions)
    assert (result["sensitivity_patient"], result["specificity_patient"]) == (0.5, 0.5)


def test_the_positive_class_may_be_either() -> None:
    predictions = _random(9)
    swapped = score(predictions.assign(threshold=0.55), classes=["neg", "pos"], positive="neg", draws=20)
    plain = score(predictions.assign(threshold=0.45), classes=["neg", "pos"], positive="pos", draws=20)
    one, other = (dict(zip(t["metric"], t["value"], strict=True)) for t in (swapped, plain))
    assert one["auroc_patient"] == pytest.approx(other["auroc_patient"], abs=1e-12)
    assert one["sensitivity_patient"] == pytest.approx(other["specificity_patient"], abs=1e-12)


@pytest.mark.parametrize("cells", [(68, 32), (7272, 3389)])
def test_weighted_f1_of_a_constant(cells: tuple[int, int]) -> None:
    """EVALUATION 12: 2 pi^2 / (1 + pi); .5532 on the training prevalence of C-NMC."""
    pi = cells[0] / sum(cells)
    label = np.repeat(["pos", "neg"], cells)
    predictions = _predictions(label, np.where(label == "pos", "a", "b"), np.full(len(label), 0.9))
    result = _score(predictions, draws=2)
    assert result["weighted_f1_cell"] == pytest.approx(2 * pi**2 / (1 + pi), abs=1e-12)
    assert result["balanced_accuracy_patient"] == 0.5
    assert result["auroc_patient"] == 0.5


def test_several_classes_are_scored_one_against_the_rest() -> None:
    rng = np.random.default_rng(1)
    classes = ["a", "b", "c"]
    label = np.repeat(rng.choice(classes, 21), 4)
    unit = np.repeat([f"u{i}" for i in range(21)], 4)
    p = rng.dirichlet([1, 1, 1], len(label)) + 0.4 * np.eye(3)[np.searchsorted(classes, label)]
    p /= p.sum(axis=1, keepdims=True)
    table = pd.DataFrame({"unit": unit, "label": label, "repeat": 0, "fold": 0, "threshold": np.nan})
    table[["p_a", "p_b", "p_c"]] = p
    result = score(table, classes=classes, positive=None, draws=20).set_index("metric")["value"]
    weights, decided = _weights(table), np.array(classes)[p.argmax(axis=1)]
    assert set(result.index) == {name for name, metric in METRICS.items() if not metric.binary}
    codes = np.searchsorted(classes, label)
    for level, w in (("patient", weights), ("cell", np.ones(len(p)))):
        expected = {
            "auroc": roc_auc_score(label, p, multi_class="ovr", average="macro", sample_weight=w),
            "auprc": average_precision_score(np.eye(3)[codes], p, average="macro", sample_weight=w),
            "balanced_accuracy": balanced_accuracy_score(label, decided, sample_weight=w),
            "macro_f1": f1_score(label, decided, average="macro", sample_weight=w),
            "weighted_f1": f1_score(label, decided, average="weighted", sample_weight=w),
            "mcc": matthews_corrcoef(label, decided, sample_weight=w),
            "accuracy": accuracy_score(label, decided, sample_weight=w),
            "brier": brier_score_loss(label, p, labels=classes, sample_weight=w),
            "log_loss": log_loss(label, p, labels=classes, sample_weight=w),
        }
        for name, value in expected.items():
            if f"{name}_{level}" in METRICS:
                assert result[f"{name}_{level}"] == pytest.approx(value, abs=1e-12), name
    patients = table.groupby("unit").agg({"p_a": "mean", "p_b": "mean", "p_c": "mean", "label": "first"})
    scores, truth = patients[["p_a", "p_b", "p_c"]].to_numpy(), patients["label"].to_numpy()
    assert result["auroc_per_patient"] == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr"), abs=1e-12)
    assert result["accuracy_per_patient"] == pytest.approx((np.array(classes)[scores.argmax(axis=1)] == truth).mean())
    # Top label: how far the share of right ones lies from the mean largest probability, bin by bin.
    top, right = p.max(axis=1), decided == label
    bins = np.minimum((top * 10).astype(int), 9)
    gaps = [abs((weights * (right - top))[bins == k].sum()) for k in range(10)]
    assert result["ece_patient"] == pytest.approx(sum(gaps) / weights.sum(), abs=1e-12)


def test_repeats_are_averaged_after_scoring() -> None:
    one, two = _random(1), _random(2)
    two = one.assign(p_pos=np.round(1 - one["p_pos"], 1), p_neg=one["p_pos"], repeat=1)
    both = score(pd.concat([one, two]), classes=["neg", "pos"], positive="pos", draws=200)
    first, second = _score(one), _score(two.assign(repeat=0))
    values = both.set_index("metric")["value"]
    spread = both.set_index("metric")["repeat_sd"]
    for name in METRICS:
        assert values[name] == pytest.approx((first[name] + second[name]) / 2, abs=1e-12, nan_ok=True)
        assert spread[name] == pytest.approx(abs(first[name] - second[name]) / np.sqrt(2), abs=1e-12)
        assert np.isfinite(values[name])
    # The repeats mirror each other, so that their mean is 1/2 in every draw alike: an interval would have no width.
    line = both.set_index("metric").loc[PRIMARY]
    assert np.isnan([line["low"], line["high"]]).all()
    assert line["method"] == "none, because all draws of patients have the same score"
    alone = score(one, classes=["neg", "pos"], positive="pos", draws=20)
    assert alone["repeat_sd"].isna().all()


def test_the_draws_are_those_of_a_plain_bootstrap_of_patients() -> None:
    predictions = _random(11, patients=16)
    result = score(predictions, classes=["neg", "pos"], positive="pos", draws=4000, seed=5).set_index("metric")
    rng = np.random.default_rng(0)
    positive = (predictions["label"] == "pos").to_numpy()
    unit, weights = predictions["unit"].to_numpy(), _weights(predictions)
    difference = np.subtract.outer(*(predictions["p_pos"].to_numpy()[side] for side in (positive, ~positive)))
    concordant = (difference > 0) + (difference == 0) / 2
    values = []
    for _ in range(2000):
        drawn = np.concatenate([rng.choice(u, len(u)) for u in (np.unique(unit[positive]), np.unique(unit[~positive]))])
        drawn_weights = weights * (unit[:, None] == drawn).sum(axis=1)
        values.append(drawn_weights[positive] @ concordant @ drawn_weights[~positive] / 64)
    low, high = np.quantile(values, [0.025, 0.975])
    read = read_predictions(predictions, classes=["neg", "pos"], positive="pos")
    drawn = score_draws(read, [METRICS[PRIMARY]], read.draw(4000, 5))[PRIMARY]
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([low, high], abs=0.02)
    assert (result["value"] <= result["high"]).all()
    # The calibration error is biased upward, and more so where the same patients are drawn again.
    assert (result["low"] <= result["value"]).drop("ece_patient").all()


def test_patients_are_drawn_within_their_class_unless_some_have_cells_of_both() -> None:
    """Every positive cell is right and every negative one wrong: drawn within classes, the accuracy cannot vary."""
    predictions = _predictions(["pos"] * 8 + ["neg"] * 8, np.repeat(list("abcdefgh"), 2), np.full(16, 0.9))
    options = {"classes": ["neg", "pos"], "positive": "pos", "draws": 300}
    apart = score(predictions, **options).set_index("metric").loc["accuracy_cell"]  # type: ignore[arg-type]
    assert (apart["low"], apart["high"]) == (0.5, 0.5)
    mixed = predictions.assign(label=["pos"] * 7 + ["neg"] * 9)
    together = score(mixed, **options).set_index("metric").loc["accuracy_cell"]  # type: ignore[arg-type]
    assert together["low"] < 0.3
    assert together["high"] > 0.6


def test_one_seed_gives_one_interval() -> None:
    options = {"classes": ["neg", "pos"], "positive": "pos", "draws": 300}
    one, again, other = (score(_random(4, patients=30), seed=seed, **options) for seed in (1, 1, 2))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_probabilities_that_are_not_finite_are_an_error_that_names_the_cell(value: float) -> None:
    broken = EXAMPLE.assign(cell=[f"c{i}" for i in range(7)], repeat=3, fold=2)
    broken.loc[[2, 5], "p_pos"] = value
    with pytest.raises(BenchError, match=rf"not finite: p_pos is {value} of cell c2 \(repeat 3, fold 2\), and 1 more"):
        _score(broken)


def test_probabilities_that_do_not_sum_to_one_are_an_error_that_names_the_cell() -> None:
    broken = EXAMPLE.copy()
    broken.loc[4, "p_neg"] += 0.01
    with pytest.raises(BenchError, match=r"do not sum to 1: p_neg \+ p_pos is 1.01 of row 4 \(repeat 0, fold 0\)"):
        _score(broken)
    broken.loc[4, ["p_neg", "p_pos"]] = [1.2, -0.2]
    with pytest.raises(BenchError, match=r"outside 0 to 1: p_neg is 1.2 of row 4"):
        _score(broken)


def test_float32_rounding_is_no_error() -> None:
    rounded = EXAMPLE.assign(p_pos=EXAMPLE["p_pos"].astype(np.float32), p_neg=EXAMPLE["p_neg"].astype(np.float32))
    assert _score(rounded)[PRIMARY] == 7 / 8


def test_tables_that_lack_something_are_an_error_that_names_it() -> None:
    with pytest.raises(BenchError, match="no threshold: that of row 0"):
        _score(EXAMPLE.assign(threshold=np.nan))
    for column in ("unit", "label", "fold", "threshold", "p_neg"):
        with pytest.raises(BenchError, match=f"no column '{column}'"):
            _score(EXAMPLE.drop(columns=column))
    with pytest.raises(BenchError, match="no cell"):
        _score(EXAMPLE.iloc[:0])
    with pytest.raises(BenchError, match="the label maybe; the classes are neg, pos"):
        _score(EXAMPLE.assign(label="maybe"))


def test_constant_scores_have_an_auroc_of_one_half_exactly() -> None:
    predictions = _random(3, patients=29, folds=3).assign(p_pos=0.3, p_neg=0.7)
    table = score(predictions, classes=["neg", "pos"], positive="pos", draws=200).set_index("metric")
    for name in ("auroc_patient", "auroc_cell", "auroc_per_patient"):
        assert list(table.loc[name, ["value", "low", "high"]]) == [0.5, 0.5, 0.5]
    assert table.loc["mcc_patient", "value"] == 0


def test_average_precision_is_the_mean_of_the_folds() -> None:
    predictions = _random(8, patients=30, folds=3)
    parts = [part for _, part in predictions.groupby("fold")]
    expected = np.mean([average_precision_score(p["label"] == "pos", p["p_pos"]) for p in parts])
    assert _score(predictions)["auprc_cell"] == pytest.approx(expected, abs=1e-12)
    # A fold of one class has none; it does not count.
    lone = predictions[(predictions["fold"] != 0) | (predictions["label"] == "pos")]
    expected = np.mean([average_precision_score(p["label"] == "pos", p["p_pos"]) for p in parts[1:]])
    assert _score(lone)["auprc_cell"] == pytest.approx(expected, abs=1e-12)


def test_losses_and_counts_are_pooled_over_the_folds() -> None:
    predictions = _random(8, patients=30, folds=3)
    truth, p = (predictions["label"] == "pos").to_numpy(), predictions["p_pos"].to_numpy()
    result = _score(predictions)
    assert result["brier_cell"] == pytest.approx(brier_score_loss(truth, p), abs=1e-12)
    assert result["log_loss_patient"] == pytest.approx(
        log_loss(truth, p, sample_weight=_weights(predictions)), abs=1e-12
    )
    assert result["mcc_cell"] == pytest.approx(matthews_corrcoef(truth, p >= predictions["threshold"]), abs=1e-12)


def test_calibration_error_by_hand() -> None:
    """EVALUATION 12: [.95, 1.0], [1, 0] gives .475, and .525 where 1.0 falls into a bin of its own."""
    predictions = _predictions(["pos", "neg"], list("ab"), np.array([0.95, 1.0]))
    assert _score(predictions, draws=2)["ece_patient"] == pytest.approx(0.475)
    # Ten cells of ten patients: two bins of five, 0.12 with no positive and 0.82 with four of five.
    p = np.array([0.12] * 5 + [0.82] * 5)
    predictions = _predictions(["neg"] * 5 + ["pos"] * 4 + ["neg"], list("abcdefghij"), p)
    assert _score(predictions, draws=2)["ece_patient"] == pytest.approx((0.12 + 0.02) / 2)


def test_calibration_error_is_that_of_the_calibration_curve() -> None:
    """scikit-learn's curve has no weights: one cell a patient."""
    rng = np.random.default_rng(2)
    p = rng.random(400)
    label = np.where(rng.random(400) < p**2, "pos", "neg")
    right, mean = calibration_curve(label == "pos", p, n_bins=10)
    share = np.histogram(p, bins=np.linspace(0, 1, 11))[0] / 400
    result = _score(_predictions(label, [f"u{i}" for i in range(400)], p), draws=2)
    assert result["ece_patient"] == pytest.approx((share * abs(right - mean)).sum(), abs=1e-12)


def test_brier_and_log_loss_of_the_prior() -> None:
    """EVALUATION 12: pi (1 - pi) = .21684 and .62527 at pi = 7272 / 10661."""
    pi = 7272 / 10661
    label = np.repeat(["pos", "neg"], [7272, 3389])
    predictions = _predictions(label, np.where(label == "pos", "a", "b"), np.full(len(label), pi))
    result = _score(predictions, draws=2)
    assert result["brier_cell"] == pytest.approx(0.21684, abs=5e-6)
    assert result["log_loss_cell"] == pytest.approx(0.62527, abs=5e-6)


def test_matthews_correlation_by_hand() -> None:
    """EVALUATION 12: TN 40, FP 10, FN 20, TP 30 gives 1 / sqrt(6)."""
    label = np.repeat(["neg", "neg", "pos", "pos"], [40, 10, 20, 30])
    p = np.repeat([0.1, 0.9, 0.1, 0.9], [40, 10, 20, 30])
    result = _score(_predictions(label, np.where(label == "pos", "a", "b"), p), draws=2)
    assert result["mcc_cell"] == pytest.approx(1 / np.sqrt(6))


def test_patient_accuracy_has_wilsons_interval() -> None:
    """EVALUATION 12: 25 of 28 gives (.72804, .96288)."""
    label = np.array(["pos"] * 13 + ["neg"] * 15)
    p = np.where(label == "pos", 0.9, 0.1)
    p[[0, 1, 20]] = 1 - p[[0, 1, 20]]
    table = score(
        _predictions(label, [f"u{i:02d}" for i in range(28)], p), classes=["neg", "pos"], positive="pos", draws=20
    ).set_index("metric")
    line = table.loc["accuracy_per_patient"]
    assert line["value"] == pytest.approx(25 / 28)
    assert (line["low"], line["high"]) == pytest.approx((0.72804, 0.96288), abs=5e-6)
    assert (line["method"], table.loc[PRIMARY, "method"]) == ("Wilson", "U-statistic, logit")
    assert (line["n"], table.loc[PRIMARY, "n"]) == (28, 0)
    for name, right, n in (("sensitivity_per_patient", 11, 13), ("specificity_per_patient", 14, 15)):
        assert table.loc[name, "value"] == pytest.approx(right / n)
        assert table.loc[name, "n"] == n
        assert list(table.loc[name, ["low", "high"]]) == pytest.approx(proportion_confint(right, n, method="wilson"))


@pytest.mark.parametrize("aggregate", ["mean", "logit", "share"])
def test_the_patients_score_follows_the_rule(aggregate: str) -> None:
    """Patient a: .9 .4 .4, patient b: .5 .5 .5, patient c: .6 .6 .1, at the threshold .5."""
    p = np.array([0.9, 0.4, 0.4, 0.5, 0.5, 0.5, 0.6, 0.6, 0.1])
    predictions = _predictions(["pos"] * 3 + ["neg"] * 3 + ["pos"] * 3, list("aaabbbccc"), p)
    result = _score(predictions, aggregate=aggregate)
    # mean: .567 .5 .433; mean log-odds: .462 0 -.462; share: 1/3 1 2/3.
    assert result["auroc_per_patient"] == {"mean": 0.5, "logit": 0.5, "share": 0.0}[aggregate]
    assert result["sensitivity_per_patient"] == 0.5
    assert result["specificity_per_patient"] == 0


def test_the_threshold_of_patients_is_theirs() -> None:
    predictions = _random(6, patients=20, folds=2)
    low, high = (_score(predictions.assign(patient_threshold=t)) for t in (0.0, 1.1))
    assert (low["sensitivity_per_patient"], low["specificity_per_patient"]) == (1, 0)
    assert (high["sensitivity_per_patient"], high["specificity_per_patient"]) == (0, 1)
    assert low["sensitivity_patient"] == high["sensitivity_patient"]
    undecided = _score(predictions.drop(columns="patient_threshold"))
    assert np.isnan(undecided["accuracy_per_patient"])
    assert undecided["auroc_per_patient"] == low["auroc_per_patient"]


def test_patients_of_both_classes_or_of_several_models_have_no_score_of_their_own() -> None:
    mixed = _random(2)
    mixed.loc[mixed["unit"] == mixed["unit"].mode()[0], "label"] = ["pos"] + ["neg"] * (
        mixed["unit"].value_counts().iloc[0] - 1
    )
    torn = _random(2).assign(fold=lambda t: np.arange(len(t)) % 2)
    for predictions in (mixed, torn):
        table = score(predictions, classes=["neg", "pos"], positive="pos", draws=50).set_index("metric")
        of_patients = [name for name, metric in METRICS.items() if metric.level == "per_patient"]
        assert table.loc[of_patients, ["value", "low", "high"]].isna().all(axis=None)
        assert table.drop(of_patients)[["value", "low", "high"]].notna().all(axis=None)


def test_leave_one_patient_out_has_no_auroc_and_the_rest_stands() -> None:
    predictions = _random(4)
    alone = predictions.assign(fold=pd.factorize(predictions["unit"])[0])
    table = score(alone, classes=["neg", "pos"], positive="pos", draws=50).set_index("metric")
    undefined = [n for n in METRICS if n.startswith(("auroc", "auprc"))]
    assert table.loc[undefined, ["value", "low", "high"]].isna().all(axis=None)
    together = score(predictions, classes=["neg", "pos"], positive="pos", draws=50).set_index("metric")
    pd.testing.assert_frame_equal(table.drop(undefined), together.drop(undefined))


def test_draws_that_lack_a_class_are_left_out() -> None:
    """One mixed patient sets the others free to be drawn from one bag: of 4 units, all but one hold one class."""
    predictions = _predictions(["neg", "pos", "neg", "neg", "neg"], list("aabcd"), np.array([0.1, 0.9, 0.2, 0.3, 0.4]))
    read = read_predictions(predictions, classes=["neg", "pos"], positive="pos")
    draws = np.array([[1.0, 1, 1, 1], [0, 2, 1, 1]])
    result = score_draws(read, METRICS.values(), draws)
    assert all(np.isnan(values[1]) for values in result.values())
    assert result["accuracy_cell"][0] == 1
    drawn = score_draws(read, [METRICS[PRIMARY]], read.draw(500, 0))[PRIMARY]
    assert set(drawn[np.isfinite(drawn)]) == {1.0}


def test_every_draw_is_the_score_of_the_drawn_patients() -> None:
    """A patient drawn twice is two patients, one drawn never is none; each metric, on a table rewritten that way."""
    predictions = pd.concat([_random(3, patients=14, folds=2), _random(3, patients=14, folds=2).assign(repeat=1)])
    rng = np.random.default_rng(0)
    predictions["p_pos"] = rng.random(len(predictions))
    predictions["p_neg"] = 1 - predictions["p_pos"]
    read = read_predictions(predictions, classes=["neg", "pos"], positive="pos")
    draws = read.draw(8, 1)
    result = score_draws(read, METRICS.values(), draws)
    for d, counts in enumerate(draws):
        copies = [
            predictions[predictions["unit"] == unit].assign(unit=f"{unit}-{copy}")
            for unit, n in zip(read.units, counts, strict=True)
            for copy in range(int(n))
        ]
        expected = _score(pd.concat(copies), draws=1)
        assert {name: values[d] for name, values in result.items()} == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_interval_of_an_auprc_takes_the_first_of_the_draws() -> None:
    predictions = _random(7, patients=24)
    read = read_predictions(predictions, classes=["neg", "pos"], positive="pos")
    result = score_draws(read, METRICS.values(), read.draw(AUPRC_DRAWS + 500, 0))
    assert {len(values) for values in result.values()} == {AUPRC_DRAWS, AUPRC_DRAWS + 500}
    few = score_draws(read, [METRICS["auprc_patient"]], read.draw(AUPRC_DRAWS + 500, 0)[:AUPRC_DRAWS])
    assert result["auprc_patient"] == pytest.approx(few["auprc_patient"], abs=1e-15)


def test_the_auroc_of_patients_has_the_interval_of_the_u_statistic() -> None:
    """EVALUATION 12: AUROC 7/8, variance 1/64; 2 + 2 patients, so that Student's quantile has 1 degree of freedom."""
    line = score(EXAMPLE, classes=["neg", "pos"], positive="pos", draws=50).set_index("metric").loc[PRIMARY]
    assert (line["value"], line["method"]) == (7 / 8, "U-statistic, logit, approximate")
    half = student.ppf(0.975, 1) / 8 / (7 / 64)
    expected = [1 / (1 + np.exp(-(np.log(7) + sign * half))) for sign in (-1, 1)]
    assert [line["low"], line["high"]] == pytest.approx(expected, abs=1e-12)


def test_each_metric_has_a_level_and_a_definition() -> None:
    for name, metric in METRICS.items():
        assert name.endswith(metric.level)
        assert metric.meaning.endswith(".")
        assert ", " in metric.title
    assert next(iter(METRICS)) == PRIMARY


def _cohort(cells: int, patients: tuple[int, int], folds: int, repeats: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = sum(patients)
    unit = np.sort(rng.integers(0, n, cells))
    parts = []
    for repeat in range(repeats):
        fold = rng.permutation(n) % folds
        p = 1 / (1 + np.exp(-rng.normal(size=cells) - rng.normal(size=n)[unit] - (unit < patients[0])))
        label = np.where(unit < patients[0], "pos", "neg")
        names = np.array([f"u{i:02d}" for i in range(n)])[unit]
        parts.append(_predictions(label, names, p, fold=fold[unit], repeat=repeat))
    return pd.concat(parts, ignore_index=True)


def test_ten_thousand_draws_of_28_patients_take_less_than_a_second() -> None:
    """All metrics together, in seconds of the processor, so that a busy machine passes; 0.06 s on a quiet one."""
    predictions = _cohort(1867, (13, 15), folds=1, repeats=1)
    start = time.process_time()
    score(predictions, classes=["neg", "pos"], positive="pos")
    assert time.process_time() - start < 1
