"""Evaluate one fold of one experiment: tune, fit, predict and decide on training patients only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from bench.errors import BenchError
from bench.evaluation.importances import importances_of
from bench.evaluation.inputs import Inputs, OpenInputs
from bench.evaluation.protocol import Protocol
from bench.evaluation.tuning import OpenStudy, study_in_memory, tune
from bench.plugins.registry import Plugin
from bench.scores.decisions import Inner, add_decisions, decide
from bench.scores.metrics import weighted_auroc
from bench.scores.predictions import probability_columns
from bench.seeds import seed_of
from bench.splits.folds import Indices, InnerPatientKFold, PatientKFold, check_disjoint, inner_folds

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-4
"""How far probabilities may be from 0 to 1, and their sum from 1: float32 rounds."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold of one experiment.

    Parameters
    ----------
    extractor : Plugin or None
        None for a classifier that consumes cells.
    classifier : Plugin
        Classifier to fit.
    protocol : Protocol
        How the experiment is evaluated.
    positive : str or None
        Positive class of two.
    labels, units : ndarray of str, shape (n_cells,)
        Label and split unit of each cell of the dataset. With `--split image` each cell is its own unit.
    repeat, fold : int
        Number of the repeat and of the fold.
    train, test : ndarray of int
        Positions of the training and test cells.
    """

    extractor: Plugin | None
    classifier: Plugin
    protocol: Protocol
    positive: str | None
    labels: npt.NDArray[Any]
    units: npt.NDArray[Any]
    repeat: int
    fold: int
    train: Indices
    test: Indices


@dataclass(frozen=True)
class FoldResult:
    """Result of one fold.

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
        `feature`, `importance`, `repeat`, `fold` (`bench.evaluation.importances`); empty where the classifier has none.
    seconds : dict of str to float
        Wall time of tuning, inner fits, the fit and prediction; for a stateful extractor also `extract`: the total of
        its fits of this fold, whether computed now or read from the store.
    notices : tuple of str
        Messages for the user.
    """

    predictions: pd.DataFrame
    inner: pd.DataFrame
    trials: pd.DataFrame
    importances: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def evaluate_fold(fold: Fold, open_inputs: OpenInputs, *, open_study: OpenStudy = study_in_memory) -> FoldResult:
    """Tune, fit and predict one outer fold.

    Calibration and thresholds are learned on the inner out-of-fold predictions of the training patients. Tuning
    maximises the patient-weighted AUROC on the same inner folds.

    Parameters
    ----------
    fold : Fold
        What to evaluate.
    open_inputs : callable
        Returns the inputs of each inner split and of the outer split, all before the first fit of a classifier.
    open_study : callable
        Opens the Optuna study of the tuning.

    Raises
    ------
    BenchError
        A check failed: a patient on both sides, a missing class, invalid probabilities.
    """
    return _FoldFit(fold, open_inputs, open_study).run()


@dataclass(frozen=True)
class _Split:
    """Training rows, predicted rows, and the inputs of both."""

    train: Indices
    predicted: Indices
    inputs: Inputs


class _FoldFit:
    def __init__(self, job: Fold, open_inputs: OpenInputs, open_study: OpenStudy) -> None:
        self.job, self.open_inputs, self.open_study = job, open_inputs, open_study
        self.classes = np.unique(job.labels)
        self.columns = probability_columns([str(c) for c in self.classes])
        names = (job.extractor.canonical if job.extractor else "", job.classifier.canonical)
        self.seed = seed_of(job.protocol.seed, *names, job.repeat, job.fold)
        self.seconds: dict[str, float] = {}

    def run(self) -> FoldResult:
        job = self.job
        if job.protocol.split != "official":
            check_disjoint(job.units, job.train, job.test, where="outer split")
        y, units = job.labels[job.train], job.units[job.train]
        self._check_classes(y, "training patients")
        if job.protocol.split != "lopo":  # one patient mostly has one class: no AUROC, but a decision for each cell
            self._check_classes(job.labels[job.test], "test patients")
        k = inner_folds(y, units, job.protocol.inner_folds)
        # Like the outer folds, the inner ones are the same for every experiment on the data.
        seed = seed_of("inner folds", job.protocol.seed, job.repeat, job.fold)
        pairs = [(job.train[a], job.train[b]) for a, b in PatientKFold(k, random_state=seed).split(y, y, units)]
        for number, (train, validation) in enumerate(pairs):
            check_disjoint(job.units, train, validation, where=f"inner fold {number}")
        splitter = InnerPatientKFold(k, random_state=seed)
        *inner, outer = [
            _Split(train, predicted, self.open_inputs(train, predicted, splitter))
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
        )

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
            open_study=self.open_study,
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
        return add_decisions(outer, found, [str(c) for c in self.classes], calibrated=decision.calibrate != "none")

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
