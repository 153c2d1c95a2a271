"""Classifiers that cheat or break a promise are caught by the checks that are meant for it; an honest one passes."""

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
from bench.contract.outcomes import Check, outcomes
from bench.plugins.registry import ENGINE_OWNED, Plugin

Array = npt.NDArray[Any]

SPLITS = "its own splits keep patients whole"
SPLITS_AT_WORK = "at work in the engine, every split keeps patients whole"
FITS_AT_WORK = "at work in the engine, no fit sees a tested patient"
CONSTRUCTOR = "the constructor keeps its parameters and does nothing else"
PROBABILITIES = "probabilities of two and of three classes, named by strings"
GAPS = "NaN, where a feature does not exist, is coped with"
SEED = "the same seed gives the same predictions"
ANEW = "a fit begins anew, whatever was fitted before"
ALONE = "a cell is predicted by itself, not by its neighbours"
UNTOUCHED = "fit and predict_proba leave their input as it was"
SPACE = "every point of its search space fits"
LABELS = "labels of tested patients change nothing"
OTHER_CELLS = "other cells of tested patients change nothing else"
ORDER = "folds that were fitted before change nothing"


class Honest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Nearness to the mean of each class; gaps count as 0."""

    consumes: ClassVar[str] = "features"

    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        self.sharpness = sharpness
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
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


class SplitsCells(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        for train, _ in StratifiedKFold(3).split(X, y):
            super().fit(X[train], y[train])
        return super().fit(X, y)


class SetsCellsAside(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        kept, _, of_kept, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
        return super().fit(kept, of_kept)


class StopsEarlyOnCells(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        HistGradientBoostingClassifier(early_stopping=True, max_iter=2, min_samples_leaf=1).fit(X, y)
        return super().fit(X, y)


class CalibratesOnCells(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        CalibratedClassifierCV(LogisticRegression()).fit(np.nan_to_num(X), y)
        return super().fit(X, y)


class ForgetsGroups(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        if self.cv is not None:
            list(self.cv.split(X, y))
        return super().fit(X, y)


class GivesRowsAsGroups(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        if self.cv is not None:
            list(self.cv.split(X, y, np.arange(len(y))))
        return super().fit(X, y)


class EveryOtherRow(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn is untyped
    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        yield np.arange(0, len(X), 2), np.arange(1, len(X), 2)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return 1


class SplitsByItsOwnSplitter(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        list(EveryOtherRow().split(X, y, groups))
        return super().fit(X, y)


class SplitsByATable(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        list(PredefinedSplit(np.arange(len(y)) % 2).split())
        return super().fit(X, y)


class ChangesItsInput(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        X[:, 0] -= X[:, 0].mean()
        return super().fit(X, y)


class ChangesWhatItPredicts(Honest):
    def predict_proba(self, X: Array) -> Array:
        X *= 2
        return super().predict_proba(X)


class ChangesItsLabels(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        super().fit(X, y.copy())
        y[:] = y[0]
        return self


SEEN: dict[bytes, tuple[Array, Any]] = {}


class SelectsOnAllItEverSaw(Honest):
    """Keeps features and labels of every cell of every fit, and chooses the features that tell those apart."""

    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        SEEN.update({row.tobytes(): (np.nan_to_num(row), label) for row, label in zip(X, y, strict=True)})
        known = [(row, label) for row, label in SEEN.values() if len(row) == X.shape[1] and label in set(y)]
        rows, labels = np.stack([row for row, _ in known]), np.array([label for _, label in known])
        self.kept_ = SelectKBest(f_classif, k=2).fit(rows, labels).get_support()
        return super().fit(X[:, self.kept_], y)

    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X[:, self.kept_])


class GoesOn(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        before = getattr(self, "means_", None)
        super().fit(X, y)
        if before is not None and before.shape == self.means_.shape:
            self.means_ = (self.means_ + before) / 2
        return self


class StandardisesByTheTestCells(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X - np.nanmean(X, axis=0))


class LooksAtTheNextRow(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba((X + np.roll(X, 1, axis=0)) / 2)


class GivesTheSecondCellWhatTheFirstHas(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(np.concatenate([X[:1], X[:1], X[2:]])[: len(X)])


class IsRandom(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X + np.random.default_rng().normal(size=X.shape))


class StumblesOverGaps(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        if np.isnan(X).any():
            raise ValueError("NaN")
        return super().fit(X, y)


class CountsClasses(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        return super().fit(X, np.unique(y, return_inverse=True)[1])


class TurnsClassesRound(Honest):
    def fit(self, X: Array, y: Array, groups: Array | None = None) -> Honest:
        super().fit(X, y)
        self.classes_, self.means_ = self.classes_[::-1], self.means_[::-1]
        return self


class GivesScores(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X) * 2


class KnowsTwoClasses(Honest):
    def predict_proba(self, X: Array) -> Array:
        return super().predict_proba(X)[:, :2]


class TakesNoGroups(Honest):
    def fit(self, X: Array, y: Array) -> Honest:  # type: ignore[override]  # that is what is wrong with it
        return super().fit(X, y)


class DrawsUnknownParameters(Honest):
    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"bluntness": trial.suggest_float("bluntness", 0, 1)}


class DrawsWhatDoesNotFit(Honest):
    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"sharpness": trial.suggest_categorical("sharpness", ["very"])}


class Converts(Honest):
    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        super().__init__(sharpness=sharpness, cv=cv, random_state=random_state)
        self.sharpness = 1.0 if sharpness is None else (sharpness,)  # type: ignore[assignment]


class Prepares(Honest):
    def __init__(self, *, sharpness: float = 1.0, cv: Any = None, random_state: Any = None) -> None:
        super().__init__(sharpness=sharpness, cv=cv, random_state=random_state)
        self.ready = True


class TakesAnything(Honest):
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
def forgotten() -> None:
    """What one test's plugins have kept is not there in the next."""
    SEEN.clear()


def _checks(cls: type, folder: Path, *, only: str = "") -> dict[str, Check]:
    accepts = frozenset({"cv", "random_state"} if issubclass(cls, Honest) else ()) & frozenset(ENGINE_OWNED)
    params = {"sharpness": 1.0} if issubclass(cls, Honest) else {}
    plugin = Plugin(cls.__name__, f"{__name__}:{cls.__name__}", params, accepts, consumes="features")
    steps = [*ClassifierChecks(plugin, folder).steps(), *EngineChecks(None, plugin, folder).steps()]
    return {c.name: c for c in outcomes(s for s in steps if only in s.name and "check_estimator" not in s.name)}


def _failed(cls: type, folder: Path, *, only: str = "") -> dict[str, str]:
    return {c.name: c.detail for c in _checks(cls, folder, only=only).values() if c.outcome == "failed"}


def test_an_honest_classifier_passes_and_the_engine_is_seen_at_work(tmp_path: Path) -> None:
    found = _checks(Honest, tmp_path)
    assert {c.outcome for c in found.values()} == {"passed"}
    assert len(found) == 14
    # Three folds of 2 trials on 2 inner folds, 2 inner fits and the fit.
    assert found[FITS_AT_WORK].detail == "21 fits, with tuning"


@pytest.mark.parametrize(
    ("cls", "caught", "words"),
    [
        (SplitsCells, SPLITS, "its StratifiedKFold puts cells of one patient on both sides (patient 0"),
        (SplitsCells, SPLITS_AT_WORK, "its StratifiedKFold puts cells of one patient on both sides (patient 0"),
        (SetsCellsAside, SPLITS, "its StratifiedShuffleSplit puts cells of one patient on both sides"),
        (StopsEarlyOnCells, SPLITS, "its StratifiedShuffleSplit puts cells of one patient on both sides"),
        (CalibratesOnCells, SPLITS, "its StratifiedKFold puts cells of one patient on both sides"),
        (ForgetsGroups, SPLITS, "it asks cv for splits without groups; call cv.split(X, y, groups)"),
        (ForgetsGroups, SPLITS_AT_WORK, "it asks cv for splits without groups"),
        (GivesRowsAsGroups, SPLITS, "its InnerPatientKFold puts cells of one patient on both sides"),
        (GivesRowsAsGroups, SPLITS_AT_WORK, "its InnerPatientKFold puts cells of one patient on both sides"),
        (SplitsByItsOwnSplitter, SPLITS, "its EveryOtherRow puts cells of one patient on both sides"),
        (SplitsByATable, SPLITS, "its PredefinedSplit puts cells of one patient on both sides"),
        (HasNoCv, SPLITS, "take a parameter cv, which the engine sets to a splitter of patients"),
        (ChangesItsInput, UNTOUCHED, "fit changes the features in place; work on a copy"),
        (ChangesWhatItPredicts, UNTOUCHED, "predict_proba changes the features in place"),
        (ChangesItsLabels, UNTOUCHED, "fit changes y in place"),
        (SelectsOnAllItEverSaw, ANEW, "something learned outlives the fit"),
        (SelectsOnAllItEverSaw, ORDER, "change when other folds, fitted on the tested patients, went before"),
        (GoesOn, ANEW, "an instance that is fitted a second time keeps something of the first fit"),
        (StandardisesByTheTestCells, ALONE, "when its cell is predicted alone: predict_proba uses the other cells"),
        (StandardisesByTheTestCells, OTHER_CELLS, "predictions change when other tested patients have other cells"),
        (LooksAtTheNextRow, ALONE, "when its cell is predicted alone"),
        (GivesTheSecondCellWhatTheFirstHas, ALONE, "when the cells come in another order"),
        (IsRandom, SEED, "two fits differ by up to"),
        (StumblesOverGaps, GAPS, "ValueError: NaN (test_cheating_classifiers.py, line "),
        (CountsClasses, PROBABILITIES, "classes_ holds 0, 1; the labels in sort order are class 00, class 01"),
        (TurnsClassesRound, PROBABILITIES, "the labels in sort order are"),
        (GivesScores, PROBABILITIES, "no probabilities"),
        (KnowsTwoClasses, PROBABILITIES, "an array of shape (108, 2); (n_cells, 3) is expected"),
        (TakesNoGroups, PROBABILITIES, "unexpected keyword argument 'groups'"),
        (DrawsUnknownParameters, SPACE, "Invalid parameter 'bluntness'"),
        (DrawsWhatDoesNotFit, SPACE, "TypeError"),
        (Converts, CONSTRUCTOR, "its constructor does not keep sharpness as it was given"),
        (Prepares, CONSTRUCTOR, "its constructor sets ready, which no parameter is"),
        (TakesAnything, CONSTRUCTOR, "its constructor takes **more; name every parameter"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)  # fmt: skip
def test_a_cheat_is_caught_and_told_what_to_do(cls: type, caught: str, words: str, tmp_path: Path) -> None:
    assert words in _failed(cls, tmp_path, only=caught)[caught]


@pytest.mark.parametrize(
    ("cls", "only"),
    [
        (SplitsCells, {SPLITS, SPLITS_AT_WORK}),
        (ForgetsGroups, {SPLITS, SPLITS_AT_WORK, FITS_AT_WORK}),
        (ChangesItsInput, {UNTOUCHED}),
        (GoesOn, {ANEW}),
        (StumblesOverGaps, {GAPS}),
        (Prepares, {CONSTRUCTOR}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_nothing_else_is_held_against_it(cls: type, only: set[str], tmp_path: Path) -> None:
    assert set(_failed(cls, tmp_path)) == only


def test_a_selection_on_all_patients_ever_seen_finds_a_signal_in_noise() -> None:
    """Why the check matters: grouped folds alone do not stop it (EVALUATION, section 4.3: 0.93 where 0.5 is true)."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 5)
    y = (patients % 2).astype(str)
    X = rng.normal(size=(200, 1000)) + rng.normal(size=(40, 1000))[patients]

    def auc(choose_on: Array | None) -> float:
        scores = np.empty(len(y))
        for fold in range(4):
            test = patients // 2 % 4 == fold
            rows = ~test if choose_on is None else choose_on
            kept = SelectKBest(f_classif, k=20).fit(X[rows], y[rows]).get_support()
            scores[test] = Honest().fit(X[~test][:, kept], y[~test]).predict_proba(X[test][:, kept])[:, 1]
        return float(roc_auc_score(y == "1", scores))

    assert auc(np.ones(len(y), dtype=bool)) > 0.9
    assert auc(None) < 0.65
