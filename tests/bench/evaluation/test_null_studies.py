"""Null studies on arrays: no class effect, so that a score above 0.5 is an error of the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from bench.evaluation.fold import Fold, evaluate_fold
from bench.evaluation.inputs import FeatureArray, Inputs
from bench.evaluation.optimism import optimism, summary
from bench.evaluation.protocol import Protocol
from bench.evaluation.tuning import FitAndScore, tune
from bench.executors.threads import limited_threads
from bench.plugins.registry import Plugin, classifier
from bench.scores.metrics import weighted_auroc
from bench.splits.folds import PatientKFold


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fit with one thread, as a run does."""
    with limited_threads(1):
        yield


def _null_features(seed: int, *, patients: int, cells: int, features: int, signature: float) -> npt.NDArray[np.float32]:
    """Features without class effect; `signature` is the standard deviation between patients, 1 that within."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), cells)
    between = signature * rng.normal(size=(patients, features))
    return (between[patient] + rng.normal(size=(len(patient), features))).astype(np.float32)


def _folds(plugin: Plugin, protocol: Protocol, *, patients: int, cells: int, seed: int) -> Iterator[Fold]:
    """Outer folds of alternately healthy and sick patients; by image, each cell is its own unit."""
    patient = np.repeat(np.arange(patients), cells)
    labels = np.where(patient % 2, "sick", "healthy")
    names = np.arange(len(patient)) if protocol.split == "image" else patient
    units = np.array([f"{name:04d}" for name in names])
    splits = PatientKFold(protocol.folds, random_state=seed).split(labels, labels, units)
    for number, (train, test) in enumerate(splits):
        yield Fold(
            extractor=None, classifier=plugin, protocol=protocol, positive="sick", labels=labels, units=units,
            repeat=0, fold=number, train=train, test=test,
        )  # fmt: skip


def _inputs(values: npt.NDArray[np.float32]) -> Callable[..., Inputs]:
    return lambda *_: FeatureArray(values, tuple(f"f{i}" for i in range(values.shape[1])))


def _patient_auroc(selector: str, split: str, seed: int, *, patients: int, cells: int) -> float:
    """AUROC of the mean score of each patient, over out-of-fold predictions of data without class effect."""
    values = _null_features(seed, patients=patients, cells=cells, features=12, signature=3.0)
    folds = list(_folds(classifier(selector), Protocol(split=split), patients=patients, cells=cells, seed=seed))
    predictions = pd.concat([evaluate_fold(fold, _inputs(values)).predictions for fold in folds])
    scores = predictions.set_index("row")["p_sick"].sort_index().to_numpy()
    means = scores.reshape(patients, cells).mean(axis=1)
    return float(weighted_auroc(means, np.arange(patients) % 2 == 1, np.arange(patients)))


def test_only_a_split_by_image_finds_a_difference_where_there_is_none() -> None:
    """Patients can be recognised, classes cannot: by patient, the mean AUROC of six datasets has a SD of 0.04."""
    by_patient = [_patient_auroc("knn", "patient", seed, patients=40, cells=6) for seed in range(6)]
    assert np.mean(by_patient) == pytest.approx(0.5, abs=0.12)
    assert _patient_auroc("knn", "image", 0, patients=40, cells=6) > 0.9


@pytest.mark.study
@pytest.mark.parametrize("selector", ["xgboost", "rf_svm[C=10]"])
def test_only_a_split_by_image_finds_a_difference_full_size(selector: str) -> None:
    """200 patients: the SD of the AUROC is 0.04."""
    assert _patient_auroc(selector, "patient", 0, patients=200, cells=10) == pytest.approx(0.5, abs=0.12)
    assert _patient_auroc(selector, "image", 0, patients=200, cells=10) > 0.9


class OneFeature(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classify by one feature: on which side of the midpoint of the class means a cell is."""

    def __init__(self, *, feature: int = 0) -> None:
        self.feature = feature

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> OneFeature:
        self.classes_ = np.unique(y)
        column = X[:, self.feature].astype(np.float64)
        self.means_ = [float(column[y == c].mean()) for c in self.classes_]
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        column = X[:, self.feature].astype(np.float64)
        p = 1 / (1 + np.exp((self.means_[0] - self.means_[1]) * (column - sum(self.means_) / 2)))
        return np.column_stack([1 - p, p])

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Return another, independent feature for each trial."""
        return {"feature": trial.number}


ONE_FEATURE = Plugin("one", f"{__name__}:OneFeature", {}, consumes="features")
PATIENTS, CELLS = 40, 6


def _nested_optimism(values: npt.NDArray[np.float32], folds: list[Fold]) -> pd.DataFrame:
    results = [evaluate_fold(fold, _inputs(values)) for fold in folds]
    predictions = pd.concat([r.predictions for r in results], ignore_index=True)
    rows = predictions["row"].to_numpy()
    described = predictions.assign(label=folds[0].labels[rows], unit=folds[0].units[rows])
    trials = pd.concat([r.trials for r in results], ignore_index=True)
    return optimism(trials, described, classes=["healthy", "sick"], positive="sick")


def _flat_best(values: npt.NDArray[np.float32], fold: Fold, trials: int) -> float:
    """Best score of a patient-grouped cross-validation over all patients: the `study.best_value` of flat tuning."""
    splits = list(PatientKFold(5, random_state=1).split(values, fold.labels, fold.units))

    def score(candidate: Any, train: npt.NDArray[Any], test: npt.NDArray[Any]) -> float:
        p = clone(candidate).fit(values[train], fold.labels[train]).predict_proba(values[test])[:, 1]
        return weighted_auroc(p, fold.labels[test] == "sick", fold.units[test])

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        return [lambda _, a=a, b=b: score(candidate, a, b) for a, b in splits]  # type: ignore[misc]

    return float(tune(OneFeature(), evaluate, trials=trials, seed=0).trials["value"].max())


def _optimism_study(datasets: int, trials: int) -> tuple[float, pd.DataFrame]:
    """Return the mean best score of flat tuning and the nested scores; half of the variance is between patients."""
    flat, nested = [], []
    for seed in range(datasets):
        values = _null_features(seed, patients=PATIENTS, cells=CELLS, features=trials, signature=1.0)
        protocol = Protocol(folds=5, tune=trials)
        folds = list(_folds(ONE_FEATURE, protocol, patients=PATIENTS, cells=CELLS, seed=seed))
        flat.append(_flat_best(values, folds[0], trials))
        nested.append(_nested_optimism(values, folds))
    return float(np.mean(flat)), pd.concat(nested, ignore_index=True)


def test_on_null_data_tuning_is_optimistic_and_the_outer_folds_are_not() -> None:
    """20 configurations on two datasets; see the full-size study below."""
    flat, nested = _optimism_study(datasets=2, trials=20)
    means = summary(nested)
    assert means is not None
    assert flat > 0.56
    assert means.outer == pytest.approx(0.5, abs=0.1)
    assert means.mean > 0.05


@pytest.mark.study
def test_on_null_data_the_best_of_sixty_configurations_full_size() -> None:
    """EVALUATION 2.5 and 12: 40 patients, no signal, 60 configurations; flat 0.65, nested 0.50."""
    flat, nested = _optimism_study(datasets=12, trials=60)
    means = summary(nested)
    assert means is not None
    assert means.folds == 60
    assert flat == pytest.approx(0.65, abs=0.03)
    assert means.outer == pytest.approx(0.5, abs=0.04)
    assert means.inner_best > 0.62
    assert means.mean > 0.12
