"""One fold of one experiment: tune, fit, predict and decide, seeing training patients alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Shape

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from bench.errors import BenchError
from bench.identity import seed_of
from bench.importances import importances_of
from bench.plugins import Plugin
from bench.scores.decisions import Decision, Inner, decide, decided_table
from bench.scores.metrics import probability_columns, weighted_auroc
from bench.splits.folds import Indices, InnerPatientKFold, PatientKFold, check_apart, inner_folds
from bench.store.entry import feature_names, open_features
from bench.store.fits import Fit, FitPlace, kept
from bench.store.fitted import fitted_features
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
        Folder of the stored features; None where cells are consumed, or the extractor is fitted in the fold.
    cells : Cells or None
        The cells, where a classifier consumes them or an extractor learns from them.
    repeat, fold : int
        Which fold.
    train, test : ndarray of int
        Positions of the fold's cells.
    study : StudyPlace or None
        Where the tuning study is kept, too; nothing that is found depends on it.
    fits : FitPlace or None
        Where the features of an extractor that learns lie; None for any other.
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
    fits: FitPlace | None = None


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
        Wall time of tuning, inner fits, the fit and prediction; and of an extractor that learns, `extract`: what its
        fits of this fold took, inner ones and all, be they done now or found in the store.
    notices : tuple of str
        What a person should read.
    """

    predictions: pd.DataFrame
    inner: pd.DataFrame
    trials: pd.DataFrame
    importances: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def fit_fold(job: FoldJob) -> FoldResult:
    """Fit and predict one outer fold.

    Calibration and thresholds are learned on the inner out-of-fold predictions of the training patients. Tuning, where
    asked for, maximises the patient-weighted AUROC on the same inner folds. An extractor that learns is fitted once on
    the training cells of each split; its seed comes from its own selector, repeat and fold, so that all classifiers
    share the fits.

    Raises
    ------
    BenchError
        A guard stopped the fold: a patient on both sides, a class missing, probabilities that are none.
    """
    return _FoldFit(job).run()


class _Inputs(Shape):
    """Features or cells of a data set."""

    def take(self, rows: Indices) -> Any:
        """Those at the given positions."""


@dataclass(frozen=True)
class _Stored:
    """Features that every split shares."""

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]

    def take(self, rows: Indices) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(self.values[rows])


@dataclass(frozen=True)
class _Split:
    """What is fitted on, what is predicted, and what stands for the cells meanwhile."""

    train: Indices
    predicted: Indices
    inputs: _Inputs


class _FoldFit:
    def __init__(self, job: FoldJob) -> None:
        self.job = job
        self.classes = np.unique(job.labels)
        self.columns = probability_columns([str(c) for c in self.classes])
        names = (job.extractor.canonical if job.extractor else "", job.classifier.canonical)
        self.seed = seed_of(job.protocol.seed, *names, job.repeat, job.fold)
        self.seconds: dict[str, float] = {}
        self.notices: dict[str, None] = {}

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
        pairs = [(job.train[a], job.train[b]) for a, b in PatientKFold(k, random_state=seed).split(y, y, units)]
        for number, (train, validation) in enumerate(pairs):
            check_apart(job.units, train, validation, where=f"inner fold {number}")
        splitter = InnerPatientKFold(k, random_state=seed)
        with nullcontext() if job.fits is None else kept(job.fits) as place:
            *inner, outer = [
                _Split(train, predicted, self._inputs(train, predicted, splitter, place))
                for train, predicted in [*pairs, (job.train, job.test)]
            ]
            return self._evaluated(inner, outer, splitter)

    def _evaluated(self, splits: Sequence[_Split], last: _Split, splitter: PatientKFold) -> FoldResult:
        job = self.job
        estimator, trials = self._timed("tune", lambda: self._tuned(self._classifier(splitter), splits))
        inner = self._timed("inner", lambda: self._inner(estimator, splits))
        fitted = self._timed("fit", lambda: self._fit(estimator, last))
        outer = self._timed("predict", lambda: self._predict(fitted, last))
        predictions = self._decided(outer, inner).assign(repeat=job.repeat, fold=job.fold)
        return FoldResult(
            predictions,
            inner.assign(repeat=job.repeat, fold=job.fold),
            trials,
            importances_of(fitted, getattr(last.inputs, "names", ())).assign(repeat=job.repeat, fold=job.fold),
            self.seconds,
            tuple(self.notices),
        )

    def _inputs(self, train: Indices, predicted: Indices, splitter: PatientKFold, place: FitPlace | None) -> _Inputs:
        """What a classifier is given in one split: stored features, those of an extractor fitted for it, or cells."""
        job = self.job
        if job.features is not None:
            return _Stored(open_features(job.features), tuple(feature_names(job.features)))
        assert job.cells is not None  # noqa: S101 (a job has features or cells)
        if job.extractor is None:
            return job.cells
        assert place is not None  # noqa: S101 (an extractor that learns comes with a place for its fits)
        fit = Fit(
            job.extractor,
            place,
            job.cells,
            job.labels,
            job.units,
            train,
            predicted,
            seed=seed_of(job.protocol.seed, job.extractor.canonical, job.repeat, job.fold),
            cv=splitter,
            strangers=self._strangers(predicted, place),
            where="outer split" if predicted is job.test else "inner split",
        )
        found = fitted_features(fit)
        self.seconds["extract"] = self.seconds.get("extract", 0.0) + found.seconds
        self.notices |= dict.fromkeys(found.notices)
        return found

    def _strangers(self, predicted: Indices, place: FitPlace) -> dict[str, frozenset[str]]:
        """Who may not have been seen by what predicts these cells: their patients, and those of the test fold."""
        job, split = self.job, self.job.protocol.split
        if split == "official":  # its outer split may tear patients, which is told elsewhere
            rows = predicted if predicted is not job.test else predicted[:0]
        else:
            rows = np.union1d(predicted, job.test)
        whose = {"units": job.units} | ({} if split == "image" else {"patients": place.patients})
        return {kind: frozenset(str(name) for name in names[rows]) for kind, names in whose.items()}

    def _classifier(self, splitter: PatientKFold) -> Any:
        threads = self.job.protocol.threads
        seed = seed_of(self.seed, "fit")
        return self.job.classifier.build(random_state=seed, cv=splitter, threads=threads, n_jobs=threads)

    def _tuned(self, estimator: Any, splits: Sequence[_Split]) -> tuple[Any, pd.DataFrame]:
        if not self.job.protocol.tune or not getattr(estimator, "tunable", True):
            return estimator, pd.DataFrame()

        def evaluate(candidate: Any) -> list[Callable[[], float]]:
            return [lambda s=s: self._auroc(self._fit(candidate, s), s) for s in splits]  # type: ignore[misc]

        found = tune(
            estimator,
            evaluate,
            trials=self.job.protocol.tune,
            seed=seed_of(self.seed, "tune"),
            place=self.job.study,
        )
        trials = found.trials.assign(repeat=self.job.repeat, fold=self.job.fold)
        return clone(estimator).set_params(**found.params), trials

    def _inner(self, estimator: Any, splits: Sequence[_Split]) -> pd.DataFrame:
        parts = []
        for number, split in enumerate(splits):
            parts.append(self._predict(self._fit(estimator, split), split).assign(inner_fold=number))
        return pd.concat(parts, ignore_index=True)

    def _fit(self, estimator: Any, split: _Split) -> Any:
        y, groups = self.job.labels[split.train], self.job.units[split.train]
        return clone(estimator).fit(split.inputs.take(split.train), y, groups=groups)

    def _predict(self, fitted: Any, split: _Split) -> pd.DataFrame:
        rows = split.predicted
        probabilities = np.asarray(fitted.predict_proba(split.inputs.take(rows)), dtype=np.float64)
        if not np.array_equal(fitted.classes_, self.classes):
            raise BenchError(f"the classifier knows {fitted.classes_}, the data {self.classes}")
        _check_probabilities(probabilities, (len(rows), len(self.classes)))
        return pd.DataFrame(probabilities, columns=self.columns).assign(row=rows)

    def _auroc(self, fitted: Any, split: _Split) -> float:
        rows = split.predicted
        table, labels, units = self._predict(fitted, split), self.job.labels[rows], self.job.units[rows]
        scored = [self.job.positive] if len(self.classes) == 2 else self.classes
        return float(np.mean([weighted_auroc(table[f"p_{c}"].to_numpy(), labels == c, units) for c in scored]))

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
