"""Scores against closed forms and scikit-learn, patient by patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score, roc_auc_score

from bench.errors import BenchError
from bench.metrics import METRICS, PRIMARY, score, weighted_auroc


def _predictions(
    labels: list[str] | np.ndarray, units: list[str] | np.ndarray, p: np.ndarray, **more: object
) -> pd.DataFrame:
    columns = {"unit": units, "label": labels, "repeat": 0, "fold": 0, "threshold": 0.5, **more}
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
    assert _score(EXAMPLE)[PRIMARY] == 7 / 8
    assert (
        weighted_auroc(EXAMPLE["p_pos"].to_numpy(), (EXAMPLE["label"] == "pos").to_numpy(), EXAMPLE["unit"].to_numpy())
        == 7 / 8
    )


def test_more_cells_of_a_patient_change_nothing_at_patient_level() -> None:
    copied = pd.concat([EXAMPLE, *[EXAMPLE[EXAMPLE["unit"] == "c"]] * 8], ignore_index=True)
    assert _score(copied)[PRIMARY] == 7 / 8
    for name in ("balanced_accuracy_patient", "sensitivity_patient", "specificity_patient"):
        assert _score(copied)[name] == _score(EXAMPLE)[name]
    assert _score(copied)["accuracy_cell"] != _score(EXAMPLE)["accuracy_cell"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_within_one_fold_the_scores_are_those_of_scikit_learn_with_weights(seed: int) -> None:
    predictions = _random(seed)
    weights, label = _weights(predictions), predictions["label"]
    decided = np.where(predictions["p_pos"] >= predictions["threshold"], "pos", "neg")
    expected = {
        "auroc_patient": roc_auc_score(label == "pos", predictions["p_pos"], sample_weight=weights),
        "balanced_accuracy_patient": balanced_accuracy_score(label, decided, sample_weight=weights),
        "sensitivity_patient": recall_score(label, decided, pos_label="pos", sample_weight=weights),
        "specificity_patient": recall_score(label, decided, pos_label="neg", sample_weight=weights),
        "weighted_f1_cell": f1_score(label, decided, average="weighted", zero_division=0),
        "accuracy_cell": accuracy_score(label, decided),
    }
    found = _score(predictions, draws=5)
    assert set(found) == set(expected) == set(METRICS)
    assert found == pytest.approx(expected, abs=1e-12)


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
    found = _score(predictions)
    assert (found["sensitivity_patient"], found["specificity_patient"]) == (0.5, 0.5)


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
    found = _score(predictions, draws=2)
    assert found["weighted_f1_cell"] == pytest.approx(2 * pi**2 / (1 + pi), abs=1e-12)
    assert found["balanced_accuracy_patient"] == 0.5
    assert found["auroc_patient"] == 0.5


def test_several_classes_are_scored_one_against_the_rest() -> None:
    rng = np.random.default_rng(1)
    classes = ["a", "b", "c"]
    label = np.repeat(rng.choice(classes, 21), 4)
    unit = np.repeat([f"u{i}" for i in range(21)], 4)
    p = rng.dirichlet([1, 1, 1], len(label)) + 0.4 * np.eye(3)[np.searchsorted(classes, label)]
    p /= p.sum(axis=1, keepdims=True)
    table = pd.DataFrame({"unit": unit, "label": label, "repeat": 0, "fold": 0, "threshold": np.nan})
    table[["p_a", "p_b", "p_c"]] = p
    found = score(table, classes=classes, positive=None, draws=20).set_index("metric")["value"]
    weights, decided = _weights(table), np.array(classes)[p.argmax(axis=1)]
    assert set(found.index) == {
        "auroc_patient", "balanced_accuracy_patient", "weighted_f1_cell", "accuracy_cell"
    }  # fmt: skip
    assert found["auroc_patient"] == pytest.approx(
        roc_auc_score(label, p, multi_class="ovr", average="macro", sample_weight=weights), abs=1e-12
    )
    assert found["balanced_accuracy_patient"] == pytest.approx(
        balanced_accuracy_score(label, decided, sample_weight=weights), abs=1e-12
    )
    assert found["weighted_f1_cell"] == pytest.approx(f1_score(label, decided, average="weighted"), abs=1e-12)


def test_repeats_are_averaged_after_scoring() -> None:
    one, two = _random(1), _random(2)
    two = one.assign(p_pos=np.round(1 - one["p_pos"], 1), p_neg=one["p_pos"], repeat=1)
    both = score(pd.concat([one, two]), classes=["neg", "pos"], positive="pos", draws=200)
    first, second = _score(one), _score(two.assign(repeat=0))
    values = both.set_index("metric")["value"]
    spread = both.set_index("metric")["repeat_sd"]
    for name in METRICS:
        assert values[name] == pytest.approx((first[name] + second[name]) / 2, abs=1e-12)
        assert spread[name] == pytest.approx(abs(first[name] - second[name]) / np.sqrt(2), abs=1e-12)
    # The repeats mirror each other, so that their mean is 1/2 in every draw alike.
    assert list(both.set_index("metric").loc[PRIMARY, ["low", "high"]]) == pytest.approx([0.5, 0.5], abs=1e-12)
    alone = score(one, classes=["neg", "pos"], positive="pos", draws=20)
    assert alone["repeat_sd"].isna().all()


def test_the_interval_is_that_of_a_plain_bootstrap_of_patients() -> None:
    predictions = _random(11, patients=16)
    found = score(predictions, classes=["neg", "pos"], positive="pos", draws=4000, seed=5).set_index("metric")
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
    assert found.loc[PRIMARY, "low"] == pytest.approx(low, abs=0.02)
    assert found.loc[PRIMARY, "high"] == pytest.approx(high, abs=0.02)
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()


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
def test_probabilities_that_are_not_finite_are_an_error(value: float) -> None:
    broken = EXAMPLE.copy()
    broken.loc[2, "p_pos"] = value
    with pytest.raises(BenchError, match="not finite"):
        _score(broken)


def test_two_classes_without_a_threshold_are_an_error() -> None:
    with pytest.raises(BenchError, match="no threshold"):
        _score(EXAMPLE.assign(threshold=np.nan))
