"""Log of fits, predictions and splits, and its violations of the patient-grouped split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fit:
    """One call of `fit`.

    Parameters
    ----------
    role : {"classifier", "extractor"}
        Role of the estimator.
    rows : ndarray of int
        Positions of the training cells.
    y, groups : ndarray or None
        Labels and patients passed to `fit`.
    """

    role: Literal["classifier", "extractor"]
    rows: Rows
    y: npt.NDArray[Any] | None
    groups: npt.NDArray[Any] | None


@dataclass(frozen=True)
class Prediction:
    """One call of `predict_proba`: positions of the training cells and of the predicted cells."""

    train: Rows
    predicted: Rows


@dataclass(frozen=True)
class SplitCall:
    """One call of `split`.

    Parameters
    ----------
    splitter : str
        Name of the splitter class.
    is_cv : bool
        Whether the splitter is the `cv` of the engine.
    n_rows : int
        Number of rows to split; -1 if unknown.
    groups : ndarray or None
        Patients passed to `split`.
    pairs : list of (train, test)
        Splits that were consumed.
    during : Fit or None
        Fit in which the call occurred.
    """

    splitter: str
    is_cv: bool
    n_rows: int
    groups: npt.NDArray[Any] | None
    pairs: list[tuple[Rows, Rows]]
    during: Fit | None


@dataclass
class CallLog:
    """Log shared by all spies of one run; copying returns the same object, since estimators are cloned."""

    fits: list[Fit] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    splits: list[SplitCall] = field(default_factory=list)
    current: list[Fit] = field(default_factory=list)

    def __deepcopy__(self, memo: dict[int, Any]) -> CallLog:
        return self

    @contextmanager
    def during(self, fit: Fit) -> Iterator[None]:
        """Record a fit; splits inside the context belong to it."""
        self.fits.append(fit)
        self.current.append(fit)
        try:
            yield
        finally:
            self.current.pop()

    def record_split(self, splitter: object, *, is_cv: bool, n_rows: int, groups: Any) -> SplitCall:
        """Record a call of `split`; the caller adds its pairs."""
        units = None if groups is None else np.asarray(groups)
        call = SplitCall(type(splitter).__name__, is_cv, n_rows, units, [], self.current[-1] if self.current else None)
        self.splits.append(call)
        return call


def splits_across_patients(log: CallLog) -> list[str]:
    """Describe each split that separates cells of one patient or ignores patients.

    A split with as many rows as the fit is checked against the patients of the fit, unless its groups are a sample of
    these with other frequencies, as in bagging, whose rows are not those of the fit. A split with at most as many rows
    as the fit has patients splits the table of patients. Any other split must have groups and must not separate them.
    Splits outside a fit are checked by `fits_on_test_patients`.
    """
    violations = []
    for call in log.splits:
        fit, units = call.during, call.groups
        if fit is None:
            continue
        if call.is_cv and units is None:
            violations.append("it calls cv.split without groups; call cv.split(X, y, groups)")
            continue
        if fit.groups is not None:
            if call.n_rows in (-1, len(fit.rows)):
                units = units if _is_resampled(units, fit.groups) else fit.groups
            elif call.n_rows <= len(np.unique(fit.groups)):
                continue
        if units is None:
            if not call.is_cv:
                violations.append(f"it splits {call.n_rows} rows with {call.splitter} and without patients")
            continue
        shared = next((patient for patient in (_shared(units, pair) for pair in call.pairs) if patient), None)
        if shared:
            violations.append(f"its {call.splitter} puts cells of one patient on both sides ({shared})")
    return list(dict.fromkeys(violations))


def fits_on_test_patients(log: CallLog, units: npt.NDArray[Any], test: Rows) -> list[str]:
    """Describe each fit or model that contains cells of a test patient; `units` has the patient of every cell."""
    tested = set(units[test])
    fits = [
        f"the {fit.role} is fitted on cells of {sorted(tested & set(units[fit.rows]))[0]}, a test patient"
        for fit in log.fits
        if tested & set(units[fit.rows])
    ]
    predictions = [
        f"cells of {sorted(both)[0]} are predicted by a model that was fitted on this patient"
        for both in (set(units[p.train]) & set(units[p.predicted]) for p in log.predictions)
        if both
    ]
    return list(dict.fromkeys([*fits, *predictions]))


def mislabelled_fits(log: CallLog, y: npt.NDArray[Any], units: npt.NDArray[Any]) -> list[str]:
    """Describe each fit whose labels or patients are not those of its cells."""
    return [
        f"the {fit.role} is fitted with {what} of other cells"
        for fit in log.fits
        for what, passed, true in (("labels", fit.y, y), ("patients", fit.groups, units))
        if passed is None or not np.array_equal(passed, true[fit.rows])
    ]


def _is_resampled(units: npt.NDArray[Any] | None, groups: npt.NDArray[Any]) -> bool:
    """Whether `units` are as many patients of `groups` with other frequencies."""
    if units is None or len(units) != len(groups) or not np.isin(units, groups).all():
        return False
    return not np.array_equal(np.sort(units), np.sort(groups))


def _shared(units: npt.NDArray[Any], pair: tuple[Rows, Rows]) -> str:
    both = np.intersect1d(units[pair[0]], units[pair[1]])
    return str(both[0]) if len(both) else ""
