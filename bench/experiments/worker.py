"""The worker's task: open the inputs of a fold and evaluate it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import FeatureArray, Inputs
from bench.evaluation.tuning import OpenStudy, study_in_memory
from bench.features.missing import fold_notice
from bench.features.store.entry import feature_names, open_features, open_status
from bench.features.store.fit_key import Fit, FitLocation, scratch_store
from bench.features.store.fitted_features import fitted_features
from bench.seeds import seed_of
from bench.splits.folds import Indices, PatientKFold
from extractors.cells import Cells


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
    """

    features: str | None
    cells: Cells | None
    open_study: OpenStudy = study_in_memory
    fits: FitLocation | None = None


def fit_fold(job: FoldJob) -> FoldResult:
    """Evaluate one outer fold.

    A stateful extractor is fitted once on the training cells of each split; its seed is derived from its own selector,
    repeat and fold, so that classifiers share the fits.

    Raises
    ------
    BenchError
        A check failed, or the features cannot be read.
    """
    if job.fits is None:
        return evaluate_fold(job, partial(_open_shared, job), open_study=job.open_study)
    with scratch_store(job.fits) as place:
        fits = _Fits(job, place)
        result = evaluate_fold(job, fits.open, open_study=job.open_study)
    return replace(result, seconds={"extract": fits.seconds, **result.seconds}, notices=tuple(fits.notices))


def _open_shared(job: FoldJob, *split: object) -> Inputs:
    """Return the stored features or the cells, the same for every split."""
    if job.features is not None:
        names = tuple(feature_names(job.features))
        return FeatureArray(open_features(job.features), names, open_status(job.features))
    assert job.cells is not None  # noqa: S101 (a job has features or cells)
    return job.cells


class _Fits:
    """Features of a stateful extractor, fitted or read from the store for each split."""

    def __init__(self, job: FoldJob, place: FitLocation) -> None:
        self.job, self.place = job, place
        self.seconds = 0.0
        self.notices: dict[str, None] = {}

    def open(self, train: Indices, predicted: Indices, splitter: PatientKFold) -> Inputs:
        """Fit on the training cells, or read the stored fit; return the features of training and predicted cells."""
        job = self.job
        assert job.extractor is not None  # noqa: S101 (a job with fits has an extractor)
        assert job.cells is not None  # noqa: S101 (a job with fits has cells)
        fit = Fit(
            job.extractor,
            self.place,
            job.cells,
            job.labels,
            job.units,
            train,
            predicted,
            seed=seed_of(job.protocol.seed, job.extractor.canonical, job.repeat, job.fold),
            cv=splitter,
            forbidden_groups=self._forbidden_groups(predicted),
            where="outer split" if predicted is job.test else "inner split",
        )
        features = fitted_features(fit)
        self.seconds += features.seconds
        self.notices |= dict.fromkeys(features.notices)
        if predicted is job.test and (notice := fold_notice(features.take(train))):
            self.notices[f"{job.extractor.selector}, repeat {job.repeat}, fold {job.fold}: {notice}"] = None
        return features

    def _forbidden_groups(self, predicted: Indices) -> dict[str, frozenset[str]]:
        """Groups that must be absent from this fit's training data: the predicted ones, and those of the test fold."""
        job, split = self.job, self.job.protocol.split
        if split == "official":  # the official outer split may separate cells of one patient; reported elsewhere
            rows = predicted if predicted is not job.test else predicted[:0]
        else:
            rows = np.union1d(predicted, job.test)
        groups = {"units": job.units} | ({} if split == "image" else {"patients": self.place.patients})
        return {kind: frozenset(str(name) for name in names[rows]) for kind, names in groups.items()}
