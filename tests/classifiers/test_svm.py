"""Splits, calibration and parameters of the support vector machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classifiers.inner_splits import patient_folds
from classifiers.rf_svm import RfSvm
from classifiers.svm import Svm

machines = pytest.mark.parametrize(
    "classifier", [Svm, lambda **k: RfSvm(n_estimators=10, random_state=0, **k)], ids=["Svm", "RfSvm"]
)


@machines
@pytest.mark.parametrize("classes", [2, 3])
def test_every_split_receives_groups_and_is_patient_disjoint(
    classifier: Any, classes: int, spy: Any, planted: Any
) -> None:
    data = planted((6,) * classes)
    fitted = classifier(cv=spy).fit(data.X, data.y, groups=data.groups)
    assert fitted.calibration_ == "out-of-fold"
    assert len(spy.groups) == 1
    np.testing.assert_array_equal(spy.groups[0], data.groups)
    assert len(spy.pairs) == 3
    assert not any(set(data.groups[a]) & set(data.groups[b]) for a, b in spy.pairs)


@machines
def test_without_groups_each_row_is_its_own_patient(classifier: Any, spy: Any, planted: Any) -> None:
    data = planted()
    classifier(cv=spy).fit(data.X, data.y)
    assert len(set(spy.groups[0])) == len(data.y)


@machines
def test_machines_are_fitted_on_training_rows_only(
    classifier: Any, spy: Any, planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = planted()
    numbered = np.column_stack([data.X, np.arange(len(data.y))])
    seen: list[tuple[int, ...]] = []
    prepare = type(classifier())._prepare

    def watched(self: Any, X: Any, codes: Any, weights: Any) -> Any:
        seen.append(tuple(X[:, -1].astype(int)))
        return prepare(self, X, codes, weights)

    monkeypatch.setattr(type(classifier()), "_prepare", watched)
    classifier(cv=spy).fit(numbered, data.y, data.groups)
    assert seen == [tuple(range(len(data.y))), *(tuple(train) for train, _ in spy.pairs)]


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_equal_scikit_learn_on_the_same_splits(classes: int, planted: Any) -> None:
    data = planted((6,) * classes, signal=1.0)
    pairs = patient_folds(data.y, data.groups)
    machine = SVC(C=2.0) if classes == 2 else OneVsRestClassifier(SVC(C=2.0))
    theirs = CalibratedClassifierCV(make_pipeline(StandardScaler(), machine), cv=pairs, ensemble=False)
    expected = theirs.fit(data.X, data.y).predict_proba(data.X)
    ours = Svm(C=2.0, balance="none", cv=pairs).fit(data.X, data.y).predict_proba(data.X)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_calibration_by_patient_is_less_overconfident_than_by_cell(planted: Any) -> None:
    losses = {"patients": [], "cells": []}
    for seed in range(5):
        data, unseen = (planted((8, 8), cells=12, signal=1.0, patient_sd=1.5, seed=s) for s in (seed, 100 + seed))
        for name, groups in (("patients", data.groups), ("cells", None)):
            fitted = Svm(gamma_factor=3.0, C=10.0).fit(data.X, data.y, groups)
            losses[name].append(log_loss(unseen.y, fitted.predict_proba(unseen.X)))
    assert np.mean(losses["patients"]) < np.mean(losses["cells"]) - 0.1


def test_platt_targets_depend_on_the_number_of_patients(planted: Any) -> None:
    # Platt's target for two positive patients is (2 + 1) / (2 + 2); for their 100 cells it would be 101 / 102.
    data = planted((2, 2), cells=50, signal=50.0, patient_sd=0.0)
    probabilities = Svm(kernel="linear").fit(data.X, data.y, data.groups).predict_proba(data.X)[:, 1]
    assert probabilities[data.y == 1].mean() == pytest.approx(3 / 4, abs=0.02)
    assert probabilities[data.y == 0].mean() == pytest.approx(1 / 4, abs=0.02)


def test_a_class_of_one_patient_is_calibrated_on_training_cells_with_a_warning(planted: Any) -> None:
    data = planted((4, 1))
    with pytest.warns(UserWarning, match="Svm: a class has fewer than two patients"):
        fitted = Svm().fit(data.X, data.y, data.groups)
    assert fitted.calibration_ == "training"


def test_a_class_without_test_cells_raises(planted: Any) -> None:
    data = planted((4, 4))
    only_first = np.flatnonzero(data.groups == data.groups[data.y == 0][0])
    pairs = [(np.setdiff1d(np.arange(len(data.y)), only_first), only_first)]
    with pytest.raises(ValueError, match="no test part of cv has a cell of class 1"):
        Svm(cv=pairs).fit(data.X, data.y, data.groups)


def test_gamma_factor_scales_gamma(planted: Any) -> None:
    data = planted()
    variance = StandardScaler().fit_transform(data.X).var()
    fitted = Svm(gamma_factor=0.5).fit(data.X, data.y)
    assert fitted.machine_.machine.kernel.gamma == pytest.approx(0.5 / (data.X.shape[1] * variance))
    assert Svm(gamma=0.3).fit(data.X, data.y).machine_.machine.kernel.gamma == 0.3


@pytest.mark.parametrize(("params", "message"), [({"gamma": "auto"}, "gamma='auto'"), ({"gamma": -1.0}, "above 0")])
def test_invalid_gammas_raise(params: dict[str, Any], message: str, planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=message):
        Svm(**params).fit(data.X, data.y)


def test_the_search_space_of_the_linear_kernel_is_c() -> None:
    space = Svm(kernel="linear").search_space(optuna.trial.FixedTrial({"C": 0.1}))
    assert space == {"C": 0.1}
