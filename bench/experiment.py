"""One fold of one experiment: tune, fit, predict and decide, seeing training patients alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from bench.errors import BenchError
from bench.identity import seed_of
from bench.importances import importances_of
from bench.plugins import Plugin
from bench.scores.decisions import Decision, Inner, decide, decided_table
from bench.scores.metrics import probability_columns, weighted_auroc
from bench.splits.folds import Indices, InnerPatientKFold, PatientKFold, check_apart, inner_folds
from bench.store.entry import feature_names, open_features
from bench.tuning import tune
from bench.tuning_storage import StudyPlace
from extractors.cells import Cells

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-4
"""How far probabilities may be from 0 to 1, and their sum from 1: float32 rounds."""


@dataclass(frozen=True)
class Protocol:
    """How an experiment is evaluated; part of its identity.

    Parameters
    ----------
    split : {"patient", "image", "official", "official-linked", "lopo", "held-out"}
        What the outer folds hold apart; see `bench.splits.outer_folds.draw_folds`.
    folds, repeats, inner_folds : int
        Outer folds, their repeats, and inner folds at most.
    tune : int
        Tuning trials for each outer fold; 0: none.
    calibrate, threshold, aggregate : str
        How probabilities become decisions; see `bench.scores.decisions.Decision`.
    seed : int
        Root of every seed.
    threads : int
        Threads of a fit.
    """

    split: str = "patient"
    folds: int = 5
    repeats: int = 1
    inner_folds: int = 3
    tune: int = 0
    calibrate: str = "none"
    threshold: str = "balanced"
    aggregate: str = "mean"
    seed: int = 0
    threads: int = 1

    @property
    def decision(self) -> Decision:
        """How probabilities become decisions."""
        return Decision(self.calibrate, self.threshold, self.aggregate)


@dataclass(frozen=True)
class FoldJob:
    """All that a worker needs to fit one fold of one experiment.

    Parameters
    ----------
    extractor : Plugin or None
        None for a classifier that consumes cells.
    classifier : Plugin
        What is fitted.
    protocol : Protocol
        How it is evaluated.
    positive : str or None
        Positive class of two.
    labels, units : ndarray of str, shape (n_cells,)
        Label and split unit of each cell of the data set. Under `--split image` each cell is its own unit.
    features : str or None
        Folder of the stored features; None where cells are consumed.
    cells : Cells or None
        The cells, where they are consumed.
    repeat, fold : int
        Which fold.
    train, test : ndarray of int
        Positions of the fold's cells.
    study : StudyPlace or None
        Where the tuning study is kept, too; nothing that is found depends on it.
    """

    extractor: Plugin | None
    classifier: Plugin
    protocol: Protocol
    positive: str | None
    labels: npt.NDArray[Any]
    units: npt.NDArray[Any]
    features: str | None
    cells: Cells | None
    repeat: int
    fold: int
    train: Indices
    test: Indices
    study: StudyPlace | None = None


@dataclass(frozen=True)
class FoldResult:
    """What a fold gave.

    Parameters
    ----------
    predictions : DataFrame
        Test cells: `row` (position in the data set), `repeat`, `fold`, `threshold`, `patient_threshold`, `p_<class>`
        and, where these are calibrated, `raw_<class>` as the classifier gave them.
    inner : DataFrame
        Training cells, predicted out of fold: `row`, `repeat`, `fold`, `inner_fold`, `p_<class>`; not calibrated.
    trials : DataFrame
        The Optuna trials with `repeat` and `fold`; empty without tuning.
    importances : DataFrame
        `feature`, `importance`, `repeat`, `fold`, as `bench.importances` gives them; empty where the classifier tells
        none.
    seconds : dict of str to float
        Wall time of tuning, inner fits, the fit and prediction.
    """

    predictions: pd.DataFrame
    inner: pd.DataFrame
    trials: pd.DataFrame
    importances: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)


class ExtractThenClassify(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A classifier of cells made of an extractor that learns and a classifier of its features.

    Both are fitted on the cells given to `fit`, so that no inner or outer test patient is seen.

    Parameters
    ----------
    extractor : transformer of cells
        Fitted with `fit(cells, y, groups=groups)`.
    classifier : classifier of features
        Fitted on the extractor's features.
    """

    consumes = "cells"

    def __init__(self, extractor: Any, classifier: Any) -> None:
        self.extractor = extractor
        self.classifier = classifier

    def fit(self, X: Cells, y: Any, groups: Any = None) -> ExtractThenClassify:
        """Fit the extractor, then the classifier on its features."""
        self.extractor_ = clone(self.extractor).fit(X, y, groups=groups)
        self.classifier_ = clone(self.classifier).fit(self.extractor_.transform(X), y, groups=groups)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X: Cells) -> Floats:
        """Probabilities of the classes, shape (n_cells, n_classes)."""
        return np.asarray(self.classifier_.predict_proba(self.extractor_.transform(X)))

    @property
    def tunable(self) -> bool:
        """Whether the classifier has anything to tune."""
        return bool(getattr(self.classifier, "tunable", True))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """The classifier's own search space."""
        return {f"classifier__{k}": v for k, v in self.classifier.search_space(trial).items()}


def fit_fold(job: FoldJob) -> FoldResult:
    """Fit and predict one outer fold.

    Calibration and thresholds are learned on the inner out-of-fold predictions of the training patients. Tuning, where
    asked for, maximises the patient-weighted AUROC on the same inner folds.

    Raises
    ------
    BenchError
        A guard stopped the fold: a patient on both sides, a class missing, probabilities that are none.
    """
    return _FoldFit(job).run()


class _FoldFit:
    def __init__(self, job: FoldJob) -> None:
        self.job = job
        self.classes = np.unique(job.labels)
        self.columns = probability_columns([str(c) for c in self.classes])
        names = (job.extractor.canonical if job.extractor else "", job.classifier.canonical)
        self.seed = seed_of(job.protocol.seed, *names, job.repeat, job.fold)
        self.seconds: dict[str, float] = {}

    def run(self) -> FoldResult:
        job = self.job
        if job.protocol.split != "official":
            check_apart(job.units, job.train, job.test, where="outer split")
        y, units = job.labels[job.train], job.units[job.train]
        self._check_classes(y, "training patients")
        if job.protocol.split != "lopo":  # one patient mostly has one class: no AUROC, but a decision for each cell
            self._check_classes(job.labels[job.test], "test patients")
        k = inner_folds(y, units, job.protocol.inner_folds)
        # Like the outer folds, the inner ones are the same for every experiment on the data.
        seed = seed_of("inner folds", job.protocol.seed, job.repeat, job.fold)
        splits = [(job.train[a], job.train[b]) for a, b in PatientKFold(k, random_state=seed).split(y, y, units)]
        for number, (train, validation) in enumerate(splits):
            check_apart(job.units, train, validation, where=f"inner fold {number}")
        estimator = self._estimator(InnerPatientKFold(k, random_state=seed))
        estimator, trials = self._timed("tune", lambda: self._tuned(estimator, splits))
        inner = self._timed("inner", lambda: self._inner(estimator, splits))
        fitted = self._timed("fit", lambda: self._fit(estimator, job.train))
        outer = self._timed("predict", lambda: self._predict(fitted, job.test))
        predictions = self._decided(outer, inner).assign(repeat=job.repeat, fold=job.fold)
        return FoldResult(
            predictions,
            inner.assign(repeat=job.repeat, fold=job.fold),
            trials,
            self._importances(fitted).assign(repeat=job.repeat, fold=job.fold),
            self.seconds,
        )

    def _estimator(self, splitter: PatientKFold) -> Any:
        job, threads = self.job, self.job.protocol.threads
        seed = seed_of(self.seed, "fit")
        classifier = job.classifier.build(random_state=seed, cv=splitter, threads=threads, n_jobs=threads)
        if job.extractor is None or not job.extractor.requires_fit:
            return classifier
        extractor = job.extractor.build(random_state=seed, cv=splitter, threads=threads, n_jobs=threads)
        return ExtractThenClassify(extractor, classifier)

    def _tuned(self, estimator: Any, splits: Sequence[tuple[Indices, Indices]]) -> tuple[Any, pd.DataFrame]:
        if not self.job.protocol.tune or not getattr(estimator, "tunable", True):
            return estimator, pd.DataFrame()

        def evaluate(candidate: Any) -> list[Callable[[], float]]:
            return [lambda a=a, b=b: self._auroc(self._fit(candidate, a), b) for a, b in splits]  # type: ignore[misc]

        found = tune(
            estimator,
            evaluate,
            trials=self.job.protocol.tune,
            seed=seed_of(self.seed, "tune"),
            place=self.job.study,
        )
        trials = found.trials.assign(repeat=self.job.repeat, fold=self.job.fold)
        return clone(estimator).set_params(**found.params), trials

    def _inner(self, estimator: Any, splits: Sequence[tuple[Indices, Indices]]) -> pd.DataFrame:
        parts = []
        for number, (train, validation) in enumerate(splits):
            parts.append(self._predict(self._fit(estimator, train), validation).assign(inner_fold=number))
        return pd.concat(parts, ignore_index=True)

    def _fit(self, estimator: Any, rows: Indices) -> Any:
        y, groups = self.job.labels[rows], self.job.units[rows]
        return clone(estimator).fit(self._inputs(rows), y, groups=groups)

    def _predict(self, fitted: Any, rows: Indices) -> pd.DataFrame:
        probabilities = np.asarray(fitted.predict_proba(self._inputs(rows)), dtype=np.float64)
        if not np.array_equal(fitted.classes_, self.classes):
            raise BenchError(f"the classifier knows {fitted.classes_}, the data {self.classes}")
        _check_probabilities(probabilities, (len(rows), len(self.classes)))
        return pd.DataFrame(probabilities, columns=self.columns).assign(row=rows)

    def _importances(self, fitted: Any) -> pd.DataFrame:
        stateful = isinstance(fitted, ExtractThenClassify)
        classifier = fitted.classifier_ if stateful else fitted
        names: Sequence[str] = []
        if hasattr(classifier, "feature_importances_"):
            if stateful:
                names = [str(name) for name in fitted.extractor_.get_feature_names_out()]
            elif self.job.features is not None:
                names = feature_names(self.job.features)
        return importances_of(classifier, names)

    def _auroc(self, fitted: Any, rows: Indices) -> float:
        table, labels, units = self._predict(fitted, rows), self.job.labels[rows], self.job.units[rows]
        scored = [self.job.positive] if len(self.classes) == 2 else self.classes
        return float(np.mean([weighted_auroc(table[f"p_{c}"].to_numpy(), labels == c, units) for c in scored]))

    def _inputs(self, rows: Indices) -> Any:
        if self.job.features is None:
            assert self.job.cells is not None  # noqa: S101 (a job has one or the other)
            return self.job.cells.take(rows)
        return np.ascontiguousarray(open_features(self.job.features)[rows])

    def _decided(self, outer: pd.DataFrame, inner: pd.DataFrame) -> pd.DataFrame:
        rows, decision = inner["row"].to_numpy(), self.job.protocol.decision
        learned_on = Inner(
            inner[self.columns].to_numpy(),
            np.searchsorted(self.classes, self.job.labels[rows]),
            self.job.units[rows],
            inner["inner_fold"].to_numpy(),
        )
        positive = 0 if self.job.positive is None else int(np.searchsorted(self.classes, self.job.positive))
        found = decide(outer[self.columns].to_numpy(), learned_on, decision, positive=positive)
        return decided_table(outer, found, [str(c) for c in self.classes], calibrated=decision.calibrate != "none")

    def _check_classes(self, y: npt.NDArray[Any], side: str) -> None:
        missing = np.setdiff1d(self.classes, y)
        if len(missing):
            raise BenchError(f"the {side} hold no cell of {', '.join(map(str, missing))}")

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[step] = time.perf_counter() - start


def _check_probabilities(found: Floats, shape: tuple[int, int]) -> None:
    if found.shape != shape:
        raise BenchError(f"the classifier gives probabilities of shape {found.shape}; {shape} is expected")
    finite = np.isfinite(found).all(axis=1)
    outside = ((found < -_ROUNDING) | (found > 1 + _ROUNDING)).any(axis=1)
    off = np.abs(found.sum(axis=1) - 1) > _ROUNDING
    for wrong, what in ((~finite, "are not finite"), (outside, "lie outside 0 to 1"), (off, "do not sum to 1")):
        if wrong.any():
            first = ", ".join(f"{p:g}" for p in found[np.argmax(wrong)])
            raise BenchError(
                f"the classifier's probabilities {what} for {int(wrong.sum())} of {len(found)} cells, such as {first}"
            )
