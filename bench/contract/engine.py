"""Contract checks of a plugin in the engine: no fit depends on test patients."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.contract.call_log import CallLog, fits_on_test_patients, mislabelled_fits, splits_across_patients
from bench.contract.outcomes import NotApplicable, Step, Violation
from bench.contract.parameters import drawn_parameters
from bench.contract.spies import SpiedClassifier, SpiedExtractor, SpiedPlugin, watched_splitters, with_numbers
from bench.contract.synthetic_data import (
    Rows,
    SyntheticData,
    next_labels,
    planted_signals,
    renamed_copy,
    synthetic_cells,
    synthetic_features,
    with_other_inputs,
)
from bench.evaluation.fold import FoldResult
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import digests_array, write_entry
from bench.features.store.fit_key import FitLocation
from bench.plugins.plugin import Plugin
from extractors.cells import Cells

FOLDS, FITTED, INNER, TRIALS = 3, 2, 2, 2
"""Number of outer folds, of outer folds that are fitted, of inner folds and of tuning trials."""


@dataclass(frozen=True)
class EngineChecks:
    """Checks of a plugin in outer folds on synthetic cells, with calibration and, if possible, tuning.

    Parameters
    ----------
    extractor : Plugin or None
        None for a classifier of cells or of synthetic features.
    classifier : Plugin
        Classifier of the features or cells.
    folder : Path
        Empty folder for synthetic data.
    weights_dir : str or None
        Folder searched first for weights.
    """

    extractor: Plugin | None
    classifier: Plugin
    folder: Path
    weights_dir: str | None = None

    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""
        return [
            Step("in the engine, no fit sees a test patient", self.no_fit_sees_a_test_patient),
            Step("in the engine, no split separates cells of a patient", self.no_split_separates_a_patient),
            Step("labels of test patients have no effect", self.labels_have_no_effect),
            Step("other cells of test patients have no effect on the rest", self.cells_have_no_effect),
            Step("folds fitted before have no effect", self.order_has_no_effect),
        ]

    def no_fit_sees_a_test_patient(self) -> str:
        """Check the rows, labels and patients of all fits and predictions."""
        if isinstance(self._attempt, Exception):
            raise self._attempt
        for fold, (result, log) in enumerate(zip(self._folds, self._logs, strict=True)):
            least = INNER + 1 + TRIALS * INNER * self._tunable
            fits = sum(fit.role == "classifier" for fit in log.fits)
            if fits < least:
                raise Violation(f"{fits} fits in fold {fold}; expected at least {least}")
            violations = [
                *fits_on_test_patients(log, self._data.groups, self._test(fold)),
                *mislabelled_fits(log, self._data.y, self._data.groups),
            ]
            if violations:
                raise Violation("; ".join(violations))
            if sorted(result.predictions["row"]) != sorted(self._test(fold)):
                raise Violation(f"the predictions of fold {fold} are not those of its test cells")
        fits = sum(len(log.fits) for log in self._logs)
        return f"{fits} fits, {'with' if self._tunable else 'without'} tuning"

    def no_split_separates_a_patient(self) -> str:
        """Check the calls of `cv.split` and the splits of scikit-learn inside fits."""
        _ = self._attempt
        violations = list(dict.fromkeys(text for log in self._logs for text in splits_across_patients(log)))
        if violations:
            raise Violation("; ".join(violations))
        _ = self._folds
        calls = sum(call.is_cv for log in self._logs for call in log.splits)
        return f"{calls} calls of cv.split" if calls else "no split inside a fit"

    def labels_have_no_effect(self) -> None:
        """The test patients get other labels, also in the table in the folder of the images."""
        first, y = self._folds[0], next_labels(self._data.y, self._test(0))
        other = replace(self._data, y=y)
        if isinstance(other.X, Cells):
            other = renamed_copy(self._data, self.folder / "other-labels", y)
        changed = self._run(other, 0, CallLog())
        _check_equal(first, changed, self._test(0), "the test patients have other labels")

    def cells_have_no_effect(self) -> None:
        """Every second test patient gets other cells; fits and other predictions do not change."""
        first, test = self._folds[0], self._test(0)
        patients = np.unique(self._data.groups[test])
        moved = test[np.isin(self._data.groups[test], patients[::2])]
        changed = self._run(with_other_inputs(self._data, moved, seed=99), 0, CallLog())
        others = np.setdiff1d(test, moved)
        _check_equal(first, changed, others, "other test patients have other cells")

    def order_has_no_effect(self) -> None:
        """Repeat the first fold after a fold that is fitted on its test patients with a planted signal."""
        first, test = self._folds[0], self._test(0)
        for planted in planted_signals(self._data, test, self.folder):
            self._run(planted, 1, CallLog(), tune=0)
            again = self._run(self._data, 0, CallLog())
            _check_equal(first, again, test, "folds are fitted on the test patients before")

    @cached_property
    def _data(self) -> SyntheticData:
        if self.extractor is None and self.classifier.consumes == "features":
            return synthetic_features(seed=31)
        return synthetic_cells(self.folder / "engine", cells=2, seed=30)

    @cached_property
    def _attempt(self) -> list[FoldResult] | Exception:
        """Results of the folds, fitted once for all checks, or the exception; the log is filled in both cases."""
        try:
            return [self._run(self._data, fold, log) for fold, log in enumerate(self._logs)]
        except Exception as error:  # a plugin may raise anything; the first check re-raises it
            return error

    @property
    def _folds(self) -> list[FoldResult]:
        if isinstance(self._attempt, Exception):
            raise NotApplicable("a fold could not be fitted")
        return self._attempt

    @cached_property
    def _logs(self) -> list[CallLog]:
        return [CallLog() for _ in range(FITTED)]

    @cached_property
    def _tunable(self) -> bool:
        return any(drawn_parameters(self.classifier.build(), 1))

    @property
    def _engine(self) -> dict[str, Any]:
        return {"weights_dir": self.weights_dir, "threads": 1, "n_jobs": 1}

    def _test(self, fold: int) -> Rows:
        # Neighbouring patients have different classes, so each fold tests equally many patients of both.
        _, number = np.unique(self._data.groups, return_inverse=True)
        return np.flatnonzero(number // 2 % FOLDS == fold)

    def _run(self, data: SyntheticData, fold: int, log: CallLog, *, tune: int = TRIALS) -> FoldResult:
        test = self._test(fold)
        every = np.arange(len(data))
        features: Path | None = None
        if not isinstance(data.X, Cells):
            features = Path(tempfile.mkdtemp(prefix="features-", dir=self.folder)) / "entry"
            values = with_numbers(data.X, every)
            write_entry(features, values, [str(number) for number in range(values.shape[1])])
        extractor = self.extractor and SpiedPlugin(**vars(self.extractor), log=log, spy=SpiedExtractor)
        job = FoldJob(
            extractor=extractor,
            classifier=SpiedPlugin(**vars(self.classifier), log=log, spy=SpiedClassifier),
            protocol=Protocol(folds=FOLDS, inner_folds=INNER, tune=tune if self._tunable else 0, calibrate="sigmoid"),
            positive=str(np.unique(data.y)[-1]),
            labels=data.y,
            units=data.groups,
            features=None if features is None else str(features),
            cells=data.X if isinstance(data.X, Cells) else None,
            repeat=0,
            fold=fold,
            train=np.setdiff1d(every, test),
            test=test,
            engine=self._engine,
            fits=_uncached_fits(data, self._engine) if self.extractor is not None else None,
        )
        with watched_splitters(log):
            return fit_fold(job)


def _uncached_fits(data: SyntheticData, engine: Mapping[str, Any]) -> FitLocation:
    """Return a place that does not store fits: a stored fit would hide dependence on earlier fits."""
    digests = [sha256(file.id.encode()).hexdigest() for file in data.X.files]
    return FitLocation(store=None, identity={}, engine=engine, digests=digests_array(digests), patients=data.groups)


def _check_equal(first: FoldResult, second: FoldResult, rows: npt.NDArray[np.intp], when: str) -> None:
    """Compare trials, inner predictions and the predictions at `rows` exactly."""
    for what, one, other in (
        ("tuning trials change", first.trials, second.trials),
        ("inner predictions change", _by_row(first.inner_predictions), _by_row(second.inner_predictions)),
        ("predictions change", _by_row(first.predictions, rows), _by_row(second.predictions, rows)),
    ):
        if not one.equals(other):
            raise Violation(f"{what} when {when}")


def _by_row(table: pd.DataFrame, rows: npt.NDArray[np.intp] | None = None) -> pd.DataFrame:
    selected = table if rows is None else table[table["row"].isin(rows)]
    return selected.sort_values("row", kind="stable").reset_index(drop=True)
