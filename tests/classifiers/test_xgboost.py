"""XGBoost compared with the library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

from classifiers.xgboost import XGBoost


@pytest.mark.parametrize("classes", [(4, 9), (4, 9, 6)])
def test_it_equals_the_library_with_balanced_weights(classes: tuple[int, ...], planted: Any) -> None:
    data = planted(classes, signal=1.0)
    data.X[::3, 1] = np.nan
    same = {"n_estimators": 15, "learning_rate": 0.2, "max_depth": 3, "min_child_weight": 2.0, "gamma": 0.1}
    same |= {"subsample": 1.0, "colsample_bytree": 1.0, "reg_lambda": 3.0}
    theirs = XGBClassifier(**same, tree_method="hist", n_jobs=1)
    theirs.fit(data.X, data.y, sample_weight=compute_sample_weight("balanced", data.y))
    ours = XGBoost(**same, balance="cells").fit(data.X, data.y, data.groups)
    np.testing.assert_allclose(ours.predict_proba(data.X), theirs.predict_proba(data.X), atol=1e-6)


def test_threads_are_passed_to_the_library(planted: Any) -> None:
    data = planted()
    assert XGBoost(n_estimators=2).fit(data.X, data.y).model_.n_jobs == 1
    assert XGBoost(n_estimators=2, threads=2).fit(data.X, data.y).model_.n_jobs == 2


def test_importances_are_shares_of_the_total_gain(planted: Any) -> None:
    data = planted((6, 6, 6), features=9, signal=1.5)
    fitted = XGBoost(n_estimators=8, random_state=0).fit(data.X, data.y, data.groups)
    splits = fitted.model_.get_booster().trees_to_dataframe().query("Feature != 'Leaf'")
    gains = splits.groupby("Feature")["Gain"].sum().reindex([f"f{i}" for i in range(9)], fill_value=0.0)
    np.testing.assert_allclose(fitted.feature_importances_, gains / gains.sum(), rtol=1e-5)
    assert fitted.feature_importances_[:2].sum() > 0.5, "2 of 9 features are informative"
    assert fitted.feature_importances_.sum() == pytest.approx(1.0, abs=1e-12)


def test_importances_without_splits_are_zero(planted: Any) -> None:
    data = planted()
    fitted = XGBoost(n_estimators=3, min_child_weight=1e6).fit(data.X, data.y)
    np.testing.assert_array_equal(fitted.feature_importances_, np.zeros(6))


def test_importances_need_a_fit() -> None:
    assert not hasattr(XGBoost(), "feature_importances_")
