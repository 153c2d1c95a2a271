"""Calibrators against scikit-learn, against made-up miscalibration, and in the order that they keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from bench.scores.calibration import COMPRESSED_FROM, Temperature, fit_calibrator, log_odds


class Passthrough(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classifier that returns its input as probabilities."""

    def fit(self, X: Any, y: Any) -> Passthrough:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return X.argmax(axis=1)

    def predict_proba(self, X: Any) -> Any:
        return X


def _drawn(n: int, n_classes: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are `sharpness` times the true ones, and labels drawn from the true ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes))
    true = softmax(logits, axis=1)
    labels = (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    return softmax(sharpness * logits, axis=1), labels


@pytest.mark.filterwarnings("ignore:Since FrozenEstimator:UserWarning")
def test_the_temperature_is_that_of_scikit_learn() -> None:
    p, labels = _drawn(500, 3, sharpness=3.0)
    weights = np.random.default_rng(1).uniform(0.1, 1, 500)
    ours = fit_calibrator("temperature", p, labels, weights, positive=0)
    peer = CalibratedClassifierCV(FrozenEstimator(Passthrough().fit(p, labels)), method="temperature", ensemble=False)
    peer.fit(p, labels, sample_weight=weights)
    assert isinstance(ours, Temperature)
    assert ours(p) == pytest.approx(peer.predict_proba(p), abs=1e-5)


@pytest.mark.parametrize("sharpness", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_recovers_a_known_temperature(n_classes: int, sharpness: float) -> None:
    """Logits that are s times too steep need the temperature s; the standard error of its log is below 2 %."""
    p, labels = _drawn(20_000, n_classes, sharpness)
    result = fit_calibrator("temperature", p, labels, np.ones(len(p)), positive=0)
    assert isinstance(result, Temperature)
    assert result.temperature == pytest.approx(sharpness, rel=0.06)


def test_the_sigmoid_is_the_logistic_regression_on_the_log_odds() -> None:
    """With many patients Platt's targets are 0 and 1 nearly."""
    p, labels = _drawn(20_000, 2, sharpness=2.0)
    result = fit_calibrator("sigmoid", p, labels, np.ones(len(p)), positive=1)
    model = LogisticRegression(C=np.inf).fit(logit(p[:, [1]]), labels)
    inside = np.abs(logit(p[:, 1])) < COMPRESSED_FROM
    assert inside.mean() > 0.99
    assert result(p)[inside] == pytest.approx(model.predict_proba(logit(p[inside][:, [1]])), abs=2e-3)
    # The true sigmoid has slope 1/2 and no intercept.
    assert result(p)[inside, 1] == pytest.approx(expit(logit(p[inside, 1]) / 2), abs=0.02)


@pytest.mark.parametrize("kind", ["sigmoid", "temperature"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_log_loss_falls_and_rows_sum_to_one(kind: str, n_classes: int) -> None:
    p, labels = _drawn(2000, n_classes, sharpness=4.0)
    fresh, truth = _drawn(2000, n_classes, sharpness=4.0, seed=1)
    result = fit_calibrator(kind, p, labels, np.ones(len(p)), positive=0)(fresh)
    assert result.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert result.min() >= 0
    assert log_loss(truth, result) < 0.8 * log_loss(truth, fresh)


@pytest.mark.parametrize("kind", ["sigmoid", "temperature"])
@pytest.mark.parametrize("sign", [1, -1])
def test_two_classes_keep_their_order_even_where_the_scores_are_wrong_way_round(kind: str, sign: int) -> None:
    p, labels = _drawn(300, 2, sharpness=float(sign))
    result = fit_calibrator(kind, p, labels, np.ones(300), positive=1)(p)
    assert np.all(np.diff(result[np.argsort(p[:, 1]), 1]) > 0)


def test_every_patient_counts_once() -> None:
    """A patient whose cells are copied nine times leaves the map as it is."""
    p, labels = _drawn(60, 2, sharpness=2.0)
    times = np.where(np.arange(60) == 7, 9, 1)
    for kind in ("sigmoid", "temperature"):
        plain = fit_calibrator(kind, p, labels, np.ones(60), positive=1)(p)
        copied = fit_calibrator(
            kind, np.repeat(p, times, axis=0), np.repeat(labels, times), np.repeat(1 / times, times), positive=1
        )(p)
        assert copied == pytest.approx(plain, abs=1e-6)


def test_constant_probabilities_become_the_share_of_the_class() -> None:
    """Platt's targets: 30 of 40 positive give (30 * 31/32 + 10 * 1/12) / 40."""
    p = np.full((40, 2), 0.5)
    labels = (np.arange(40) < 30).astype(np.intp)
    result = fit_calibrator("sigmoid", p, labels, np.ones(40), positive=1)(p)
    assert result[:, 1] == pytest.approx((30 * 31 / 32 + 10 / 12) / 40)
    assert fit_calibrator("temperature", p, labels, np.ones(40), positive=1)(p) == pytest.approx(p)


def test_scores_of_a_prior_that_differs_between_folds_are_calibrated_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    """Three folds, whose scores are lower where there are more positives: the maximum is at a slope below 0."""
    p = np.repeat([0.5, 0.45, 0.55], 20)
    labels = np.concatenate([np.arange(20) < n for n in (10, 13, 7)]).astype(np.intp)
    result = fit_calibrator("sigmoid", np.stack([1 - p, p], axis=1), labels, np.ones(60), positive=1)
    assert result(np.array([[0.55, 0.45], [0.45, 0.55]]))[:, 1] == pytest.approx(0.5, abs=0.005)
    assert not recwarn.list


def test_none_changes_nothing() -> None:
    p, labels = _drawn(10, 2, 1.0)
    assert fit_calibrator("none", p, labels, np.ones(10), positive=1)(p) is p


def test_log_odds_rise_everywhere_and_hold_zero_and_one() -> None:
    values = np.array([0.0, 1e-12, 1e-9, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1 - 1e-9, 1 - 1e-13, 1.0])
    result = log_odds(np.stack([1 - values, values], axis=1), 1)
    assert np.all(np.diff(result[1:-1]) > 0)
    assert np.abs(result).max() < COMPRESSED_FROM + 0.02
    assert result[4:7] == pytest.approx(logit(values[4:7]))


def test_zeros_and_ones_of_a_forest_do_not_rule_the_fit() -> None:
    """Ten per cent of the cells have probability 0 or 1, and 90 % of these are right: no calibrated one is near 1."""
    p, labels = _drawn(2000, 2, sharpness=1.0)
    p[:200] = np.eye(2)[np.where(np.arange(200) < 180, labels[:200], 1 - labels[:200])]
    result = fit_calibrator("sigmoid", p, labels, np.ones(2000), positive=1)(p)
    assert result.max() < 0.999
    assert log_loss(labels, result) < log_loss(labels, p)
