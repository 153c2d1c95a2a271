"""Evaluate one fold of one experiment: tune, fit and learn the decision on training patients only; predict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from bench.errors import BenchError
from bench.evaluation.importances import importances_of
from bench.evaluation.inputs import InMemoryInputs, InMemoryMembers, Inputs, OpenInputs, check_any_value
from bench.evaluation.protocol import Protocol
from bench.evaluation.trained_pipeline import TrainedPipeline, predict_probabilities
from bench.evaluation.tuning import FitAndScore, OpenStudy, study_in_memory, tune
from bench.plugins.checked_features import check_weights
from bench.plugins.plugin import Plugin
from bench.plugins.training_record import OUTER, joined_tables, training_record, training_tables
from bench.scores.decisions import FittedDecision, Inner, fit_decision
from bench.scores.metrics import weighted_auroc
from bench.scores.predictions import probability_columns
from bench.splits.folds import Indices, InnerPatientKFold, LastRows, PatientKFold, check_disjoint, inner_folds
from extractors.cells import Cells
from extractors.epoch_scores import OnEpoch
from extractors.inner_fits import HOLDOUT, OUT_OF_FOLD
from extractors.preparation.step import Step
from extractors.seeds import seed_of


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
    validation : ndarray of int or None
        Positions of the cells on which choices are made; they may be the test cells, which is a leak of some published
        protocols. None: inner folds of the training cells.
    engine : mapping
        Further parameters that the engine sets in the classifier if it accepts them, such as `weights_dir` and
        `device`.
    weights_sha256 : str or None
        Digest of the pretrained weights that the classifier must have used; None without such weights.
    config_sha256 : str or None
        Digest of the configuration of its network, if that is named by its repository or folder.
    checkpoints : Path or None
        Folder in which a classifier with the parameter `checkpoint_dir` stores its finished epochs, one folder per fit,
        named as the fit. An interrupted fit continues there with the same result. None: nothing is stored.
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
    validation: Indices | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str | None = None
    config_sha256: str | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class FoldResult:
    """Result of one fold.

    Parameters
    ----------
    predictions : DataFrame
        Test cells: `row` (position in the dataset), `repeat`, `fold`, `threshold`, `patient_threshold`, `p_<class>`
        and, with calibration, `raw_<class>`: the probabilities before it.
    inner_predictions : DataFrame
        Out-of-fold predictions of the training cells, or predictions of the validation cells: `row`, `repeat`, `fold`,
        `inner_fold`, `p_<class>`; not calibrated.
    trials : DataFrame
        The Optuna trials with `repeat` and `fold`; empty without tuning.
    importances : DataFrame
        `feature`, `importance`, `repeat`, `fold` (`bench.evaluation.importances`); empty if the classifier has none.
    seconds : dict of str to float
        Wall time of tuning, inner fits, the fit and prediction; for a stateful extractor also `extract`: the total
        time of its fits, including those read from the store.
    notices : tuple of str
        Messages for the user.
    training : dict of str to DataFrame
        Training records of the networks (`bench.plugins.training_record.training_tables`) with `repeat` and `fold`;
        tables without rows are left out.
    networks : tuple of dict
        Records of the networks that a worker has stored (`bench.experiments.stored_networks`).
    """

    predictions: pd.DataFrame
    inner_predictions: pd.DataFrame
    trials: pd.DataFrame
    importances: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    training: dict[str, pd.DataFrame] = field(default_factory=dict)
    networks: tuple[dict[str, Any], ...] = ()


OnFit = Callable[[str, Any], None]
"""Called with the name of a fit, `inner 0`, ... or `outer`, and the fitted classifier; not for trials of a tuning."""


def _ignore(_name: str, _fitted: Any) -> None:
    """Do nothing with a fitted classifier."""


def evaluate_fold(
    fold: Fold, open_inputs: OpenInputs, *, open_study: OpenStudy = study_in_memory, on_fit: OnFit = _ignore
) -> FoldResult:
    """Tune and train a pipeline on the training cells of one outer fold and predict its test cells.

    Calibration and thresholds are learned on the inner out-of-fold predictions of the training patients. Tuning
    maximises the patient-weighted AUROC on the same inner folds. With `Fold.validation`, one fit predicts the
    validation cells and the test cells, and all choices are made on the former.

    Parameters
    ----------
    fold : Fold
        Fold to evaluate.
    open_inputs : callable
        Returns the inputs of each inner split and of the outer split, all before the first fit of a classifier. An
        ensemble may open further splits of training cells in its fit.
    open_study : callable
        Opens the Optuna study of the tuning.
    on_fit : callable
        Receives each fitted classifier.

    Raises
    ------
    BenchError
        A check failed: a patient on both sides, a missing class, invalid probabilities.
    """
    return _FoldFit(fold, open_inputs, open_study, on_fit).evaluate()


def repeat_outer_fit(fold: Fold, open_inputs: OpenInputs, *, classifier: bool, on_fit: OnFit) -> None:
    """Repeat the outer fit of `evaluate_fold`, with as few other fits as it needs: tuning needs the inner ones.

    Parameters
    ----------
    fold : Fold
        Fold to fit.
    open_inputs : callable
        As for `evaluate_fold`; called for the outer split alone where possible.
    classifier : bool
        Whether the classifier is fitted. False: the inputs are opened, by which stateful extractors are fitted.
    on_fit : callable
        Receives the fitted classifier.

    Raises
    ------
    BenchError
        As `evaluate_fold`.
    """
    _FoldFit(fold, open_inputs, study_in_memory, on_fit).repeat_outer(classifier=classifier)


def train_pipeline(fold: Fold, cells: Cells, *, prepare: tuple[Step, ...] = (), **engine: Any) -> TrainedPipeline:
    """Train the pipeline of a fold in memory: the one whose predictions `evaluate_fold` returns.

    Parameters
    ----------
    fold : Fold
        Its test cells may be empty: then the pipeline is trained on all cells.
    cells : Cells
        Cells of the dataset, not yet prepared.
    prepare : tuple of Step
        Preparation of each cell.
    **engine
        Parameters that the engine sets in extractor and classifier, such as `threads`, `device` and `weights_dir`.

    Raises
    ------
    BenchError
        As `evaluate_fold`.
    """
    prepared = Cells(replace(file, prepare=prepare) for file in cells.files)
    own = fold.extractor is None and any(member.extractor for member in fold.classifier.members)
    source = InMemoryMembers(fold, prepared, engine) if own else InMemoryInputs(fold, prepared, engine)
    pipeline, *_ = _FoldFit(replace(fold, engine=engine), source.open, study_in_memory).train()
    return replace(pipeline, prepare=prepare, extractor=source.extractor)


@dataclass(frozen=True)
class _Split:
    """Name, training rows, predicted rows, and the inputs of both."""

    name: str
    train: Indices
    predicted: Indices
    inputs: Inputs


class _FoldFit:
    def __init__(self, job: Fold, open_inputs: OpenInputs, open_study: OpenStudy, on_fit: OnFit = _ignore) -> None:
        self.job, self.open_inputs, self.open_study, self.on_fit = job, open_inputs, open_study, on_fit
        self.classes = np.unique(job.labels)
        self.columns = probability_columns([str(c) for c in self.classes])
        names = (job.extractor.canonical if job.extractor else "", job.classifier.canonical)
        self.seed = seed_of(job.protocol.seed, *names, job.repeat, job.fold)
        self.seconds: dict[str, float] = {}
        self.training: list[dict[str, pd.DataFrame]] = []

    def evaluate(self) -> FoldResult:
        job, (pipeline, inner, trials, test) = self.job, self.train()
        predictions = self._timed("predict", lambda: pipeline.predict_inputs(test.inputs.take(test.predicted)))
        importances = importances_of(pipeline.classifier, pipeline.feature_names)
        return FoldResult(
            predictions.assign(row=test.predicted, repeat=job.repeat, fold=job.fold),
            inner.assign(repeat=job.repeat, fold=job.fold),
            trials,
            importances.assign(repeat=job.repeat, fold=job.fold),
            self.seconds,
            training=joined_tables(self.training, repeat=job.repeat, fold=job.fold),
        )

    def repeat_outer(self, *, classifier: bool) -> None:
        """Repeat the outer fit, or only the fits of its extractors."""
        estimator = self._classifier()
        if classifier and self._tunes(estimator):
            self.train()
            return
        outer = self._inputs_of(self._inner_pairs(), outer_only=True)[-1]
        if classifier:
            self._recorded(estimator, outer)

    def train(self) -> tuple[TrainedPipeline, pd.DataFrame, pd.DataFrame, _Split]:
        """Return the trained pipeline, its inner predictions, the trials, and the outer split."""
        *inner_splits, test = self._open_splits()
        estimator, trials = self._timed("tune", lambda: self._tuned(self._classifier(), inner_splits))
        if self.job.validation is None:
            inner = self._timed("inner", lambda: self._inner(estimator, inner_splits))
            classifier = self._timed("fit", lambda: self._recorded(estimator, test))
        else:
            classifier = self._timed("fit", lambda: self._recorded(estimator, test))
            inner = self._timed("inner", lambda: self._predict(classifier, inner_splits[0]).assign(inner_fold=0))
        pipeline = TrainedPipeline(
            prepare=(),
            extractor=None,
            classifier=classifier,
            decision=self._fit_decision(inner),
            classes=tuple(str(c) for c in self.classes),
            feature_names=tuple(getattr(test.inputs, "names", ())),
        )
        return pipeline, inner, trials, test

    def _open_splits(self) -> list[_Split]:
        """Open the inputs of all splits, the outer one last, and check that there are values."""
        job, splits = self.job, self._inputs_of(self._inner_pairs())
        *inner_splits, outer = splits
        check_any_value(outer.inputs, outer.train, "training cells")
        for number, split in enumerate(inner_splits):
            check_any_value(split.inputs, split.train, f"training cells of inner fold {number}")
        if job.protocol.split != "lopo" and len(job.test):
            check_any_value(outer.inputs, job.test, "test cells, so there is nothing to predict from")
        return splits

    def _inner_pairs(self) -> list[tuple[Indices, Indices]]:
        """Check the outer split and draw the inner ones: training and predicted rows of each."""
        job = self.job
        if job.protocol.split != "official":
            check_disjoint(job.units, job.train, job.test, where="outer split")
        y, units = job.labels[job.train], job.units[job.train]
        self._check_classes(y, "training patients")
        if job.protocol.split != "lopo" and len(job.test):
            # One patient often has one class: then there is no AUROC, but a decision per cell.
            self._check_classes(job.labels[job.test], "test patients")
        if job.validation is not None:
            check_disjoint(job.units, job.train, job.validation, where="validation split")
            self._check_classes(job.labels[job.validation], "validation cells")
            return [(job.train, job.validation)]
        # The inner folds, like the outer ones, are the same for every experiment on the data.
        inner = self._inner_splitter(PatientKFold)
        pairs = [(job.train[a], job.train[b]) for a, b in inner.split(y, y, units)]
        for number, (train, validation) in enumerate(pairs):
            check_disjoint(job.units, train, validation, where=f"inner fold {number}")
        return pairs

    def _inputs_of(self, pairs: list[tuple[Indices, Indices]], *, outer_only: bool = False) -> list[_Split]:
        """Open the inputs of the inner splits that are used, and of the outer one, by the extractor's `inner`."""
        job, splitter = self.job, self._inner_splitter(InnerPatientKFold)
        fits = OUT_OF_FOLD if job.extractor is None else job.extractor.inner
        if job.validation is not None:
            inputs = self.open_inputs(job.train, np.union1d(job.validation, job.test), splitter)
            return [_Split("inner 0", *pairs[0], inputs), _Split(OUTER, job.train, job.test, inputs)]
        inner = [(f"inner {number}", *pair) for number, pair in enumerate(pairs)]
        outer = (OUTER, job.train, job.test)
        if fits == OUT_OF_FOLD:
            return [
                _Split(name, train, predicted, self.open_inputs(train, predicted, splitter))
                for name, train, predicted in [*([] if outer_only else inner), outer]
            ]
        fitted = (job.train, job.test)
        if fits == HOLDOUT:
            if job.protocol.calibrate != "none":
                raise BenchError(
                    f"inner={fits} has one inner fold, and calibration needs two; use inner={OUT_OF_FOLD} or "
                    "--calibrate none"
                )
            inner = inner[:1]
            fitted = (pairs[0][0], np.concatenate([pairs[0][1], job.test]))
        inputs = self.open_inputs(*fitted, splitter)
        return [_Split(*split, inputs) for split in [*inner, outer]]

    def _inner_splitter(self, kind: type[PatientKFold]) -> PatientKFold:
        job = self.job
        k = inner_folds(job.labels[job.train], job.units[job.train], job.protocol.inner_folds)
        return kind(k, random_state=seed_of("inner folds", job.protocol.seed, job.repeat, job.fold))

    def _classifier(self) -> Any:
        threads, seed = self.job.protocol.threads, seed_of(self.seed, "fit")
        splitter = self._inner_splitter(InnerPatientKFold)
        own = {"random_state": seed, "cv": splitter, "threads": threads, "n_jobs": threads, "on_epoch": None}
        return self.job.classifier.build(**{**self.job.engine, **own})

    def _tunes(self, estimator: Any) -> bool:
        return self.job.protocol.tunes and bool(getattr(estimator, "tunable", True))

    def _tuned(self, estimator: Any, splits: Sequence[_Split]) -> tuple[Any, pd.DataFrame]:
        protocol = self.job.protocol
        if not self._tunes(estimator):
            return estimator, pd.DataFrame()

        def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
            def in_fold(split: _Split) -> FitAndScore:
                return lambda on_epoch: self._auroc(self._fit(candidate, split, trial, on_epoch), split)

            return [in_fold(split) for split in splits]

        study = tune(
            estimator,
            evaluate,
            trials=protocol.tune,
            seed=seed_of(self.seed, "tune"),
            sampler=protocol.sampler,
            hours=protocol.tune_hours,
            open_study=self.open_study,
        )
        trials = study.trials.assign(repeat=self.job.repeat, fold=self.job.fold)
        return clone(estimator).set_params(**study.params), trials

    def _inner(self, estimator: Any, splits: Sequence[_Split]) -> pd.DataFrame:
        parts = []
        for number, split in enumerate(splits):
            parts.append(self._predict(self._recorded(estimator, split), split).assign(inner_fold=number))
        return pd.concat(parts, ignore_index=True)

    def _recorded(self, estimator: Any, split: _Split) -> Any:
        """Fit, keep the training record, and pass the classifier on."""
        fitted = self._fit(estimator, split)
        self.on_fit(split.name, fitted)
        if (record := training_record(fitted)) is not None:
            self.training.append(training_tables(record, "classifier", split.name))
        return fitted

    def _fit(self, estimator: Any, split: _Split, trial: int | None = None, on_epoch: OnEpoch | None = None) -> Any:
        job, unfitted, rows = self.job, clone(estimator), split.train
        if job.validation is not None and getattr(unfitted, "holds_out", False):
            rows = np.concatenate([split.train, job.validation])
            unfitted.set_params(cv=LastRows(len(job.validation)))
        y, groups = job.labels[rows], job.units[rows]
        if job.checkpoints is not None and "checkpoint_dir" in job.classifier.accepts:
            name = split.name if trial is None else f"trial {trial} {split.name}"
            unfitted.set_params(checkpoint_dir=str(job.checkpoints / name.replace(" ", "-")))
        if on_epoch is not None and "on_epoch" in unfitted.get_params(deep=False):
            unfitted.set_params(on_epoch=on_epoch)
        logger = job.engine.get("logger")
        if logger is not None and "logger" in job.classifier.accepts:
            number = {} if trial is None else {"trial": trial}
            unfitted.set_params(logger=logger.described(selector=job.classifier.selector, fit=split.name, **number))
        fitted = unfitted.fit(split.inputs.take(rows), y, groups=groups)
        check_weights(fitted, job.weights_sha256, job.classifier.selector, config=job.config_sha256)
        return fitted

    def _predict(self, fitted: Any, split: _Split) -> pd.DataFrame:
        rows = split.predicted
        probabilities = predict_probabilities(fitted, split.inputs.take(rows), [str(c) for c in self.classes])
        return pd.DataFrame(probabilities, columns=self.columns).assign(row=rows)

    def _auroc(self, fitted: Any, split: _Split) -> float:
        rows = split.predicted
        table, labels, units = self._predict(fitted, split), self.job.labels[rows], self.job.units[rows]
        scored = [self.job.positive] if len(self.classes) == 2 else self.classes
        return float(np.mean([weighted_auroc(table[f"p_{c}"].to_numpy(), labels == c, units) for c in scored]))

    def _fit_decision(self, inner: pd.DataFrame) -> FittedDecision:
        rows = inner["row"].to_numpy()
        out_of_fold = Inner(
            inner[self.columns].to_numpy(),
            np.searchsorted(self.classes, self.job.labels[rows]),
            self.job.units[rows],
            inner["inner_fold"].to_numpy(),
        )
        positive = 0 if self.job.positive is None else int(np.searchsorted(self.classes, self.job.positive))
        return fit_decision(out_of_fold, self.job.protocol.decision, positive=positive)

    def _check_classes(self, y: npt.NDArray[Any], side: str) -> None:
        missing = np.setdiff1d(self.classes, y)
        if len(missing):
            raise BenchError(f"the {side} have no cell of {', '.join(map(str, missing))}")

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[step] = time.perf_counter() - start
