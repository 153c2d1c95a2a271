"""A fold is fitted on training patients only, and its decision is learned on their inner predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold

from bench.errors import BenchError
from bench.evaluation import fold as fold_module
from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import FeatureArray
from bench.evaluation.protocol import Protocol
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier
from bench.scores.decisions import Inner, fit_decision
from bench.scores.thresholds import choose_threshold, parse_threshold, patient_weights
from bench.splits.folds import InnerPatientKFold, PatientKFold
from extractors.handcrafted.framework.status import Status

Evaluate = Callable[..., FoldResult]

PATIENTS, CELLS = 24, 4
ODD = {"half": [0.25, 0.25], "below": [-0.2, 1.2], "three": [0.2, 0.3, 0.5]}
"""Invalid rows of probabilities of two classes."""


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Records the rows of each fit and prediction: the first feature is the row number, the second the score."""

    events: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, *, slope: float = 1.0, fault: str = "", cv: Any = None, random_state: Any = None) -> None:
        self.slope = slope
        self.fault = fault
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> Spy:
        self.classes_ = np.unique(y) if self.fault != "classes" else np.unique(y)[::-1]
        self.events.append(
            {"do": "fit", "rows": _rows(X), "y": list(y), "groups": list(groups), "slope": self.slope, "cv": self.cv,
             "seed": self.random_state}
        )  # fmt: skip
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        self.events.append({"do": "predict", "rows": _rows(X), "slope": self.slope})
        p = 1 / (1 + np.exp(-self.slope * X[:, 1].astype(np.float64)))
        if self.fault == "nan":
            p[0] = np.nan
        if self.fault in ODD:
            return np.tile(ODD[self.fault], (len(X), 1))
        return np.column_stack([1 - p, p + (self.fault == "sum")])

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Negative slopes reverse the ranking, so that the positive one wins."""
        return {"slope": trial.suggest_categorical("slope", [-2.0, 2.0, -3.0])}


def _rows(X: npt.NDArray[Any]) -> list[int]:
    return [int(r) for r in X[:, 0]]


@pytest.fixture(autouse=True)
def no_events() -> None:
    """Start each test without events."""
    Spy.events.clear()


@pytest.fixture
def features() -> npt.NDArray[np.float32]:
    """Row number and a signal that separates the classes partly, of the cells of `job`."""
    sick = np.arange(PATIENTS * CELLS) // CELLS % 2
    signal = np.random.default_rng(0).normal(size=len(sick)) + 1.2 * sick
    return np.column_stack([np.arange(len(sick)), signal]).astype(np.float32)


@pytest.fixture
def evaluate(features: npt.NDArray[np.float32]) -> Evaluate:
    """Evaluate a fold on these features, or on others."""

    def evaluate(fold: Fold, values: npt.NDArray[np.float32] = features) -> FoldResult:
        return evaluate_fold(fold, lambda *_: FeatureArray(values, ("row", "signal")))

    return evaluate


@pytest.fixture
def job() -> Fold:
    """24 patients of 4 cells, the last third of them tested."""
    units = np.repeat([f"p{i:02d}" for i in range(PATIENTS)], CELLS)
    labels = np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "healthy"), CELLS)
    rows = np.arange(len(units))
    return Fold(
        extractor=None,
        classifier=_spy(),
        protocol=Protocol(folds=3),
        positive="sick",
        labels=labels,
        units=units,
        repeat=0,
        fold=2,
        train=rows[:64],
        test=rows[64:],
    )


def _spy(**params: Any) -> Plugin:
    return Plugin("spy", f"{__name__}:Spy", params, frozenset({"cv", "random_state"}), consumes="features")


def _check_no_leak(job: Fold, events: list[dict[str, Any]]) -> None:
    """Check that each prediction is of patients absent from the fit before it, and no fit sees a test patient."""
    tested = set(job.units[job.test])
    seen: set[str] = set()
    for event in events:
        units = set(job.units[event["rows"]])
        if event["do"] == "fit":
            assert not units & tested
            assert event["groups"] == list(job.units[event["rows"]])
            assert event["y"] == list(job.labels[event["rows"]])
            seen = units
        else:
            assert not units & seen


def test_no_fit_sees_test_or_inner_validation_patients(job: Fold, evaluate: Evaluate) -> None:
    result = evaluate(job)
    _check_no_leak(job, Spy.events)
    assert [e["do"] for e in Spy.events] == ["fit", "predict"] * 4
    assert Spy.events[-2]["rows"] == list(job.train)
    assert Spy.events[-1]["rows"] == list(job.test) == list(result.predictions["row"])
    inner = [row for e in Spy.events[1:-2:2] for row in e["rows"]]
    assert sorted(inner) == list(job.train), "every training cell is predicted out of fold once"
    assert sorted(result.inner_predictions["row"]) == list(job.train)
    assert set(result.inner_predictions["inner_fold"]) == {0, 1, 2}


def test_tuning_uses_inner_folds_only_and_its_best_parameters_are_applied(job: Fold, evaluate: Evaluate) -> None:
    result = evaluate(replace(job, protocol=replace(job.protocol, tune=5)))
    _check_no_leak(job, Spy.events)
    assert len(Spy.events) == 2 * (5 * 3 + 3 + 1)
    assert {e["slope"] for e in Spy.events[-8:]} == {2.0}
    assert len(result.trials) == 5
    assert (result.trials["repeat"] == job.repeat).all()
    best = result.trials.loc[result.trials["value"].idxmax()]
    assert best["param_slope"] == "2.0"
    assert set(result.seconds) == {"tune", "inner", "fit", "predict"}


@pytest.mark.parametrize("tune", [0, 2])
def test_inner_folds_that_split_patients_stop_the_fold_before_any_fit(
    job: Fold, evaluate: Evaluate, tune: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ByCell(PatientKFold):
        def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Any]:
            return KFold(self.n_splits).split(X)

    monkeypatch.setattr(fold_module, "PatientKFold", ByCell)
    with pytest.raises(BenchError, match="inner fold 0: patients on both sides of the split: p05"):
        evaluate(replace(job, protocol=replace(job.protocol, tune=tune)))
    assert not Spy.events


def test_a_classifier_that_splits_gets_the_patient_splitter(job: Fold, evaluate: Evaluate) -> None:
    evaluate(job)
    for event in (e for e in Spy.events if e["do"] == "fit"):
        assert isinstance(event["cv"], InnerPatientKFold)
        assert event["cv"].n_splits == 3
        y, groups = np.array(event["y"]), np.array(event["groups"])
        for train, test in event["cv"].split(y, y, groups):
            assert not set(groups[train]) & set(groups[test])


def test_fewer_patients_of_a_class_than_inner_folds(job: Fold, evaluate: Evaluate) -> None:
    """Five folds of five sick patients: four in training, two or three in an inner fit, fewer than inner folds."""
    selected = np.array([u in {"p01", "p03", "p05", "p07"} for u in job.units]) | (job.labels == "healthy")
    svm = Plugin("svm", "classifiers.svm:Svm", {}, frozenset({"cv"}), consumes="features")
    result = evaluate(replace(job, classifier=svm, train=job.train[selected[job.train]]))
    assert np.isfinite(result.predictions["p_sick"]).all()


def test_labels_of_test_patients_change_no_prediction(job: Fold, evaluate: Evaluate) -> None:
    labels = job.labels.copy()
    labels[job.test] = np.where(labels[job.test] == "sick", "healthy", "sick")
    plain, swapped = evaluate(job), evaluate(replace(job, labels=labels))
    pd.testing.assert_frame_equal(plain.predictions, swapped.predictions)
    pd.testing.assert_frame_equal(plain.inner_predictions, swapped.inner_predictions)


def test_the_threshold_depends_on_inner_predictions_only(
    job: Fold, evaluate: Evaluate, features: npt.NDArray[np.float32]
) -> None:
    plain = evaluate(job)
    rows = plain.inner_predictions["row"].to_numpy()
    scores, weights = plain.inner_predictions["p_sick"].to_numpy(), patient_weights(job.units[rows])
    expected = choose_threshold(parse_threshold("balanced"), scores, job.labels[rows] == "sick", weights)
    assert (plain.predictions["threshold"] == expected).all()
    shifted = features.copy()
    shifted[job.test, 1] += 100
    moved = evaluate(job, shifted)
    assert (moved.predictions["threshold"] == expected).all()
    assert (moved.predictions["p_sick"] > plain.predictions["p_sick"]).all()


@pytest.mark.parametrize("calibrate", ["none", "sigmoid", "temperature"])
def test_calibration_keeps_the_raw_probabilities(job: Fold, evaluate: Evaluate, calibrate: str) -> None:
    plain = evaluate(job)
    protocol = replace(job.protocol, calibrate=calibrate, threshold="sens@0.9", aggregate="logit")
    result = evaluate(replace(job, protocol=protocol))
    pd.testing.assert_frame_equal(result.inner_predictions, plain.inner_predictions)
    assert ("raw_sick" in result.predictions) == (calibrate != "none")
    raw = result.predictions["raw_sick" if calibrate != "none" else "p_sick"]
    assert (raw == plain.predictions["p_sick"]).all()
    rows = plain.inner_predictions["row"].to_numpy()
    inner = Inner(
        plain.inner_predictions[["p_healthy", "p_sick"]].to_numpy(),
        (job.labels[rows] == "sick").astype(np.intp),
        job.units[rows],
        plain.inner_predictions["inner_fold"].to_numpy(),
    )
    expected = fit_decision(inner, protocol.decision, positive=1)
    calibrated = expected.calibrator(plain.predictions[["p_healthy", "p_sick"]].to_numpy())
    assert result.predictions["p_sick"].to_numpy() == pytest.approx(calibrated[:, 1])
    assert (result.predictions["threshold"] == expected.threshold).all()
    assert (result.predictions["patient_threshold"] == expected.patient_threshold).all()


def test_the_seed_is_derived_from_names(job: Fold, evaluate: Evaluate) -> None:
    def seed(**changes: Any) -> int:
        Spy.events.clear()
        evaluate(replace(job, **changes))
        seeds = {e["seed"] for e in Spy.events if e["do"] == "fit"}
        assert len(seeds) == 1
        return int(seeds.pop())

    plain = seed()
    assert plain == seed() == seed(protocol=Protocol(folds=3, threads=2))
    others = [
        seed(fold=1), seed(repeat=1), seed(classifier=_spy(slope=2.0)), seed(protocol=Protocol(folds=3, seed=1))
    ]  # fmt: skip
    assert len({plain, *others}) == 5


def test_by_image_each_cell_is_its_own_unit(job: Fold, evaluate: Evaluate) -> None:
    """Only there a patient may be on both sides; the caller passes cells as units."""
    train, test = np.flatnonzero(np.arange(96) % 4 != 0), np.flatnonzero(np.arange(96) % 4 == 0)
    torn = replace(job, train=train, test=test)
    with pytest.raises(BenchError, match="outer split: patients on both sides of the split: p00, "):
        evaluate(torn)
    assert not Spy.events
    cells = np.array([f"c{i}" for i in range(96)])
    by_image = replace(torn, units=cells, protocol=replace(job.protocol, split="image"))
    assert list(evaluate(by_image).predictions["row"]) == list(test)
    official = replace(torn, protocol=replace(job.protocol, split="official"))
    evaluate(official)


def test_more_than_two_classes_have_no_threshold(job: Fold, evaluate: Evaluate) -> None:
    labels = np.repeat(np.array(["a", "b", "c"])[np.arange(PATIENTS) % 3], CELLS)
    knn = Plugin("knn", "classifiers.knn:Knn", {}, frozenset(), consumes="features")
    result = evaluate(replace(job, labels=labels, positive=None, classifier=knn))
    assert result.predictions["threshold"].isna().all()
    assert np.allclose(result.predictions[["p_a", "p_b", "p_c"]].sum(axis=1), 1)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("nan", "probabilities are not finite for 1 of .* cells, such as nan, nan"),
        ("sum", "probabilities are outside 0 to 1 for .* cells"),
        ("half", "probabilities do not sum to 1 for 24 of 24 cells, such as 0.25, 0.25"),
        ("below", "probabilities are outside 0 to 1 for 24 of 24 cells, such as -0.2, 1.2"),
        ("three", r"probabilities of shape \(24, 3\); \(24, 2\) is expected"),
        ("classes", "the classifier has classes"),
    ],
)
def test_invalid_probabilities_are_refused(job: Fold, evaluate: Evaluate, fault: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        evaluate(replace(job, classifier=_spy(fault=fault)))


@pytest.mark.parametrize("status", [None, Status.TOUCHES_BORDER])
def test_training_cells_without_any_feature_are_refused(job: Fold, status: Status | None) -> None:
    values = np.full((PATIENTS * CELLS, 2), np.nan, dtype=np.float32)
    values[job.test] = 1.0
    codes = None if status is None else np.where(np.isnan(values), status, Status.OK).astype(np.uint8)
    reason = "no reason given" if status is None else "TOUCHES_BORDER"
    sentence = rf"^all values are missing \({reason}\): none of the 2 features has a value in any of the 64 training"
    with pytest.raises(BenchError, match=sentence):
        evaluate_fold(job, lambda *_: FeatureArray(values, ("a", "b"), codes))
    assert not Spy.events, "before any fit"


def test_an_inner_fold_whose_training_cells_have_no_feature_is_refused(job: Fold) -> None:
    values = np.full((PATIENTS * CELLS, 2), np.nan, dtype=np.float32)
    values[job.train[0]] = 1.0
    # The only training cell with features is in the validation part of one of the inner folds.
    with pytest.raises(BenchError, match=r"^all values are missing .* any of the 4\d training cells of inner fold \d;"):
        evaluate_fold(job, lambda *_: FeatureArray(values, ("a", "b")))


def test_test_cells_without_any_feature_are_refused_unless_each_patient_is_a_fold(
    job: Fold, features: npt.NDArray[np.float32], evaluate: Evaluate
) -> None:
    features[job.test] = np.nan
    with pytest.raises(BenchError, match=r"in any of the 32 test cells, so there is nothing to predict from"):
        evaluate(job, features)
    lopo = replace(job, classifier=classifier("naive_bayes"), protocol=replace(job.protocol, split="lopo"))
    assert evaluate(lopo, features).predictions["p_sick"].nunique() == 1, "all get the same prediction"


def test_a_missing_class_is_refused(job: Fold, evaluate: Evaluate) -> None:
    healthy = np.flatnonzero(job.labels == "healthy")
    with pytest.raises(BenchError, match="the test patients have no cell of sick"):
        evaluate(replace(job, test=np.intersect1d(job.test, healthy)))
    with pytest.raises(BenchError, match="the training patients have no cell of sick"):
        evaluate(replace(job, train=np.intersect1d(job.train, healthy)))
    one = np.concatenate([np.intersect1d(job.train, healthy), np.flatnonzero(job.units == "p01")])
    with pytest.raises(BenchError, match="only one patient of a class"):
        evaluate(replace(job, train=one))
