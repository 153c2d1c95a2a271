"""Contract checks of a classifier: interface, probabilities, and dependence on the training cells only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from bench.contract.call_log import CallLog, Fit, splits_across_patients
from bench.contract.outcomes import NotApplicable, Step, Violation
from bench.contract.parameters import check_parameters
from bench.contract.scikit_learn import check_scikit_learn
from bench.contract.search_space import drawn_parameters
from bench.contract.spies import SpySplitter, watched_splitters
from bench.contract.synthetic_data import (
    SyntheticData,
    next_labels,
    synthetic_cells,
    synthetic_features,
    with_planted_signal,
)
from bench.plugins.registry import Plugin
from bench.splits.folds import InnerPatientKFold
from extractors.cells import Cells

Floats = npt.NDArray[np.floating[Any]]

TRIALS = 3
"""Number of points of a search space that are fitted."""

TOLERANCE = 1e-5
"""Tolerance of probabilities of a cell alone and among others, for float32 sums in another order."""


@dataclass(frozen=True)
class ClassifierChecks:
    """Contract checks of one classifier.

    Parameters
    ----------
    plugin : Plugin
        Plugin to check.
    folder : Path
        Empty folder for synthetic cells.
    """

    plugin: Plugin
    folder: Path

    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""
        return [
            Step("the constructor stores its parameters and does nothing else", lambda: check_parameters(self._new())),
            Step("probabilities for two and three classes with string labels", self.probabilities),
            Step("NaN (undefined features) is accepted", self.missing_values),
            Step("the same seed gives the same predictions", self.same_seed),
            Step("a fit does not depend on earlier fits", self.independent_fits),
            Step("the prediction of a cell does not depend on other cells", self.independent_cells),
            Step("fit and predict_proba do not change their input", self.unchanged_input),
            Step("points of the search space can be fitted", self.search_space),
            Step("internal splits do not separate cells of a patient", self.splits),
            Step("scikit-learn's check_estimator", lambda: check_scikit_learn(self._new(), self.plugin.consumes)),
        ]

    def probabilities(self) -> str:
        """`classes_` is sorted and probabilities sum to 1, for training and other patients, with and without groups."""
        for data in (self._two, self._three):
            train, _ = _halves(data)
            for with_groups in (True, False):
                part = data.take(train)
                fitted = self._new().fit(part.X, part.y, groups=part.groups if with_groups else None)
                _check_probabilities(fitted, _predict(fitted, data), np.unique(data.y))
        return f"consumes {self.plugin.consumes}"

    def missing_values(self) -> None:
        """Single values and a complete column are NaN, in training and in prediction."""
        if self.plugin.consumes != "features":
            raise NotApplicable("it consumes cells, which have no missing values")
        data = self._two.copy()
        X = data.X
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
        X[:, -1] = np.nan
        fitted = _fit(self._new(), data)
        _check_probabilities(fitted, _predict(fitted, data), np.unique(data.y))

    def same_seed(self) -> str:
        """Two fits with one seed give identical predictions."""
        first, second = (self._predicted(self._two) for _ in range(2))
        if not _same(first, second):
            how = "has random_state, but not all random numbers depend on it"
            if "random_state" not in self.plugin.accepts:
                how = "is random; add a parameter random_state"
            raise Violation(f"two fits differ by up to {_gap(first, second):.2g} in a probability: it {how}")
        return "" if "random_state" in self.plugin.accepts else "has no random_state"

    def independent_fits(self) -> None:
        """Fits on test patients, as in other folds, do not affect a later fit.

        A second instance is fitted in between on all patients, with a signal planted in the test patients for other
        labels and for their own: one of the two changes a model that remembers earlier fits.
        """
        # New cells: a plugin that remembers the cells of earlier checks would know these in the first fit, too.
        data = self._synthetic(2, seed=10)
        train, test = _halves(data)
        target = data.take(test)
        expected = self._predicted(data.take(train), target)
        other = self._new()
        for number, y in enumerate((next_labels(data.y, test), data.y)):
            _fit(other, with_planted_signal(data, test, self.folder / f"planted-{number}", labels=y))
            if not _same(expected, self._predicted(data.take(train), target)):
                raise Violation(
                    "a fit on other patients in between changes the predictions of a new instance: learned values "
                    "outlive the fit (a variable of the module or class, a file); store all learned values in the "
                    "instance"
                )
        if not _same(expected, _predict(_fit(other, data.take(train)), target)):
            raise Violation("an instance that is fitted a second time depends on the first fit; reset it in fit")

    def independent_cells(self) -> None:
        """Probabilities do not change if a cell is predicted alone or the order changes."""
        data = self._two
        fitted = _fit(self._new(), data)
        together = _predict(fitted, data)
        for row in range(0, len(data), max(1, len(data) // 8)):
            gap = _gap(_predict(fitted, data.take([row])), together[row : row + 1])
            if not gap <= TOLERANCE:
                raise Violation(
                    f"a probability changes by {gap:.2g} when its cell is predicted alone: predict_proba must not "
                    "use other cells"
                )
        order = np.random.default_rng(0).permutation(len(data))
        gap = _gap(_predict(fitted, data.take(order)), together[order])
        if not gap <= TOLERANCE:
            raise Violation(f"a probability changes by {gap:.2g} when the order of the cells changes")

    def unchanged_input(self) -> None:
        """Features, labels and patients are unchanged."""
        data = self._two
        passed = data.copy()
        fitted = self._new().fit(passed.X, passed.y, groups=passed.groups)
        for what, now, before in (("y", passed.y, data.y), ("groups", passed.groups, data.groups)):
            if not np.array_equal(now, before):
                raise Violation(f"fit changes {what} in place; work on a copy")
        _check_same_inputs(passed.X, data.X, "fit")
        passed = data.copy()
        fitted.predict_proba(passed.X)
        _check_same_inputs(passed.X, data.X, "predict_proba")

    def search_space(self) -> str:
        """Randomly drawn parameters are accepted by set_params and can be fitted."""
        drawn = drawn_parameters(self._new(), TRIALS)
        if not drawn:
            raise NotApplicable("it has no search_space(trial) and cannot be tuned")
        if not all(isinstance(params, dict) for params in drawn):
            raise Violation("search_space(trial) must return a dict of parameters")
        if not drawn[0]:
            raise NotApplicable("its search space is empty and it cannot be tuned")
        for params in drawn:
            configured = clone(self._new()).set_params(**params)
            fitted = _fit(configured, self._two)
            _check_probabilities(fitted, _predict(fitted, self._two), np.unique(self._two.y))
        return ", ".join(drawn[0])

    def splits(self) -> str:
        """`cv.split` is called with groups, and splitters of scikit-learn separate no patient."""
        log, data = CallLog(), self._two
        splitter = SpySplitter(InnerPatientKFold(3), log)
        fit = Fit("classifier", np.arange(len(data)), data.y, data.groups)
        with watched_splitters(log), log.during(fit):
            try:
                _fit(self._new(cv=splitter), data)
            finally:
                violations = splits_across_patients(log)
                if violations:
                    raise Violation(_how_to_split(violations, takes_cv="cv" in self.plugin.accepts))
        calls = sum(call.is_cv for call in log.splits)
        if "cv" not in self.plugin.accepts:
            return "none observed"
        return f"{calls} call{'s' if calls != 1 else ''} of cv.split"

    @cached_property
    def _two(self) -> SyntheticData:
        return self._synthetic(2, seed=2)

    @cached_property
    def _three(self) -> SyntheticData:
        return self._synthetic(3, seed=3)

    def _synthetic(self, classes: int, *, seed: int) -> SyntheticData:
        if self.plugin.consumes == "features":
            return synthetic_features(classes, patients=6, seed=seed)
        folder = self.folder / f"cells-{seed}"
        return synthetic_cells(folder, classes, patients=6, cells=2, seed=seed, prefix=f"cell-{seed}-")

    def _new(self, cv: Any = None) -> Any:
        return self.plugin.build(random_state=1, cv=cv, threads=1, n_jobs=1)

    def _predicted(self, data: SyntheticData, target: SyntheticData | None = None) -> Floats:
        return _predict(_fit(self._new(), data), target or data)


def _fit(estimator: Any, data: SyntheticData) -> Any:
    passed = data.copy()
    return estimator.fit(passed.X, passed.y, groups=passed.groups)


def _predict(fitted: Any, data: SyntheticData) -> Floats:
    return np.asarray(fitted.predict_proba(data.copy().X))


def _check_probabilities(fitted: Any, probabilities: Any, classes: npt.NDArray[Any]) -> None:
    if not np.array_equal(np.asarray(fitted.classes_), classes):
        actual, expected = (", ".join(str(label) for label in labels) for labels in (fitted.classes_, classes))
        raise Violation(f"classes_ is {actual}; the labels in sort order are {expected}")
    values = np.asarray(probabilities)
    if values.ndim != 2 or values.shape[1] != len(classes):
        raise Violation(f"predict_proba returns an array of shape {values.shape}; expected (n_cells, {len(classes)})")
    if values.dtype.kind != "f":
        raise Violation(f"predict_proba returns {values.dtype}; expected floating-point numbers")
    if not np.isfinite(values).all() or values.min() < 0 or not np.allclose(values.sum(axis=1), 1, atol=TOLERANCE):
        raise Violation("predict_proba returns rows that are not probabilities: finite, not negative, with sum 1")


def _check_same_inputs(now: Any, before: Any, who: str) -> None:
    if not isinstance(now, Cells) and not np.array_equal(now, before, equal_nan=True):
        raise Violation(f"{who} changes the features in place; work on a copy")


def _halves(data: SyntheticData) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return two halves of the patients, each with all classes, since the classes of numbered patients alternate."""
    _, number = np.unique(data.groups, return_inverse=True)
    return np.flatnonzero(number < (number.max() + 1) // 2), np.flatnonzero(number >= (number.max() + 1) // 2)


def _same(first: Floats, second: Floats) -> bool:
    return np.array_equal(first, second, equal_nan=True)


def _gap(first: Any, second: Any) -> float:
    return float(np.max(np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))))


def _how_to_split(violations: list[str], *, takes_cv: bool) -> str:
    advice = "" if takes_cv else "; add a parameter cv, which the engine sets to a splitter of patients, and use it"
    return "; ".join(violations) + advice
