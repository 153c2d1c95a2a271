"""Metrics by the definitions of publications: against scikit-learn, printed tables and simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from bench.errors import BenchError
from bench.scores.published_metrics import METRICS, published_estimate, published_gap, published_metric

CLASSES = {"classes": ["ALL", "HEM"], "positive": "ALL"}


def predictions(
    labels: Any, probabilities: Any, units: Any = None, *, threshold: float = 0.5, fold: Any = 0
) -> pd.DataFrame:
    p = np.asarray(probabilities, dtype=np.float64)
    units = np.arange(len(p)).astype(str) if units is None else np.asarray(units)
    columns = {"cell": np.arange(len(p)).astype(str), "unit": units, "patient": units, "label": np.asarray(labels)}
    return pd.DataFrame({**columns, "repeat": 0, "fold": fold, "threshold": threshold, "p_ALL": p, "p_HEM": 1 - p})


def counted(hits: int, misses: int, false: int, right: int) -> pd.DataFrame:
    """Predictions with the counts of a confusion matrix; its class 1 is HEM."""
    labels = ["HEM"] * (hits + misses) + ["ALL"] * (false + right)
    p_hem = [0.9] * hits + [0.1] * misses + [0.9] * false + [0.1] * right
    return predictions(labels, 1 - np.array(p_hem))


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(300) < 0.6, "ALL", "HEM")
    p = np.clip(rng.normal(np.where(labels == "ALL", 0.6, 0.4), 0.25), 0, 1)
    return predictions(labels, p, rng.integers(0, 40, 300).astype(str))


EXPECTED = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "weighted_f1": lambda y, d: reference.f1_score(y, d, average="weighted"),
    "macro_f1": lambda y, d: reference.f1_score(y, d, average="macro"),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_the_values_are_those_of_scikit_learn(table: pd.DataFrame, name: str, threshold: float) -> None:
    decided = np.where(table["p_ALL"] >= threshold, "ALL", "HEM")
    ours = published_estimate(table, published_metric(name, {"threshold": threshold}), **CLASSES)
    assert ours.value == pytest.approx(EXPECTED[name](table["label"], decided))
    assert ours.low < ours.value < ours.high


@pytest.mark.parametrize(("of", "label"), [("positive", "ALL"), ("negative", "HEM")])
def test_the_values_of_a_class_are_those_of_scikit_learn(table: pd.DataFrame, of: str, label: str) -> None:
    y, decided = table["label"], np.where(table["p_ALL"] >= 0.5, "ALL", "HEM")
    values = {
        "precision": reference.precision_score(y, decided, pos_label=label),
        "recall": reference.recall_score(y, decided, pos_label=label),
        "f1": reference.f1_score(y, decided, pos_label=label),
    }
    for name, expected in values.items():
        metric = published_metric(name, {"class": of, "threshold": 0.5})
        assert published_estimate(table, metric, **CLASSES).value == pytest.approx(expected), name
    for beta in (0.5, 2, 3):
        metric = published_metric("fbeta", {"class": of, "threshold": 0.5, "beta": beta})
        expected = reference.fbeta_score(y, decided, beta=beta, pos_label=label)
        assert published_estimate(table, metric, **CLASSES).value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("matrix", "accuracy", "fbeta"),
    [((1199, 177, 59, 1358), 0.9155, None), ((636, 65, 52, 1381), 0.945, None), ((673, 28, 27, 1406), 0.974, 0.960)],
    ids=["AlexNet, best epoch", "SqueezeNet", "weighted ResNet50"],
)
def test_printed_scores_follow_from_the_matrices_of_their_epochs(
    matrix: tuple[int, int, int, int], accuracy: float, fbeta: float | None
) -> None:
    # Confusion matrices that fit the printed tables; the class of F-beta is HEM, beta is 2.
    table = counted(*matrix)
    own = published_estimate(table, published_metric("accuracy", {"threshold": 0.5}), **CLASSES)
    assert own.value == pytest.approx(accuracy, abs=0.0006)
    if fbeta is not None:
        metric = published_metric("fbeta", {"class": "negative", "beta": 2, "threshold": 0.5})
        assert published_estimate(table, metric, **CLASSES).value == pytest.approx(fbeta, abs=0.0006)


def test_precision_and_recall_of_both_classes_fit_one_matrix() -> None:
    # 608 ALL of which 556 are right, 326 HEM of which 235 are: printed as 0.86, 0.91, 0.82, 0.72 and accuracy 0.85.
    table = counted(235, 91, 52, 556)
    printed = {("precision", "positive"): 0.86, ("recall", "positive"): 0.91, ("precision", "negative"): 0.82}
    printed |= {("recall", "negative"): 0.72, ("f1", "positive"): 0.89, ("f1", "negative"): 0.77}
    for (name, of), value in printed.items():
        metric = published_metric(name, {"class": of, "threshold": 0.5})
        assert published_estimate(table, metric, **CLASSES).value == pytest.approx(value, abs=0.006), (name, of)
    accuracy = published_metric("accuracy", {"threshold": 0.5})
    assert published_estimate(table, accuracy, **CLASSES).value == pytest.approx(0.847, abs=0.0006)


def test_a_class_that_is_never_predicted_has_precision_0() -> None:
    table = predictions(["ALL", "ALL", "HEM", "HEM"], [0.9] * 4)
    for name in ("precision", "f1", "fbeta"):
        metric = published_metric(name, {"class": "negative", "threshold": 0.5})
        assert published_estimate(table, metric, **CLASSES).value == 0


def test_without_a_threshold_that_of_the_fold_decides(table: pd.DataFrame) -> None:
    strict = table.assign(threshold=0.8)
    decided = np.where(table["p_ALL"] >= 0.8, "ALL", "HEM")
    value = published_estimate(strict, published_metric("accuracy", {}), **CLASSES).value
    assert value == pytest.approx(reference.accuracy_score(table["label"], decided))


def test_at_the_level_of_patients_each_patient_has_weight_1() -> None:
    labels = ["ALL"] * 9 + ["ALL"] + ["HEM"] * 2
    table = predictions(labels, [0.9] * 9 + [0.1] + [0.1, 0.1], ["a"] * 9 + ["b"] + ["c", "c"])
    value = published_estimate(table, published_metric("accuracy", {"level": "patient"}), **CLASSES).value
    assert value == pytest.approx((1 + 0 + 1) / 3)


def test_the_gap_of_equal_tables_is_0_without_an_interval(table: pd.DataFrame) -> None:
    gap = published_gap(table, table, published_metric("accuracy", {}), **CLASSES)
    assert gap.value == 0
    assert np.isnan(gap.low)


def test_the_gap_pairs_patients_of_both_tables(table: pd.DataFrame) -> None:
    noisy = table.assign(p_ALL=1 - table["p_HEM"].to_numpy() * 0.97, p_HEM=table["p_HEM"] * 0.97)
    other = noisy.assign(unit="x" + noisy["unit"])
    metric = published_metric("accuracy", {})
    paired, unpaired = (published_gap(table, one, metric, **CLASSES) for one in (noisy, other))
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_the_interval_of_a_gap_of_other_patients_is_that_of_independent_scores() -> None:
    rng = np.random.default_rng(1)

    def scored(share: float, start: int) -> pd.DataFrame:
        labels = np.repeat(["ALL", "HEM"], 200)
        right = rng.random(400) < share
        return predictions(
            labels, np.where((labels == "ALL") == right, 0.9, 0.1), np.arange(start, start + 400).astype(str)
        )

    first, second = scored(0.9, 0), scored(0.7, 400)
    gap = published_gap(first, second, published_metric("accuracy", {}), **CLASSES)
    shares = [np.mean((t["p_ALL"] > 0.5) == (t["label"] == "ALL")) for t in (first, second)]
    error = np.sqrt(sum(p * (1 - p) / 400 for p in shares))
    assert gap.value == pytest.approx(shares[0] - shares[1])
    assert (gap.high - gap.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_a_patient_with_other_labels_in_the_other_table_is_refused(table: pd.DataFrame) -> None:
    pure = table.assign(unit=table["label"] + table["unit"])
    swapped = pure.assign(label=pure["label"].map({"ALL": "HEM", "HEM": "ALL"}))
    with pytest.raises(BenchError, match="other labels in the other table"):
        published_gap(pure, swapped, published_metric("accuracy", {}), **CLASSES)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("accurancy", {}, "metric 'accurancy' is not known"),
        ("accuracy", {"treshold": 1}, "no parameter 'treshold'"),
        ("f1", {"class": "ALL"}, "class is one of positive, negative"),
        ("fbeta", {"beta": -1}, "beta=-1 is not a number"),
        ("accuracy", {"threshold": "half"}, "threshold=half is not a number"),
        ("accuracy", {"threshold": 2}, "threshold=2 is not a number from 0 to 1"),
        ("accuracy", {"level": "image"}, "level one of cell, patient"),
    ],
)
def test_an_invalid_metric_is_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        published_metric(name, params)


def test_every_metric_has_a_value(table: pd.DataFrame) -> None:
    for name in METRICS:
        assert 0 <= published_estimate(table, published_metric(name, {}), **CLASSES).value <= 1
