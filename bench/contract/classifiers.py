"""The checks of a classifier: what it is, what it gives, and that nothing but its training cells is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from bench.contract.call_log import Fit, Ledger, torn_splits
from bench.contract.outcomes import Broken, NotApplicable, Step
from bench.contract.parameters import check_parameters
from bench.contract.scikit_learn import check_scikit_learn
from bench.contract.search_space import drawn_parameters
from bench.contract.spies import SpySplitter, watched_splitters
from bench.contract.synthetic_data import Material, swapped, synthetic_cells, synthetic_features, with_planted_signal
from bench.plugins.registry import Plugin
from bench.splits.folds import InnerPatientKFold
from extractors.cells import Cells

Floats = npt.NDArray[np.floating[Any]]

TRIALS = 3
"""Points of a search space that are tried."""

TOLERANCE = 1e-5
"""Between probabilities of a cell alone and among others: float32 sums in another order, no more."""


@dataclass(frozen=True)
class ClassifierChecks:
    """The checks of one classifier.

    Parameters
    ----------
    plugin : Plugin
        Whose instances are checked.
    folder : Path
        An empty folder for made-up cells.
    """

    plugin: Plugin
    folder: Path

    def steps(self) -> list[Step]:
        """The checks in the order in which they are best read."""
        return [
            Step("the constructor keeps its parameters and does nothing else", lambda: check_parameters(self._new())),
            Step("probabilities of two and of three classes, named by strings", self.probabilities),
            Step("NaN, where a feature does not exist, is coped with", self.gaps),
            Step("the same seed gives the same predictions", self.same_seed),
            Step("a fit begins anew, whatever was fitted before", self.anew),
            Step("a cell is predicted by itself, not by its neighbours", self.alone),
            Step("fit and predict_proba leave their input as it was", self.untouched),
            Step("every point of its search space fits", self.search_space),
            Step("its own splits keep patients whole", self.splits),
            Step("scikit-learn's check_estimator", lambda: check_scikit_learn(self._new(), self.plugin.consumes)),
        ]

    def probabilities(self) -> str:
        """`classes_` sorted, probabilities that sum to 1, for patients seen and unseen; with groups and without."""
        for data in (self._two, self._three):
            train, _ = _halves(data)
            for known in (True, False):
                given = data.take(train)
                fitted = self._new().fit(given.X, given.y, groups=given.groups if known else None)
                _check_probabilities(fitted, _predict(fitted, data), np.unique(data.y))
        return f"consumes {self.plugin.consumes}"

    def gaps(self) -> None:
        """Single values, a whole column and a whole row of NaN, in training and in prediction."""
        if self.plugin.consumes != "features":
            raise NotApplicable("it consumes cells, which have no gaps")
        data = self._two.copy()
        X = data.X
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
        X[:, -1] = np.nan
        fitted = _fit(self._new(), data)
        _check_probabilities(fitted, _predict(fitted, data), np.unique(data.y))

    def same_seed(self) -> str:
        """Two fits give the same bits."""
        first, second = (self._predicted(self._two) for _ in range(2))
        if not _same(first, second):
            how = "takes random_state, but not all that is random follows from it"
            if "random_state" not in self.plugin.accepts:
                how = "is random; give it a parameter random_state"
            raise Broken(f"two fits differ by up to {_gap(first, second):.2g} in a probability: it {how}")
        return "" if "random_state" in self.plugin.accepts else "takes no random_state"

    def anew(self) -> None:
        """The patients that a model is to be tested on may have been fitted before, in another fold: no trace is left.

        In between, a second instance is fitted on all patients, the tested ones with a signal planted for other labels
        and for their own: whatever may have been kept from before, one of the two would change it.
        """
        # Cells that no other check has shown it: what it may have kept of them would be kept for the first fit, too.
        data = self._material(2, seed=10)
        train, test = _halves(data)
        asked = data.take(test)
        known = self._predicted(data.take(train), asked)
        other = self._new()
        for number, y in enumerate((swapped(data.y, test), data.y)):
            _fit(other, with_planted_signal(data, test, self.folder / f"planted-{number}", labels=y))
            if not _same(known, self._predicted(data.take(train), asked)):
                raise Broken(
                    "a fit on other patients in between changes what a new instance predicts: something learned "
                    "outlives the fit (a variable of the module or class, a file); keep all that is learned in the "
                    "instance"
                )
        if not _same(known, _predict(_fit(other, data.take(train)), asked)):
            raise Broken("an instance that is fitted a second time keeps something of the first fit; begin anew in fit")

    def alone(self) -> None:
        """Each cell alone, and all in another order, get the probabilities that they have together."""
        data = self._two
        fitted = _fit(self._new(), data)
        together = _predict(fitted, data)
        for row in range(0, len(data), max(1, len(data) // 8)):
            gap = _gap(_predict(fitted, data.take([row])), together[row : row + 1])
            if not gap <= TOLERANCE:
                raise Broken(
                    f"a probability changes by {gap:.2g} when its cell is predicted alone: predict_proba uses the "
                    "other cells, of which a laboratory may have none"
                )
        order = np.random.default_rng(0).permutation(len(data))
        gap = _gap(_predict(fitted, data.take(order)), together[order])
        if not gap <= TOLERANCE:
            raise Broken(f"a probability changes by {gap:.2g} when the cells come in another order")

    def untouched(self) -> None:
        """Features, labels and patients are bit for bit what they were."""
        data = self._two
        given = data.copy()
        fitted = self._new().fit(given.X, given.y, groups=given.groups)
        for what, now, before in (("y", given.y, data.y), ("groups", given.groups, data.groups)):
            if not np.array_equal(now, before):
                raise Broken(f"fit changes {what} in place; work on a copy")
        _check_same_inputs(given.X, data.X, "fit")
        given = data.copy()
        fitted.predict_proba(given.X)
        _check_same_inputs(given.X, data.X, "predict_proba")

    def search_space(self) -> str:
        """Parameters drawn at random are known to set_params, and fit."""
        drawn = drawn_parameters(self._new(), TRIALS)
        if not drawn:
            raise NotApplicable("it has no search_space(trial), so --tune is an error for it")
        if not all(isinstance(params, dict) for params in drawn):
            raise Broken("search_space(trial) gives no dict of parameters")
        if not drawn[0]:
            raise NotApplicable("its search space is empty, so --tune is an error for it")
        for params in drawn:
            configured = clone(self._new()).set_params(**params)
            fitted = _fit(configured, self._two)
            _check_probabilities(fitted, _predict(fitted, self._two), np.unique(self._two.y))
        return ", ".join(drawn[0])

    def splits(self) -> str:
        """Splits asked of `cv` come with groups, and splitters of scikit-learn put no patient on both sides."""
        ledger, data = Ledger(), self._two
        splitter = SpySplitter(InnerPatientKFold(3), ledger)
        fit = Fit("classifier", np.arange(len(data)), data.y, data.groups)
        with watched_splitters(ledger), ledger.during(fit):
            try:
                _fit(self._new(cv=splitter), data)
            finally:
                torn = torn_splits(ledger)
                if torn:
                    raise Broken(_how_to_split(torn, takes_cv="cv" in self.plugin.accepts))
        asked = sum(call.given for call in ledger.splits)
        if "cv" not in self.plugin.accepts:
            return "makes none that can be seen"
        return f"asks cv {asked} time{'s' if asked != 1 else ''}" if asked else "takes cv, and asked for no split"

    @cached_property
    def _two(self) -> Material:
        return self._material(2, seed=2)

    @cached_property
    def _three(self) -> Material:
        return self._material(3, seed=3)

    def _material(self, classes: int, *, seed: int) -> Material:
        if self.plugin.consumes == "features":
            return synthetic_features(classes, patients=6, seed=seed)
        folder = self.folder / f"material-{seed}"
        return synthetic_cells(folder, classes, patients=6, cells=2, seed=seed, prefix=f"cell-{seed}-")

    def _new(self, cv: Any = None) -> Any:
        return self.plugin.build(random_state=1, cv=cv, threads=1, n_jobs=1)

    def _predicted(self, data: Material, asked: Material | None = None) -> Floats:
        return _predict(_fit(self._new(), data), asked or data)


def _fit(estimator: Any, data: Material) -> Any:
    given = data.copy()
    return estimator.fit(given.X, given.y, groups=given.groups)


def _predict(fitted: Any, data: Material) -> Floats:
    return np.asarray(fitted.predict_proba(data.copy().X))


def _check_probabilities(fitted: Any, probabilities: Any, classes: npt.NDArray[Any]) -> None:
    if not np.array_equal(np.asarray(fitted.classes_), classes):
        told, true = (", ".join(str(label) for label in labels) for labels in (fitted.classes_, classes))
        raise Broken(f"classes_ holds {told}; the labels in sort order are {true}")
    given = np.asarray(probabilities)
    if given.ndim != 2 or given.shape[1] != len(classes):
        raise Broken(f"predict_proba gives an array of shape {given.shape}; (n_cells, {len(classes)}) is expected")
    if given.dtype.kind != "f":
        raise Broken(f"predict_proba gives {given.dtype}; floating-point numbers are expected")
    if not np.isfinite(given).all() or given.min() < 0 or not np.allclose(given.sum(axis=1), 1, atol=TOLERANCE):
        raise Broken("predict_proba gives rows that are no probabilities: finite, not below 0, with the sum 1")


def _check_same_inputs(now: Any, before: Any, who: str) -> None:
    if not isinstance(now, Cells) and not np.array_equal(now, before, equal_nan=True):
        raise Broken(f"{who} changes the features in place; work on a copy")


def _halves(data: Material) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Two halves of the patients, both with all classes: the made-up patients are numbered class by class in turn."""
    _, number = np.unique(data.groups, return_inverse=True)
    return np.flatnonzero(number < (number.max() + 1) // 2), np.flatnonzero(number >= (number.max() + 1) // 2)


def _same(first: Floats, second: Floats) -> bool:
    return np.array_equal(first, second, equal_nan=True)


def _gap(first: Any, second: Any) -> float:
    return float(np.max(np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))))


def _how_to_split(torn: list[str], *, takes_cv: bool) -> str:
    advice = "" if takes_cv else "; take a parameter cv, which the engine sets to a splitter of patients, and use that"
    return "; ".join(torn) + advice
