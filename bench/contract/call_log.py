"""What spies saw: fits, predictions and splits, and what of it breaks the rule that patients stay whole."""

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
    """What a fit was given.

    Parameters
    ----------
    role : {"classifier", "extractor"}
        What was fitted.
    rows : ndarray of int
        Positions of the cells.
    y, groups : ndarray or None
        Labels and patients that came with them.
    """

    role: Literal["classifier", "extractor"]
    rows: Rows
    y: npt.NDArray[Any] | None
    groups: npt.NDArray[Any] | None


@dataclass(frozen=True)
class Prediction:
    """Cells that were predicted (`asked`), and those that the model was fitted on (`learned`); positions."""

    learned: Rows
    asked: Rows


@dataclass(frozen=True)
class SplitCall:
    """One request for splits.

    Parameters
    ----------
    splitter : str
        Name of its class.
    given : bool
        Whether it is the splitter that the engine gave as `cv`.
    n_rows : int
        Rows that were to be split; -1 where the splitter was not told.
    groups : ndarray or None
        Patients that came with them.
    pairs : list of (train, test)
        The splits that were taken from it.
    during : Fit or None
        The fit that asked.
    """

    splitter: str
    given: bool
    n_rows: int
    groups: npt.NDArray[Any] | None
    pairs: list[tuple[Rows, Rows]]
    during: Fit | None


@dataclass
class Ledger:
    """The list that all spies of one run write to; a copy of it is the list itself, since estimators are cloned."""

    fits: list[Fit] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    splits: list[SplitCall] = field(default_factory=list)
    current: list[Fit] = field(default_factory=list)

    def __deepcopy__(self, memo: dict[int, Any]) -> Ledger:
        return self

    @contextmanager
    def during(self, fit: Fit) -> Iterator[None]:
        """Note a fit; splits that are asked for meanwhile are its own."""
        self.fits.append(fit)
        self.current.append(fit)
        try:
            yield
        finally:
            self.current.pop()

    def asked(self, splitter: object, *, given: bool, n_rows: int, groups: Any) -> SplitCall:
        """Note a request for splits; its pairs are added as they are taken."""
        units = None if groups is None else np.asarray(groups)
        call = SplitCall(type(splitter).__name__, given, n_rows, units, [], self.current[-1] if self.current else None)
        self.splits.append(call)
        return call


def torn_splits(ledger: Ledger) -> list[str]:
    """Each split that put cells of one patient on both sides, or was made without looking at patients, in words.

    A split of as many rows as the fit has is held against the fit's patients; a split of as many rows as the fit has
    patients, or fewer, is one of the patient table. Any other must have come with groups, and keep them whole. Splits
    that no fit asked for are left to `fits_that_saw`.
    """
    found = []
    for call in ledger.splits:
        fit, units = call.during, call.groups
        if fit is None:
            continue
        if call.given and units is None:
            found.append("it asks cv for splits without groups; call cv.split(X, y, groups)")
            continue
        if fit.groups is not None:
            if call.n_rows in (-1, len(fit.rows)):
                units = fit.groups
            elif call.n_rows <= len(np.unique(fit.groups)):
                continue
        if units is None:
            if not call.given:
                found.append(f"it splits {call.n_rows} rows with {call.splitter} and without patients")
            continue
        torn = next((both for both in (_shared(units, pair) for pair in call.pairs) if both), None)
        if torn:
            found.append(f"its {call.splitter} puts cells of one patient on both sides ({torn})")
    return list(dict.fromkeys(found))


def fits_that_saw(ledger: Ledger, units: npt.NDArray[Any], test: Rows) -> list[str]:
    """Each kind of fit that was given a cell of a patient who is tested, in words; `units` are those of all cells."""
    tested = set(units[test])
    seen = [
        f"the {fit.role} is fitted on cells of {sorted(tested & set(units[fit.rows]))[0]}, who is tested"
        for fit in ledger.fits
        if tested & set(units[fit.rows])
    ]
    known = [
        f"cells of {sorted(both)[0]} are predicted by a model that was fitted on this patient"
        for both in (set(units[p.learned]) & set(units[p.asked]) for p in ledger.predictions)
        if both
    ]
    return list(dict.fromkeys([*seen, *known]))


def mistold_fits(ledger: Ledger, y: npt.NDArray[Any], units: npt.NDArray[Any]) -> list[str]:
    """Each fit whose labels or patients were not those of its cells, in words."""
    return [
        f"the {fit.role} is fitted with other {what} than its cells have"
        for fit in ledger.fits
        for what, told, true in (("labels", fit.y, y), ("patients", fit.groups, units))
        if told is None or not np.array_equal(told, true[fit.rows])
    ]


def _shared(units: npt.NDArray[Any], pair: tuple[Rows, Rows]) -> str:
    both = np.intersect1d(units[pair[0]], units[pair[1]])
    return str(both[0]) if len(both) else ""
