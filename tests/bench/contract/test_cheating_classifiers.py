"""Classifiers that violate the contract fail the corresponding check; a valid one passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import BaseCrossValidator, PredefinedSplit, StratifiedKFold, train_test_split

from bench.contract.classifiers import ClassifierChecks
from bench.contract.engine import EngineChecks
from bench.contract.outcomes import Check, outcome_of
from bench.plugins.owned_parameters import ENGINE_OWNED
from bench.plugins.plugin import Plugin

Array = npt.NDArray[Any]

SPLITS = "internal splits do not separate cells of a patient"
ENGINE_SPLITS = "in the engine, no split separates cells of a patient"
ENGINE_FITS = "in the engine, no fit sees a test patient"
CONSTRUCTOR = "the constructor stores its parameters and does nothing else"
PROBABILITIES = "probabilities for two and three classes with string labels"
MISSING = "NaN (undefined features) is accepted"
SEED = "the same seed gives the same predictions"
REFIT = "a fit does not depend on earlier fits"
ALONE = "the prediction of a cell does not depend on other cells"
INPUT = "fit and predict_proba do not change their input"
SPACE = "points of the search space can be fitted"
OTHER_CELLS = "other cells of test patients have no effect on the rest"
ORDER = "folds fitted before have no effect"


class Valid(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Softmax of the distance to the mean of each class; NaN counts as 0."""

    consumes: ClassVar[str] = "features"

    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        self.sharpness = sharpness
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        filled = np.nan_to_num(np.asarray(X, dtype=np.float64))
        self.classes_ = np.unique(y)
        self.means_ = np.stack([filled[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X: Array) -> Array:
        filled = np.nan_to_num(np.asarray(X, dtype=np.float64))
        near = np.exp(-self.sharpness * ((filled[:, None] - self.means_) ** 2).mean(axis=2))
        return np.asarray(near / near.sum(axis=1, keepdims=True))

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"sharpness": trial.suggest_float("sharpness", 0.1, 10, log=True)}


class SplitsCells(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        for train, _ in StratifiedKFold(3).split(X, y):
            super().fit(X[train], y[train])
        return super().fit(X, y)


class HoldsOutCells(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        X_train, _, y_train, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
        return super().fit(X_train, y_train)


class StopsEarlyOnCells(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        HistGradientBoostingClassifier(early_stopping=True, max_iter=2, min_samples_leaf=1).fit(X, y)
        return super().fit(X, y)


class CalibratesOnCells(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        CalibratedClassifierCV(LogisticRegression()).fit(np.nan_to_num(X), y)
        return super().fit(X, y)


class ForgetsGroups(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        if self.cv is not None:
            list(self.cv.split(X, y))
        return super().fit(X, y)


class PassesRowsAsGroups(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        if self.cv is not None:
            list(self.cv.split(X, y, np.arange(len(y))))
        return super().fit(X, y)


class EveryOtherRow(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn is untyped
    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        yield np.arange(0, len(X), 2), np.arange(1, len(X), 2)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return 1


class SplitsByItsOwnSplitter(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        list(EveryOtherRow().split(X, y, groups))
        return super().fit(X, y)


class SplitsByATable(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        list(PredefinedSplit(np.arange(len(y)) % 2).split())
        return super().fit(X, y)


class ChangesItsInput(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        X[:, 0] -= X[:, 0].mean()
        return super().fit(X, y)


class ChangesWhatItPredicts(Valid):
    def predict_proba(self, X: Array) -> Array:
        X *= 2
        return super().predict_proba(X)


class ChangesItsLabels(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        super().fit(X, y.copy())
        y[:] = y[0]
        return self


MEMORY: dict[bytes, tuple[Array, Any]] = {}


class SelectsOnAllFits(Valid):
    """Selects features on the cells and labels of all fits."""

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        MEMORY.update({row.tobytes(): (np.nan_to_num(row), label) for row, label in zip(X, y, strict=True)})
        known = [(row, label) for row, label in MEMORY.values() if len(row) == X.shape[1] and label in set(y)]
        rows, labels = np.stack([row for row, _ in known]), np.array([label for _, label in known])
        self.selected_ = SelectKBest(f_classif, k=2).fit(rows, labels).get_support()
        return super().fit(X[:, self.selected_], y)

    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X[:, self.selected_])


class ContinuesTheLastFit(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        before = getattr(self, "means_", None)
        super().fit(X, y)
        if before is not None and before.shape == self.means_.shape:
            self.means_ = (self.means_ + before) / 2
        return self


class StandardisesByTheTestCells(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X - np.nanmean(X, axis=0))


class UsesTheNextRow(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba((X + np.roll(X, 1, axis=0)) / 2)


class CopiesTheFirstCell(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(np.concatenate([X[:1], X[:1], X[2:]])[: len(X)])


class IsRandom(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X + np.random.default_rng().normal(size=X.shape))


class FailsOnNaN(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        if np.isnan(X).any():
            raise ValueError("NaN")
        return super().fit(X, y)


class ReturnsClassCodes(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        return super().fit(X, np.unique(y, return_inverse=True)[1])


class ReversesClasses(Valid):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Valid:
        super().fit(X, y)
        self.classes_, self.means_ = self.classes_[::-1], self.means_[::-1]
        return self


class ReturnsScores(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X) * 2


class ReturnsTwoClasses(Valid):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X)[:, :2]


class HasNoGroups(Valid):
    def fit(self, X: Array, y: Array) -> Valid:  # type: ignore[override]  # the violation
        return super().fit(X, y)


class DrawsUnknownParameters(Valid):
    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"bluntness": trial.suggest_float("bluntness", 0, 1)}


class DrawsInvalidParameters(Valid):
    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"sharpness": trial.suggest_categorical("sharpness", ["very"])}


class ConvertsParameters(Valid):
    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        super().__init__(sharpness=sharpness, cv=cv, random_state=random_state)
        self.sharpness = 1.0 if sharpness is None else (sharpness,)  # type: ignore[assignment]


class SetsAnotherAttribute(Valid):
    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        super().__init__(sharpness=sharpness, cv=cv, random_state=random_state)
        self.ready = True


class AcceptsAnyParameter(Valid):
    def __init__(self, sharpness: float = 1.0, cv: Any = None, random_state: Any = None, **more: Any) -> None:
        super().__init__(sharpness=sharpness, cv=cv, random_state=random_state)


class HasNoCv(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    consumes: ClassVar[str] = "features"

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> HasNoCv:
        self.inner_ = SplitsCells().fit(X, y, groups)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X: Array) -> Array:
        return self.inner_.predict_proba(X)


@pytest.fixture(autouse=True)
def empty_memory() -> None:
    """Forget the cells of other tests."""
    MEMORY.clear()


def _checks(cls: type, folder: Path, *, only: str = "") -> dict[str, Check]:
    accepts = frozenset({"cv", "random_state"} if issubclass(cls, Valid) else ()) & frozenset(ENGINE_OWNED)
    params = {"sharpness": 1.0} if issubclass(cls, Valid) else {}
    plugin = Plugin(cls.__name__, f"{__name__}:{cls.__name__}", params, accepts, consumes="features")
    steps = [*ClassifierChecks(plugin, folder).steps(), *EngineChecks(None, plugin, folder).steps()]
    chosen = (s for s in steps if only in s.name and "check_estimator" not in s.name)
    return {c.name: c for c in map(outcome_of, chosen)}


def _failed(cls: type, folder: Path, *, only: str = "") -> dict[str, str]:
    return {c.name: c.detail for c in _checks(cls, folder, only=only).values() if c.outcome == "failed"}


def test_a_valid_classifier_passes_and_all_fits_are_logged(tmp_path: Path) -> None:
    checks = _checks(Valid, tmp_path)
    assert {c.outcome for c in checks.values()} == {"passed"}
    assert len(checks) == 14
    # Two folds of 2 trials on 2 inner folds, 2 inner fits and the fit.
    assert checks[ENGINE_FITS].detail == "14 fits, with tuning"


@pytest.mark.parametrize(
    ("cls", "check", "words"),
    [
        (SplitsCells, SPLITS, "its StratifiedKFold puts cells of one patient on both sides (patient 0"),
        (SplitsCells, ENGINE_SPLITS, "its StratifiedKFold puts cells of one patient on both sides (patient 0"),
        (HoldsOutCells, SPLITS, "its StratifiedShuffleSplit puts cells of one patient on both sides"),
        (StopsEarlyOnCells, SPLITS, "its StratifiedShuffleSplit puts cells of one patient on both sides"),
        (CalibratesOnCells, SPLITS, "its StratifiedKFold puts cells of one patient on both sides"),
        (ForgetsGroups, SPLITS, "it calls cv.split without groups; call cv.split(X, y, groups)"),
        (ForgetsGroups, ENGINE_SPLITS, "it calls cv.split without groups"),
        (PassesRowsAsGroups, SPLITS, "its InnerPatientKFold puts cells of one patient on both sides"),
        (PassesRowsAsGroups, ENGINE_SPLITS, "its InnerPatientKFold puts cells of one patient on both sides"),
        (SplitsByItsOwnSplitter, SPLITS, "its EveryOtherRow puts cells of one patient on both sides"),
        (SplitsByATable, SPLITS, "its PredefinedSplit puts cells of one patient on both sides"),
        (HasNoCv, SPLITS, "add a parameter cv, which the engine sets to a splitter of patients"),
        (ChangesItsInput, INPUT, "fit changes the features in place; work on a copy"),
        (ChangesWhatItPredicts, INPUT, "predict_proba changes the features in place"),
        (ChangesItsLabels, INPUT, "fit changes y in place"),
        (SelectsOnAllFits, REFIT, "learned values outlive the fit"),
        (SelectsOnAllFits, ORDER, "change when folds are fitted on the test patients before"),
        (ContinuesTheLastFit, REFIT, "an instance that is fitted a second time depends on the first fit"),
        (StandardisesByTheTestCells, ALONE, "when its cell is alone: predict_proba must not use"),
        (StandardisesByTheTestCells, OTHER_CELLS, "predictions change when other test patients have other cells"),
        (UsesTheNextRow, ALONE, "when its cell is alone"),
        (CopiesTheFirstCell, ALONE, "when the order of the cells changes"),
        (IsRandom, SEED, "two fits differ by up to"),
        (FailsOnNaN, MISSING, "ValueError: NaN (test_cheating_classifiers.py, line "),
        (ReturnsClassCodes, PROBABILITIES, "classes_ is 0, 1; the labels in sort order are class 00, class 01"),
        (ReversesClasses, PROBABILITIES, "the labels in sort order are"),
        (ReturnsScores, PROBABILITIES, "not probabilities"),
        (ReturnsTwoClasses, PROBABILITIES, "an array of shape (108, 2); expected (n_cells, 3)"),
        (HasNoGroups, PROBABILITIES, "unexpected keyword argument 'groups'"),
        (DrawsUnknownParameters, SPACE, "Invalid parameter 'bluntness'"),
        (DrawsInvalidParameters, SPACE, "TypeError"),
        (ConvertsParameters, CONSTRUCTOR, "its constructor does not store sharpness unchanged"),
        (SetsAnotherAttribute, CONSTRUCTOR, "its constructor sets ready, which is not a parameter"),
        (AcceptsAnyParameter, CONSTRUCTOR, "its constructor takes **more; name every parameter"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)  # fmt: skip
def test_a_violation_fails_its_check_with_advice(cls: type, check: str, words: str, tmp_path: Path) -> None:
    assert words in _failed(cls, tmp_path, only=check)[check]


@pytest.mark.parametrize(
    ("cls", "only"),
    [
        (SplitsCells, {SPLITS, ENGINE_SPLITS}),
        (ForgetsGroups, {SPLITS, ENGINE_SPLITS, ENGINE_FITS}),
        (ContinuesTheLastFit, {REFIT}),
        (FailsOnNaN, {MISSING}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_violation_fails_no_other_check(cls: type, only: set[str], tmp_path: Path) -> None:
    assert set(_failed(cls, tmp_path)) == only
