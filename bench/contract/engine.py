"""The engine with a spied plugin: no fit sees a tested patient, and what is tested changes nothing that is learned."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.contract.call_log import Ledger, fits_that_saw, mistold_fits, torn_splits
from bench.contract.outcomes import Broken, NotApplicable, Step
from bench.contract.search_space import drawn_parameters
from bench.contract.spies import SpiedPlugin, watched_splitters, with_numbers
from bench.contract.synthetic_data import (
    Material,
    Rows,
    retold,
    swapped,
    synthetic_cells,
    synthetic_features,
    with_other_inputs,
    with_planted_signal,
)
from bench.evaluation.fold import FoldResult
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import digests_array, write_entry
from bench.features.store.fit_key import FitPlace
from bench.plugins.registry import Plugin
from extractors.cells import Cells

FOLDS, INNER, TRIALS = 3, 2, 2


@dataclass(frozen=True)
class EngineChecks:
    """The checks of a plugin at work: three outer folds on made-up cells, calibrated, tuned where it can be.

    Parameters
    ----------
    extractor : Plugin or None
        None for a classifier of cells, or one of features that are given.
    classifier : Plugin
        What is fitted on the features or cells.
    folder : Path
        An empty folder for made-up data.
    """

    extractor: Plugin | None
    classifier: Plugin
    folder: Path

    def steps(self) -> list[Step]:
        """The checks in the order in which they are best read."""
        return [
            Step("at work in the engine, no fit sees a tested patient", self.no_fit_sees_a_tested_patient),
            Step("at work in the engine, every split keeps patients whole", self.every_split_keeps_patients_whole),
            Step("labels of tested patients change nothing", self.labels_change_nothing),
            Step("other cells of tested patients change nothing else", self.cells_change_nothing),
            Step("folds that were fitted before change nothing", self.order_changes_nothing),
        ]

    def no_fit_sees_a_tested_patient(self) -> str:
        """All fits and predictions of all folds, with the labels and patients that came with them."""
        if isinstance(self._attempt, Exception):
            raise self._attempt
        for fold, (result, ledger) in enumerate(zip(self._folds, self._ledgers, strict=True)):
            least = INNER + 1 + TRIALS * INNER * self._tunable
            fits = sum(fit.role == "classifier" for fit in ledger.fits)
            if fits < least:
                raise Broken(f"{fits} fits were seen in fold {fold}; {least} at least are expected")
            found = [
                *fits_that_saw(ledger, self._data.groups, self._test(fold)),
                *mistold_fits(ledger, self._data.y, self._data.groups),
            ]
            if found:
                raise Broken("; ".join(found))
            if sorted(result.predictions["row"]) != sorted(self._test(fold)):
                raise Broken(f"the predictions of fold {fold} are not those of its tested cells")
        fits = sum(len(ledger.fits) for ledger in self._ledgers)
        return f"{fits} fits, {'with' if self._tunable else 'without'} tuning"

    def every_split_keeps_patients_whole(self) -> str:
        """Splits that were asked of the engine's `cv`, and those that scikit-learn's splitters made inside fits."""
        _ = self._attempt
        torn = list(dict.fromkeys(finding for ledger in self._ledgers for finding in torn_splits(ledger)))
        if torn:
            raise Broken("; ".join(torn))
        if isinstance(self._attempt, Exception):
            raise NotApplicable("a fold could not be fitted")
        asked = sum(call.given for ledger in self._ledgers for call in ledger.splits)
        return f"cv was asked {asked} times" if asked else "no split was made inside a fit"

    def labels_change_nothing(self) -> None:
        """The tested patients get other labels, here and in the table beside their images."""
        first, y = self._folds[0], swapped(self._data.y, self._test(0))
        other = replace(self._data, y=y)
        if isinstance(other.X, Cells):
            other = retold(self._data, self.folder / "other-labels", y)
        changed = self._run(other, 0, Ledger())
        _check_equal(first, changed, self._test(0), "the tested patients have other labels")

    def cells_change_nothing(self) -> None:
        """Every second tested patient gets other cells: all that is learned, and the other patients, stay."""
        first, test = self._folds[0], self._test(0)
        patients = np.unique(self._data.groups[test])
        moved = test[np.isin(self._data.groups[test], patients[::2])]
        changed = self._run(with_other_inputs(self._data, moved, seed=99), 0, Ledger())
        kept = np.setdiff1d(test, moved)
        _check_equal(first, changed, kept, "other tested patients have other cells")

    def order_changes_nothing(self) -> None:
        """The first fold once more, after another that learned a planted signal from the patients whom it tests."""
        first, test = self._folds[0], self._test(0)
        for number, y in enumerate((swapped(self._data.y, test), self._data.y)):
            planted = with_planted_signal(self._data, test, self.folder / f"planted-at-work-{number}", labels=y)
            self._run(planted, 1, Ledger())
            again = self._run(self._data, 0, Ledger())
            _check_equal(first, again, test, "other folds, fitted on the tested patients, went before")

    @cached_property
    def _data(self) -> Material:
        if self.extractor is None and self.classifier.consumes == "features":
            return synthetic_features(seed=30)
        return synthetic_cells(self.folder / "work", cells=2, seed=30)

    @cached_property
    def _attempt(self) -> list[FoldResult] | Exception:
        """All folds, fitted once for all checks; what was seen is written down even where a fold fails."""
        try:
            return [self._run(self._data, fold, self._ledgers[fold]) for fold in range(FOLDS)]
        except Exception as error:  # of a plugin, so of any kind; the first check raises it
            return error

    @property
    def _folds(self) -> list[FoldResult]:
        if isinstance(self._attempt, Exception):
            raise NotApplicable("a fold could not be fitted")
        return self._attempt

    @cached_property
    def _ledgers(self) -> list[Ledger]:
        return [Ledger() for _ in range(FOLDS)]

    @cached_property
    def _tunable(self) -> bool:
        return any(drawn_parameters(self.classifier.build(), 1))

    def _test(self, fold: int) -> Rows:
        # Neighbouring patients are of different classes, so each fold tests three patients of both.
        _, number = np.unique(self._data.groups, return_inverse=True)
        return np.flatnonzero(number // 2 % FOLDS == fold)

    def _run(self, data: Material, fold: int, ledger: Ledger) -> FoldResult:
        test = self._test(fold)
        every = np.arange(len(data))
        features: Path | None = None
        if not isinstance(data.X, Cells):
            features = Path(tempfile.mkdtemp(prefix="features-", dir=self.folder)) / "entry"
            values = with_numbers(data.X, every)
            write_entry(features, values, [str(number) for number in range(values.shape[1])])
        job = FoldJob(
            extractor=None if self.extractor is None else SpiedPlugin.of(self.extractor, ledger, "extractor"),
            classifier=SpiedPlugin.of(self.classifier, ledger, "classifier"),
            protocol=Protocol(folds=FOLDS, inner_folds=INNER, tune=TRIALS if self._tunable else 0, calibrate="sigmoid"),
            positive=str(np.unique(data.y)[-1]),
            labels=data.y,
            units=data.groups,
            features=None if features is None else str(features),
            cells=data.X if isinstance(data.X, Cells) else None,
            repeat=0,
            fold=fold,
            train=np.setdiff1d(every, test),
            test=test,
            fits=_forgotten_fits(data) if self.extractor is not None else None,
        )
        with watched_splitters(ledger):
            return fit_fold(job)


def _forgotten_fits(data: Material) -> FitPlace:
    """A place that keeps no fit beyond its fold: one that is found again would hide what a new fit remembers."""
    digests = [sha256(file.id.encode()).hexdigest() for file in data.X.files]
    return FitPlace(store=None, identity={}, engine={}, digests=digests_array(digests), patients=data.groups)


def _check_equal(first: FoldResult, second: FoldResult, rows: npt.NDArray[np.intp], when: str) -> None:
    """Inner predictions and trials bit for bit the same, and so the predictions of the given cells."""
    for what, one, other in (
        ("tuning trials change", _without_times(first.trials), _without_times(second.trials)),
        ("inner predictions change", _by_row(first.inner_predictions), _by_row(second.inner_predictions)),
        ("predictions change", _by_row(first.predictions, rows), _by_row(second.predictions, rows)),
    ):
        if not one.equals(other):
            raise Broken(f"{what} when {when}")


def _by_row(table: pd.DataFrame, rows: npt.NDArray[np.intp] | None = None) -> pd.DataFrame:
    kept = table if rows is None else table[table["row"].isin(rows)]
    return kept.sort_values("row", kind="stable").reset_index(drop=True)


def _without_times(trials: pd.DataFrame) -> pd.DataFrame:
    timed = [c for c in trials.columns if any(word in str(c) for word in ("second", "time", "duration"))]
    return trials.drop(columns=timed)
