"""Metrics of publications against scikit-learn, printed scores, and their text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from bench.errors import BenchError
from bench.scores.metrics import score
from bench.scores.published_metrics import NAMES, PublishedMetric, parse_published_metric, score_published

COLUMNS = ["value", "low", "high", "repeat_sd", "method", "n"]


def _of_matrix(hit: int, missed: int, false: int, right: int, *, labels: tuple[str, str]) -> pd.DataFrame:
    """Return cells with a confusion matrix of the first class: hit, missed, falsely decided for it; 50 patients."""
    counts = (hit, missed, false, right)
    label = np.repeat([labels[0], labels[0], labels[1], labels[1]], counts)
    p = np.repeat([0.9, 0.2, 0.8, 0.1], counts)
    unit = [f"{name}{number % 25}" for number, name in enumerate(label)]
    table = pd.DataFrame({"unit": unit, "label": label, "repeat": 0, "fold": 0})
    return table.assign(**{f"p_{labels[0]}": p, f"p_{labels[1]}": 1 - p})


def _values(table: pd.DataFrame, *metrics: str, positive: str = "ALL") -> list[float]:
    scored = score_published(table, metrics, classes=["ALL", "HEM"], positive=positive, draws=20)
    return list(scored["value"])


@pytest.mark.parametrize(
    ("matrix", "accuracy", "beta", "fbeta"),
    [
        # IIT Indore 2019: validation accuracies as printed, of matrices that were recovered from them (class 1 = HEM).
        ((1167, 209, 39, 1378), 0.911, 2, None),  # AlexNet, last epoch
        ((1199, 177, 59, 1358), 0.9155, 2, None),  # AlexNet, best epoch
        ((636, 65, 52, 1381), 0.945, 2, None),  # SqueezeNet
        ((673, 28, 27, 1406), 0.974, 2, 0.960),  # ResNet50 with weighted classes
    ],
)
def test_printed_scores_of_iiti_2019(
    matrix: tuple[int, int, int, int], accuracy: float, beta: int, fbeta: float | None
) -> None:
    table = _of_matrix(*matrix, labels=("HEM", "ALL"))
    spec = f"fbeta[class=HEM,beta={beta},threshold=0.5]"
    value, of_hem, of_all = _values(table, "accuracy[threshold=0.5]", spec, spec.replace("HEM", "ALL"))
    assert value == pytest.approx(accuracy, abs=5e-4)
    decided = np.where(table["p_HEM"] > 0.5, "HEM", "ALL")
    expected = [sk.fbeta_score(table["label"], decided, beta=beta, pos_label=name) for name in ("HEM", "ALL")]
    assert [of_hem, of_all] == pytest.approx(expected)
    assert fbeta is None or of_hem == pytest.approx(fbeta, abs=5e-4)
    hit, missed, false, _ = matrix
    assert of_hem == pytest.approx(5 * hit / (5 * hit + 4 * missed + false))


def test_printed_scores_of_somu() -> None:
    """934 cells: 556 of 608 ALL and about 235 of 326 HEM are right; the table prints two decimals."""
    table = _of_matrix(556, 52, 91, 235, labels=("ALL", "HEM"))
    names = [f"{name}[class={side},threshold=0.5]" for side in ("ALL", "HEM") for name in ("precision", "recall", "f1")]
    values = _values(table, "accuracy[threshold=0.5]", *names)
    assert values[0] == pytest.approx(0.847, abs=5e-4)
    assert np.round(values[1:], 2).tolist() == [0.86, 0.91, 0.89, 0.82, 0.72, 0.77]


def _random(seed: int = 0, repeats: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tables = []
    for repeat in range(repeats):
        size = rng.integers(2, 9, 30)
        unit = np.repeat(np.arange(30), size)
        label = np.where(unit % 3 == 0, "HEM", "ALL")
        p = rng.beta(2, 2, len(unit)) * 0.7 + 0.25 * (label == "ALL")
        table = pd.DataFrame({"unit": [f"u{u:02d}" for u in unit], "label": label, "repeat": repeat, "fold": unit % 2})
        tables.append(
            table.assign(threshold=np.where(unit % 2, 0.45, 0.6), patient_threshold=0.55, p_ALL=p, p_HEM=1 - p)
        )
    return pd.concat(tables, ignore_index=True)


def _reference(table: pd.DataFrame, decided: Any) -> dict[str, float]:
    y = table["label"]
    return {
        "accuracy": sk.accuracy_score(y, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(y, decided),
        "weighted_f1": sk.f1_score(y, decided, average="weighted"),
        "macro_f1": sk.f1_score(y, decided, average="macro"),
        "weighted_precision": sk.precision_score(y, decided, average="weighted"),
        "macro_precision": sk.precision_score(y, decided, average="macro"),
        "mcc": sk.matthews_corrcoef(y, decided),
        "sensitivity": sk.recall_score(y, decided, pos_label="ALL"),
        "specificity": sk.recall_score(y, decided, pos_label="HEM"),
        **{
            f"{name}[class={side}]": function(y, decided, pos_label=side)
            for side in ("ALL", "HEM")
            for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
        },
        **{
            f"fbeta[class={side},beta={beta}]": sk.fbeta_score(y, decided, beta=beta, pos_label=side)
            for side in ("ALL", "HEM")
            for beta in (0.5, 2, 3)
        },
    }


@pytest.mark.parametrize("threshold", [None, 0.5, 0.3])
def test_decisions_equal_scikit_learn(threshold: float | None) -> None:
    table = _random()
    limit = table["threshold"] if threshold is None else threshold
    expected = _reference(table, np.where(table["p_ALL"] >= limit, "ALL", "HEM"))
    texts = {name: name for name in expected}
    if threshold is not None:
        texts = {
            name: f"{name[:-1]},threshold={threshold}]" if "[" in name else f"{name}[threshold={threshold}]"
            for name in expected
        }
    assert _values(table, *texts.values()) == pytest.approx(list(expected.values()))


def test_probabilities_equal_scikit_learn() -> None:
    table = _random().assign(fold=0)
    y, p = table["label"] == "ALL", table["p_ALL"]
    expected = [sk.roc_auc_score(y, p), sk.average_precision_score(y, p), sk.brier_score_loss(y, p), sk.log_loss(y, p)]
    assert _values(table, "auroc", "auprc", "brier", "log_loss") == pytest.approx(expected)
    # They need no threshold.
    assert _values(table.drop(columns=["threshold", "patient_threshold"]), "auroc")[0] == pytest.approx(expected[0])


def test_cells_weighted_by_patient_and_decisions_for_patients() -> None:
    table = _random()
    weights = 1 / table.groupby("unit")["unit"].transform("size")
    decided = np.where(table["p_ALL"] >= 0.5, "ALL", "HEM")
    per_cell, weighted, patients = _values(
        table, *(f"fbeta[class=HEM,beta=2,threshold=0.5,level={level}]" for level in ("cell", "patient", "per_patient"))
    )
    options: dict[str, Any] = {"beta": 2, "pos_label": "HEM"}
    assert per_cell == pytest.approx(sk.fbeta_score(table["label"], decided, **options))
    assert weighted == pytest.approx(sk.fbeta_score(table["label"], decided, sample_weight=weights, **options))
    means = table.groupby("unit").agg({"p_ALL": "mean", "label": "first"})
    of_patients = np.where(means["p_ALL"] >= 0.5, "ALL", "HEM")
    assert patients == pytest.approx(sk.fbeta_score(means["label"], of_patients, **options))


def test_the_positive_class_is_the_default_and_words_name_both() -> None:
    table = _random()
    for positive, negative in (("ALL", "HEM"), ("HEM", "ALL")):
        for default, named in (
            ("recall", f"recall[class={positive}]"),
            ("recall[class=negative]", f"recall[class={negative}]"),
            ("fbeta[beta=2,class=positive]", f"fbeta[beta=2,class={positive}]"),
            ("sensitivity", f"recall[class={positive}]"),
            ("specificity", f"recall[class={negative}]"),
        ):
            one, other = _values(table, f"{default}", named, positive=positive)
            assert one == other


def test_metrics_of_the_leaderboard_have_its_values_and_intervals() -> None:
    table = _random(repeats=2)
    options: dict[str, Any] = {"classes": ["ALL", "HEM"], "positive": "ALL", "draws": 200, "seed": 3}
    board = score(table, **options).set_index("metric")
    names = {
        "auroc[level=patient]": "auroc_patient",
        "accuracy[level=per_patient]": "accuracy_per_patient",
        "recall[class=HEM,level=patient]": "specificity_patient",
        "weighted_f1": "weighted_f1_cell",
        "mcc": "mcc_cell",
    }
    published = score_published(table, list(names), **options)
    assert published["metric"].tolist() == list(names)
    expected = board.loc[list(names.values()), COLUMNS].reset_index(drop=True)
    pd.testing.assert_frame_equal(published[COLUMNS], expected)


def test_an_interval_is_the_patient_bootstrap_at_the_threshold() -> None:
    table = _random()
    options: dict[str, Any] = {"classes": ["ALL", "HEM"], "positive": "ALL", "draws": 300}
    f1, f2 = score_published(
        table, ["f1[class=ALL,threshold=0.5]", "fbeta[class=ALL,beta=1,threshold=0.5]"], **options
    ).to_dict("records")
    assert f1["method"] == "patient bootstrap"
    assert f1["low"] < f1["value"] < f1["high"]
    assert [f1[name] for name in COLUMNS[:3]] == [f2[name] for name in COLUMNS[:3]]
    rng = np.random.default_rng(0)
    rows = {unit: part for unit, part in table.groupby("unit")}
    by_class = [[u for u in rows if rows[u]["label"].iloc[0] == name] for name in ("ALL", "HEM")]
    drawn = []
    for _ in range(300):
        sample = pd.concat([rows[u] for side in by_class for u in rng.choice(side, len(side))])
        drawn.append(sk.f1_score(sample["label"] == "ALL", sample["p_ALL"] >= 0.5))
    assert [f1["low"], f1["high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_a_class_that_is_never_predicted_has_precision_and_fbeta_zero() -> None:
    table = _random().assign(p_ALL=0.9, p_HEM=0.1)
    values = _values(
        table, "precision[class=HEM]", "fbeta[class=HEM,beta=2]", "weighted_precision", "recall[class=HEM]"
    )
    share = np.mean(table["label"] == "ALL")
    assert values == pytest.approx([0, 0, share**2, 0])


def test_more_than_two_classes() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 120)
    label = np.array(["a", "b", "c"])[rng.integers(0, 3, 120)]
    table = pd.DataFrame({"unit": [f"u{i // 2}" for i in range(120)], "label": label, "repeat": 0, "fold": 0})
    table = table.assign(threshold=np.nan, p_a=p[:, 0], p_b=p[:, 1], p_c=p[:, 2])
    decided = np.array(["a", "b", "c"])[p.argmax(axis=1)]
    options: dict[str, Any] = {"classes": ["a", "b", "c"], "positive": None, "draws": 20}
    texts = ["recall[class=b]", "fbeta[class=c,beta=2]", "accuracy", "weighted_precision"]
    expected = [
        sk.recall_score(label, decided, labels=["b"], average=None)[0],
        sk.fbeta_score(label, decided, beta=2, labels=["c"], average=None)[0],
        sk.accuracy_score(label, decided),
        sk.precision_score(label, decided, average="weighted"),
    ]
    assert list(score_published(table, texts, **options)["value"]) == pytest.approx(expected)
    for text, message in (
        ("accuracy[threshold=0.5]", r"accuracy\[threshold=0.5\]: a threshold is for two classes; of 3 classes"),
        ("recall", r"recall: needs a class; write recall\[class=...\] with one of a, b, c"),
        ("f1[class=positive]", r"f1\[class=positive\]: positive is not a class"),
        ("sensitivity", r"sensitivity is for two classes; write recall\[class=...\]"),
    ):
        with pytest.raises(BenchError, match=f"^{message}"):
            score_published(table, [text], **options)


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("accuracy", PublishedMetric("accuracy")),
        ("accuracy[threshold=chosen,level=cell]", PublishedMetric("accuracy")),
        ("fbeta[class=HEM,beta=2,threshold=0.5]", PublishedMetric("fbeta", "HEM", 2.0, 0.5)),
        ("auroc[level=patient]", PublishedMetric("auroc", level="patient")),
        ("recall[class=1]", PublishedMetric("recall", "1")),
    ],
)
def test_the_text_of_a_metric(text: str, metric: PublishedMetric) -> None:
    parsed = parse_published_metric(text)
    assert parsed == metric
    assert parse_published_metric(str(parsed)) == parsed


def test_the_text_has_the_parameters_that_differ_from_their_defaults() -> None:
    assert str(PublishedMetric("fbeta", "HEM", 2.0, 0.5)) == "fbeta[class=HEM,beta=2,threshold=0.5]"
    assert str(parse_published_metric("weighted_f1[level=cell]")) == "weighted_f1"
    assert all(str(parse_published_metric(name)) == name for name in NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acuracy", "no metric is called 'acuracy'. Did you mean accuracy"),
        ("accuracy[class=HEM]", "accuracy has no parameter 'class'"),
        ("auroc[threshold=0.5]", "auroc has no parameter 'threshold'"),
        ("f1[beta=2]", "f1 has no parameter 'beta'"),
        ("fbeta[beta=0]", r"fbeta\[beta=0\]: beta=0 is not valid; it is a number above 0"),
        ("accuracy[threshold=1.5]", r".*: threshold=1.5 is not valid; it is a number between 0 and 1, or chosen"),
        ("accuracy[level=image]", ".*: level=image is not known; it is one of cell, patient, per_patient"),
    ],
)
def test_a_wrong_metric_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"^{message}"):
        parse_published_metric(text)


def test_a_class_that_does_not_exist_and_missing_thresholds_are_refused() -> None:
    table = _random()
    with pytest.raises(BenchError, match=r"^f1\[class=HME\]: HME is not a class. Did you mean HEM"):
        _values(table, "f1[class=HME]")
    with pytest.raises(BenchError, match=r"^accuracy: the predictions have no thresholds; write one, as in accuracy\["):
        _values(table.drop(columns="threshold"), "accuracy")
