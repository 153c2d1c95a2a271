"""A fold's decision follows from the inner predictions of the training patients alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from bench.errors import BenchError
from bench.scores.aggregation import decide_cells, patient_scores
from bench.scores.calibration import fit_calibrator
from bench.scores.decisions import Decision, FittedDecision, Inner, fit_decision, label_of_units
from bench.scores.thresholds import choose_threshold, parse_threshold, patient_weights


def _inner(seed: int = 0, patients: int = 30, sharpness: float = 3.0, folds: int = 3) -> Inner:
    """Patients of one class each in inner folds; scores that are too sharp, with an effect of the patient."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 9, patients)
    unit = np.repeat(np.arange(patients), size)
    label = unit % 2
    d = sharpness * (rng.normal(size=len(unit)) + rng.normal(size=patients)[unit] + label - 0.5)
    p = expit(d)
    return Inner(np.stack([1 - p, p], axis=1), label, np.array([f"u{u:02d}" for u in unit]), unit // 2 % folds)


def decide(raw: np.ndarray, inner: Inner, decision: Decision, *, positive: int) -> SimpleNamespace:
    """Fit a decision on inner predictions and apply it to other cells."""
    fitted = fit_decision(inner, decision, positive=positive)
    return SimpleNamespace(probabilities=fitted.calibrator(raw), **vars(fitted))


RAW = np.stack([1 - np.linspace(0.05, 0.95, 10), np.linspace(0.05, 0.95, 10)], axis=1)


def test_default_threshold_is_balanced_without_calibration() -> None:
    inner = _inner()
    result = decide(RAW, inner, Decision(), positive=1)
    assert result.probabilities is RAW
    rule = parse_threshold("balanced")
    expected = choose_threshold(rule, inner.probabilities[:, 1], inner.labels == 1, patient_weights(inner.units))
    assert result.threshold == expected
    table = pd.DataFrame({"u": inner.units, "p": inner.probabilities[:, 1], "y": inner.labels})
    patients = table.groupby("u").agg({"p": "mean", "y": "first"})
    expected = choose_threshold(rule, patients["p"].to_numpy(), patients["y"].to_numpy() == 1, np.ones(len(patients)))
    assert result.patient_threshold == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("calibrate", ["sigmoid", "temperature"])
def test_thresholds_are_chosen_on_cross_calibrated_scores(calibrate: str) -> None:
    inner = _inner()
    result = decide(RAW, inner, Decision(calibrate, "sens@0.9", "mean"), positive=1)
    crossed = np.empty_like(inner.probabilities)
    for f in range(3):
        rest = inner.folds != f
        fit = fit_calibrator(
            calibrate, inner.probabilities[rest], inner.labels[rest], patient_weights(inner.units[rest]), positive=1
        )
        crossed[~rest] = fit(inner.probabilities[~rest])
    rule = parse_threshold("sens@0.9")
    weights = patient_weights(inner.units)
    assert result.threshold == choose_threshold(rule, crossed[:, 1], inner.labels == 1, weights)
    everything = fit_calibrator(calibrate, inner.probabilities, inner.labels, weights, positive=1)
    assert result.probabilities == pytest.approx(everything(RAW))
    assert result.threshold != choose_threshold(rule, everything(inner.probabilities)[:, 1], inner.labels == 1, weights)


@pytest.mark.parametrize("aggregate", ["mean", "logit", "share"])
def test_patient_threshold_is_chosen_on_patient_scores(aggregate: str) -> None:
    inner = _inner(3)
    result = decide(RAW, inner, Decision(threshold="spec@0.8", aggregate=aggregate), positive=1)
    units, unit_of = np.unique(inner.units, return_inverse=True)
    cells = decide_cells(inner.probabilities, result.threshold, 1)
    scores = patient_scores(aggregate, inner.probabilities, cells, unit_of, len(units))[:, 1]
    label = np.array([inner.labels[inner.units == u][0] for u in units])
    specificity = (scores[label == 0] < result.patient_threshold).mean()
    assert specificity >= 0.8
    assert (scores[label == 0] < np.nextafter(result.patient_threshold, 0)).mean() < 0.8


def test_requested_rate_is_reached_on_inner_patients() -> None:
    inner = _inner(1)
    for text in ("sens@0.95", "spec@0.90"):
        rule = parse_threshold(text)
        threshold = decide(RAW, inner, Decision(threshold=text), positive=1).threshold
        side = inner.labels == (1 if rule.kind == "sens" else 0)
        hit = (inner.probabilities[:, 1] >= threshold) == (inner.labels == 1)
        assert np.average(hit[side], weights=patient_weights(inner.units)[side]) >= rule.level


def test_a_fixed_threshold_stays_as_it_is_for_cells_and_patients() -> None:
    result = decide(RAW, _inner(), Decision("sigmoid", "0.5", "share"), positive=1)
    assert (result.threshold, result.patient_threshold) == (0.5, 0.5)


def test_the_positive_class_may_be_either() -> None:
    """The classes change places: the probabilities do too, and the thresholds are those of the mirrored scores."""
    inner = _inner(2)
    mirrored = Inner(inner.probabilities[:, ::-1], 1 - inner.labels, inner.units, inner.folds)
    for decision in (Decision("sigmoid", "sens@0.9"), Decision("temperature", "balanced", "logit")):
        one, other = decide(RAW, inner, decision, positive=1), decide(RAW[:, ::-1], mirrored, decision, positive=0)
        assert other.probabilities[:, ::-1] == pytest.approx(one.probabilities)
        assert other.threshold == pytest.approx(one.threshold)
        assert other.patient_threshold == pytest.approx(one.patient_threshold)


def test_calibration_corrects_overconfident_scores() -> None:
    """The truth is a sigmoid of a third of the log-odds, for cells of patients that are all alike."""
    rng = np.random.default_rng(0)
    n = 3000
    d = rng.normal(size=n) * 1.5
    labels = (rng.random(n) < expit(d)).astype(np.intp)
    p = expit(3 * d)
    inner = Inner(np.stack([1 - p, p], axis=1), labels, np.arange(n).astype(str), np.arange(n) % 3)
    for kind in ("sigmoid", "temperature"):
        result = decide(RAW, inner, Decision(kind, "0.5"), positive=1).probabilities[:, 1]
        assert result == pytest.approx(expit(logit(RAW[:, 1]) / 3), abs=0.03)


def test_patients_with_cells_of_both_classes_have_no_threshold_of_their_own() -> None:
    inner = _inner()
    labels = inner.labels.copy()
    labels[0] = 1 - labels[0]
    result = decide(RAW, Inner(inner.probabilities, labels, inner.units, inner.folds), Decision(), positive=1)
    assert np.isfinite(result.threshold)
    assert np.isnan(result.patient_threshold)


def test_more_than_two_classes_are_calibrated_and_have_no_threshold() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 90)
    inner = Inner(p, np.arange(90) % 3, (np.arange(90) // 2).astype(str), np.arange(90) // 30)
    result = decide(p, inner, Decision("temperature"), positive=0)
    assert not np.allclose(result.probabilities, p)
    assert np.isnan([result.threshold, result.patient_threshold]).all()


def test_calibration_needs_every_class_in_the_other_inner_folds() -> None:
    inner = _inner()
    lone = np.where((inner.folds == 0) & (inner.labels == 1), 1, 0)
    broken = Inner(inner.probabilities, lone, inner.units, inner.folds)
    with pytest.raises(BenchError, match=r"contains only 1 of 2; use fewer --inner-folds"):
        decide(RAW, broken, Decision("sigmoid"), positive=1)


@pytest.mark.parametrize("wrong", [{"calibrate": "isotonic"}, {"aggregate": "max"}, {"threshold": "youden"}], ids=str)
def test_invalid_decision_raises(wrong: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(wrong.values()))):
        Decision(**wrong)


def test_threshold_is_stored_in_canonical_form() -> None:
    assert Decision(threshold="sens@0.950") == Decision(threshold="sens@.95")


def test_table_stores_uncalibrated_probabilities() -> None:
    table = pd.DataFrame({"p_a": [0.2, 0.6], "p_b": [0.8, 0.4], "row": [5, 7]})
    raw, calibrated = table[["p_a", "p_b"]].to_numpy(), np.array([[0.3, 0.7], [0.5, 0.5]])
    decision = FittedDecision(lambda _: calibrated, calibrated=True, threshold=0.4, patient_threshold=0.45)
    result = decision.add_to(table, raw, ["a", "b"])
    assert result["raw_b"].tolist() == [0.8, 0.4]
    assert result["p_b"].tolist() == [0.7, 0.5]
    assert (result["threshold"][0], result["patient_threshold"][0]) == (0.4, 0.45)
    plain = replace(decision, calibrated=False).add_to(table, raw, ["a", "b"])
    assert list(plain) == ["p_a", "p_b", "row", "threshold", "patient_threshold"]


def test_the_label_of_each_unit() -> None:
    assert label_of_units(np.array([0, 0, 2]), np.array([1, 1, 0]), 3).tolist() == [1, -1, 0]  # type: ignore[union-attr]
    assert label_of_units(np.array([0, 0]), np.array([1, 0]), 1) is None
