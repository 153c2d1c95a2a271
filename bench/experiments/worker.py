"""The worker's task: open the inputs of a fold and evaluate it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evaluation.fold import Fold, FoldResult, evaluate_fold, repeat_outer_fit
from bench.evaluation.inputs import EnsembleInputs, FeatureArray, Inputs, OpenInputs
from bench.evaluation.tuning import OpenStudy, study_in_memory
from bench.experiments.network_writer import Keep, NetworkWriter
from bench.features.missing import fold_notice
from bench.features.store.entry import feature_names, open_features, open_status
from bench.features.store.fit_key import Fit, FitLocation, held_out_rows, scratch_store
from bench.features.store.fitted_features import fitted_features
from bench.plugins.network_weights import nested_networks
from bench.plugins.plugin import Plugin
from bench.plugins.training_record import OUTER, joined_tables, training_tables
from bench.splits.folds import Indices, PatientKFold
from extractors.cells import Cells
from extractors.seeds import seed_of

Refits = Literal["extractors", "outer", "all"]
"""Which networks of a fold are fitted once more."""


@dataclass(frozen=True)
class MemberSource:
    """Location of the inputs of a member of an ensemble.

    Parameters
    ----------
    extractor : Plugin or None
        Its extractor; None for a classifier of cells.
    features : str or None
        Folder of the stored features; None for a classifier of cells or a stateful extractor.
    fits : FitLocation or None
        Location of the features of a stateful extractor; None for any other.
    """

    extractor: Plugin | None
    features: str | None
    fits: FitLocation | None


@dataclass(frozen=True, kw_only=True)
class FoldJob(Fold):
    """A fold and the location of its inputs.

    Parameters
    ----------
    features : str or None
        Folder of the stored features; None for a classifier of cells or a stateful extractor.
    cells : Cells or None
        Cells, for a classifier of cells or a stateful extractor; None otherwise.
    open_study : callable
        Opens the tuning study, in memory or in a storage, which does not affect the result.
    fits : FitLocation or None
        Location of the features of a stateful extractor; None for any other.
    models : Path or None
        Folder of networks that are kept; None: none are.
    keep : {"networks", "all"}
        Which networks are writer: those of the outer fits, or also those of the inner ones.
    nested_networks : list of dict
        Identities of the pretrained networks that are nested in the classifier, as in the key.
    members : tuple of MemberSource
        Inputs of the members of an ensemble whose members have extractors of their own; otherwise empty.
    """

    features: str | None
    cells: Cells | None
    open_study: OpenStudy = study_in_memory
    fits: FitLocation | None = None
    models: Path | None = None
    keep: Keep = "networks"
    nested_networks: Sequence[Mapping[str, Any]] = ()
    members: tuple[MemberSource, ...] = ()


def fit_fold(job: FoldJob) -> FoldResult:
    """Evaluate one outer fold; write its networks, if there are some that are writer, and return their records.

    A stateful extractor is fitted once on the training cells of each split; its seed is derived from its own selector,
    repeat and fold, so that classifiers share the fits.

    Raises
    ------
    BenchError
        A check failed, or the features cannot be read.
    """
    writer = _writer(job)
    result = _evaluated(job, writer)
    _check_nested_networks(job)
    notices = tuple(dict.fromkeys([*result.notices, *writer.notices]))
    return replace(result, networks=tuple(writer.records), notices=notices)


def fit_networks(job: FoldJob, what: Refits) -> tuple[dict[str, Any], ...]:
    """Fit networks of a fold once more, write them and return their records; nothing is evaluated.

    Parameters
    ----------
    job : FoldJob
        The fold, as for `fit_fold`; `models` and `keep` say where and which networks are written.
    what : {"extractors", "outer", "all"}
        Networks of the extractors of the outer split, of the whole outer fit, or also of the inner fits.

    Raises
    ------
    BenchError
        As `fit_fold`.
    """
    writer = _writer(job)
    if what == "all":
        _evaluated(job, writer)
    else:
        on_fit = partial(writer.add_classifier, plugin=job.classifier)
        with _open_sources(job, writer) as (open_inputs, _):
            repeat_outer_fit(job, open_inputs, classifier=what == "outer", on_fit=on_fit)
    _check_nested_networks(job)
    return tuple(writer.records)


def _writer(job: FoldJob) -> NetworkWriter:
    return NetworkWriter(job.models, job.keep, repeat=job.repeat, fold=job.fold)


def _check_nested_networks(job: FoldJob) -> None:
    """Check that the networks in an ensemble or a bag have computed with the weights that the key names.

    Each fit compares the bytes that it loads with the digest of the file at that time.
    """
    if not job.nested_networks:
        return
    networks = nested_networks(job.classifier, weights_dir=job.engine.get("weights_dir"))
    for ours, theirs in zip(job.nested_networks, networks, strict=True):
        if ours != theirs:
            raise BenchError(f"weights of {ours['model']}: changed since they were scanned; run the command again")


def _evaluated(job: FoldJob, writer: NetworkWriter) -> FoldResult:
    on_fit = partial(writer.add_classifier, plugin=job.classifier)
    with _open_sources(job, writer) as (open_inputs, fits):
        result = evaluate_fold(job, open_inputs, open_study=job.open_study, on_fit=on_fit)
    if not fits:
        return result
    tables = joined_tables([table for fit in fits for table in fit.training], repeat=job.repeat, fold=job.fold)
    return replace(
        result,
        seconds={"extract": sum(fit.seconds for fit in fits), **result.seconds},
        notices=tuple(dict.fromkeys(notice for fit in fits for notice in fit.notices)),
        training=joined_tables([tables, result.training]),
    )


@contextmanager
def _open_sources(job: FoldJob, writer: NetworkWriter) -> Iterator[tuple[OpenInputs, list[_Fits]]]:
    """Yield the function that opens the inputs of each split, and those of its sources that fit an extractor."""
    own = MemberSource(job.extractor, job.features, job.fits)
    with ExitStack() as stack:
        sources = [
            _opened(job, source, stack, writer, str(position) if job.members else "")
            for position, source in enumerate(job.members or (own,))
        ]
        open_inputs = partial(_open_members, sources) if job.members else sources[0]
        yield open_inputs, [source for source in sources if isinstance(source, _Fits)]


def _opened(job: FoldJob, source: MemberSource, stack: ExitStack, writer: NetworkWriter, member: str) -> OpenInputs:
    """Return the function that opens the inputs of each split."""
    if source.fits is None:
        return partial(_open_shared, job, source.features)
    assert source.extractor is not None  # noqa: S101 (a source with fits has an extractor)
    return _Fits(job, source.extractor, stack.enter_context(scratch_store(source.fits)), writer, member)


def _open_shared(job: FoldJob, features: str | None, *split: object) -> Inputs:
    """Return the stored features or the cells, the same for every split."""
    if features is not None:
        return FeatureArray(open_features(features), tuple(feature_names(features)), open_status(features))
    assert job.cells is not None  # noqa: S101 (a job has features or cells)
    return job.cells


def _open_members(
    sources: Sequence[OpenInputs], train: Indices, predicted: Indices, splitter: PatientKFold
) -> EnsembleInputs:
    """Open the inputs of each member; those of stateful extractors again for splits inside a fit."""
    again = partial(_open_members, sources) if any(isinstance(source, _Fits) for source in sources) else None
    members = tuple(source(train, predicted, splitter) for source in sources)
    return EnsembleInputs(members, splitter, again)


class _Fits:
    """Features of a stateful extractor, fitted or read from the store for each split."""

    def __init__(self, job: FoldJob, extractor: Plugin, place: FitLocation, writer: NetworkWriter, member: str) -> None:
        self.job, self.extractor, self.place, self.writer, self.member = job, extractor, place, writer, member
        self.seconds = 0.0
        self.notices: dict[str, None] = {}
        self.training: list[dict[str, pd.DataFrame]] = []
        self._opened = 0

    def __call__(self, train: Indices, predicted: Indices, splitter: PatientKFold) -> Inputs:
        """Fit on the training cells, or read the stored fit; return the features of training and predicted cells."""
        job, extractor = self.job, self.extractor
        assert job.cells is not None  # noqa: S101 (a job with fits has cells)
        name = OUTER if self._is_outer(predicted) else f"inner {self._opened}"
        logger = job.engine.get("logger")
        fit = Fit(
            extractor,
            self.place,
            job.cells,
            job.labels,
            job.units,
            train,
            predicted,
            seed=seed_of(job.protocol.seed, extractor.canonical, job.repeat, job.fold),
            cv=splitter,
            validation=job.validation,
            forbidden_groups=self._forbidden_groups(predicted),
            where="outer split" if self._is_outer(predicted) else "inner split",
            keep_network=self.writer.keeps(name),
            logger=None if logger is None else logger.described(fit=name),
        )
        features = fitted_features(fit)
        self.seconds += features.seconds
        self.notices |= dict.fromkeys(features.notices)
        if features.training is not None:
            self.training.append(training_tables(features.training, "extractor", name))
        self.writer.add_extractor(name, features, extractor.canonical, self.member)
        self._opened += 1
        if self._is_outer(predicted) and (notice := fold_notice(features.take(train))):
            self.notices[f"{extractor.selector}, repeat {job.repeat}, fold {job.fold}: {notice}"] = None
        return features

    def _is_outer(self, predicted: Indices) -> bool:
        """Whether the features are those by which the test cells are predicted."""
        return bool(np.isin(self.job.test, predicted).all())

    def _forbidden_groups(self, predicted: Indices) -> dict[str, frozenset[str]]:
        """Groups that must be absent from this fit's training data: the predicted ones, and those of the test fold."""
        job, split = self.job, self.job.protocol.split
        # The official outer split may separate cells of one patient; that is reported elsewhere.
        combine = np.setdiff1d if split == "official" else np.union1d
        rows = combine(predicted, job.test)
        # A published protocol may let a fit choose its epoch on cells of patients who are predicted; it alone.
        allowed = held_out_rows(self.extractor, job.validation)
        groups = {"units": job.units} | ({} if split == "image" else {"patients": self.place.patients})
        return {
            kind: frozenset(map(str, names[rows])) - frozenset(map(str, names[allowed]))
            for kind, names in groups.items()
        }
