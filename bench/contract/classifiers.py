"""Contract checks of a classifier: interface, probabilities, and dependence on the training cells only."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from bench.contract.call_log import CallLog, Fit, splits_across_patients
from bench.contract.outcomes import NotApplicable, Step, Violation
from bench.contract.parameters import drawn_parameters
from bench.contract.plugin_checks import TOLERANCE, PluginChecks, fit, same
from bench.contract.spies import watched_splitters
from bench.contract.synthetic_data import SyntheticData, halves
from bench.splits.folds import InnerPatientKFold
from extractors.cells import Cells

TRIALS = 3
"""Number of points of a search space that are fitted."""


class ClassifierChecks(PluginChecks):
    """Contract checks of one classifier."""

    output = "probability"
    method = "predict_proba"
    alone = 8

    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""
        return [
            Step("the constructor stores its parameters and does nothing else", self.parameters),
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
        for data in (self._data, self._synthetic(3, patients=6, seed=3)):
            train, _ = halves(data)
            for with_groups in (True, False):
                part = data.take(train)
                fitted = self._new().fit(part.X, part.y, groups=part.groups if with_groups else None)
                self._check_probabilities(fitted, data)
        return f"consumes {self.plugin.consumes}"

    def missing_values(self) -> None:
        """Single values and a complete column are NaN, in training and in prediction."""
        if self.plugin.consumes != "features":
            raise NotApplicable("it consumes cells, which have no missing values")
        data = self._data.copy()
        X = data.X
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
        X[:, -1] = np.nan
        self._check_probabilities(self._fitted(data), data)

    def same_seed(self) -> str:
        """Two fits with one seed give identical predictions."""
        first, second = (self._output(self._fitted(self._data), self._data) for _ in range(2))
        if not same(first, second):
            how = "has random_state, but not all random numbers depend on it"
            if "random_state" not in self.plugin.accepts:
                how = "is random; add a parameter random_state"
            gap = np.max(np.abs(first - second))
            raise Violation(f"two fits differ by up to {gap:.2g} in a probability: it {how}")
        return "" if "random_state" in self.plugin.accepts else "has no random_state"

    def unchanged_input(self) -> None:
        """Features, labels and patients are unchanged."""
        data = self._data
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
            self._check_probabilities(fit(self._new().set_params(**params), self._data), self._data)
        return ", ".join(drawn[0])

    def splits(self) -> str:
        """`cv.split` is called with groups, and splitters of scikit-learn separate no patient."""
        log, data, takes_cv = CallLog(), self._data, "cv" in self.plugin.accepts
        with watched_splitters(log), log.during(Fit("classifier", np.arange(len(data)), data.y, data.groups)):
            try:
                fit(self._new(cv=InnerPatientKFold(3)), data)
            finally:
                violations = splits_across_patients(log)
                if violations:
                    advice = "; add a parameter cv, which the engine sets to a splitter of patients, and use it"
                    raise Violation("; ".join(violations) + ("" if takes_cv else advice))
        calls = sum(call.is_cv for call in log.splits)
        if not takes_cv:
            return "none observed"
        return f"{calls} call{'s' if calls != 1 else ''} of cv.split"

    @cached_property
    def _data(self) -> SyntheticData:
        return self._synthetic(2, patients=6, seed=2)

    def _output(self, fitted: Any, data: SyntheticData) -> Any:
        return np.asarray(super()._output(fitted, data))

    def _check_probabilities(self, fitted: Any, data: SyntheticData) -> None:
        values, classes = self._output(fitted, data), np.unique(data.y)
        if not np.array_equal(np.asarray(fitted.classes_), classes):
            actual, expected = (", ".join(str(label) for label in labels) for labels in (fitted.classes_, classes))
            raise Violation(f"classes_ is {actual}; the labels in sort order are {expected}")
        if values.ndim != 2 or values.shape[1] != len(classes):
            raise Violation(
                f"predict_proba returns an array of shape {values.shape}; expected (n_cells, {len(classes)})"
            )
        if values.dtype.kind != "f":
            raise Violation(f"predict_proba returns {values.dtype}; expected floating-point numbers")
        if not np.isfinite(values).all() or values.min() < 0 or not np.allclose(values.sum(axis=1), 1, atol=TOLERANCE):
            raise Violation("predict_proba returns rows that are not probabilities: finite, not negative, with sum 1")


def _check_same_inputs(now: Any, before: Any, who: str) -> None:
    if not isinstance(now, Cells) and not np.array_equal(now, before, equal_nan=True):
        raise Violation(f"{who} changes the features in place; work on a copy")


def check_scikit_learn(estimator: Any, consumes: str) -> str:
    """Run `check_estimator` and return a summary of passed and expected failures.

    A class lists expected failures in `expected_failed_checks`, a mapping from the name of a check to the reason.

    Raises
    ------
    Violation
        A check failed unexpectedly.
    NotApplicable
        The classifier consumes cells; the checks of scikit-learn use arrays.
    """
    from sklearn.utils.estimator_checks import check_estimator  # noqa: PLC0415 (takes seconds)

    if consumes != "features":
        raise NotApplicable("it consumes cells; these checks use arrays")
    expected = dict(getattr(type(estimator), "expected_failed_checks", {}))
    results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None, on_fail=None)
    failed = [r for r in results if r["status"] == "failed"]
    if failed:
        names = ", ".join(dict.fromkeys(str(r["check_name"]) for r in failed))
        first = str(failed[0]["exception"]).strip().partition("\n")[0]
        raise Violation(f"{len(failed)} of {len(results)} failed: {names}; the first with: {first}")
    passed = sum(r["status"] == "passed" for r in results)
    excused = {str(r["check_name"]) for r in results if r["status"] == "xfail"}
    expected_failures = "".join(f"; {name} is expected to fail: {expected[name]}" for name in sorted(excused))
    return f"{passed} passed{expected_failures}"
