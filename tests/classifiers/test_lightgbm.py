"""LightGBM compared with the library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from classifiers.lightgbm import LightGBM


@pytest.mark.parametrize("classes", [(4, 9), (4, 9, 6)])
def test_it_equals_the_library_with_balanced_weights(classes: tuple[int, ...], planted: Any) -> None:
    data = planted(classes, signal=1.0)
    data.X[::3, 1] = np.nan
    same = {"n_estimators": 15, "learning_rate": 0.2, "num_leaves": 7, "min_child_samples": 10, "max_depth": 3}
    same |= {"subsample": 1.0, "colsample_bytree": 1.0, "reg_lambda": 3.0}
    theirs = LGBMClassifier(**same, class_weight="balanced", n_jobs=1, verbosity=-1).fit(data.X, data.y)
    ours = LightGBM(**same, balance="cells").fit(data.X, data.y, data.groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probabilities = ours.predict_proba(data.X)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(data.X), atol=1e-9)


def test_too_few_cells_give_the_balanced_prior() -> None:
    X = np.arange(10.0)[:, None]
    fitted = LightGBM(n_estimators=3, subsample=1.0).fit(X, [0] * 7 + [1] * 3)
    np.testing.assert_allclose(fitted.predict_proba(X), 0.5, atol=1e-9)


def test_importances_are_shares_of_the_total_gain(planted: Any) -> None:
    data = planted((6, 6, 6), features=9, signal=1.5)
    fitted = LightGBM(n_estimators=8, random_state=0).fit(data.X, data.y, data.groups)
    splits = fitted.model_.booster_.trees_to_dataframe().dropna(subset=["split_feature"])
    gains = splits.groupby("split_feature")["split_gain"].sum().reindex([f"Column_{i}" for i in range(9)], fill_value=0)
    np.testing.assert_allclose(fitted.feature_importances_, gains / gains.sum(), rtol=1e-5)
    assert fitted.feature_importances_[:2].sum() > 0.5, "2 of 9 features are informative"
    assert fitted.feature_importances_.sum() == pytest.approx(1.0, abs=1e-12)


def test_importances_without_splits_are_zero(planted: Any) -> None:
    data = planted()
    fitted = LightGBM(n_estimators=3, min_child_samples=1000).fit(data.X, data.y)
    np.testing.assert_array_equal(fitted.feature_importances_, np.zeros(6))
