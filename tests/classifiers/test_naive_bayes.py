"""Naive Bayes compared with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.naive_bayes import NaiveBayes


def test_it_equals_scikit_learn_with_empirical_or_equal_priors(planted: Any) -> None:
    data = planted((3, 9, 5), signal=1.0)
    for balance, priors in (("none", None), ("cells", [1 / 3, 1 / 3, 1 / 3])):
        theirs = make_pipeline(StandardScaler(), GaussianNB(priors=priors, var_smoothing=0.01)).fit(data.X, data.y)
        ours = NaiveBayes(var_smoothing=0.01, balance=balance).fit(data.X, data.y, data.groups)
        np.testing.assert_allclose(ours.predict_proba(data.X), theirs.predict_proba(data.X), atol=1e-12)


def test_the_mean_of_a_class_is_the_mean_of_its_patients() -> None:
    X = np.array([[0.0], [0.0], [0.0], [8.0], [9.0], [11.0]])
    fitted = NaiveBayes().fit(X, [0, 0, 0, 0, 1, 1], ["a", "a", "a", "b", "c", "c"])
    scaler = fitted.preparation_.named_steps["scale"]
    np.testing.assert_allclose(scaler.inverse_transform(fitted.model_.theta_), [[4.0], [10.0]])
    np.testing.assert_allclose(fitted.model_.class_prior_, [0.5, 0.5])


def test_probabilities_sum_to_one_for_very_narrow_classes() -> None:
    # Log-likelihoods of about -1e13 have a resolution of 2e-3, and so has the logarithm of their sum.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    fitted = NaiveBayes().fit(X, np.repeat([0, 1], 20), [f"p{i}" for i in range(40)])
    fitted.model_.theta_, fitted.model_.var_ = np.zeros((2, 3)), np.full((2, 3), 1e-13)
    raw = fitted.model_.predict_proba(fitted.preparation_.transform(X))
    assert np.abs(raw.sum(axis=1) - 1).max() > 1e-4
    np.testing.assert_allclose(fitted.predict_proba(X), 0.5, atol=1e-12)
