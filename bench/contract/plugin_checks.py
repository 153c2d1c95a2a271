"""Contract checks that extractors and classifiers share: parameters, and dependence on earlier fits and other cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from bench.contract.outcomes import Step, Violation
from bench.contract.parameters import check_parameters
from bench.contract.synthetic_data import SyntheticData, halves, planted_signals, synthetic_cells, synthetic_features
from bench.plugins.plugin import Plugin

Values = npt.NDArray[Any]

TOLERANCE = 1e-5
"""Tolerance of values of a cell alone and among others, for float32 sums in another order."""


@dataclass(frozen=True)
class PluginChecks(ABC):
    """Contract checks of one plugin.

    Parameters
    ----------
    plugin : Plugin
        Plugin to check.
    folder : Path
        Empty folder for synthetic cells.
    weights_dir : str or None
        Folder searched first for weights.
    """

    plugin: Plugin
    folder: Path
    weights_dir: str | None = None

    output: ClassVar[str]
    """One value of the output, in messages."""
    method: ClassVar[str]
    """Name of the method that computes the output."""
    alone: ClassVar[int]
    """Largest number of cells whose output is computed alone."""

    @abstractmethod
    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""

    def parameters(self) -> None:
        """Constructor, clone, get_params and set_params follow scikit-learn."""
        check_parameters(self._new())

    def independent_fits(self) -> None:
        """Fits on test patients, as in other folds, do not affect a later fit.

        A second instance is fitted in between on all patients, with a signal planted in the test patients for other
        labels and for their own: one of the two changes a model that remembers earlier fits.
        """
        # New cells: a plugin that remembers the cells of earlier checks would know these in the first fit, too.
        data = self._synthetic(2, patients=6, seed=10)
        train, test = halves(data)
        part = data.take(train)
        expected = self._output(self._fitted(part), data)
        other = self._new()
        for planted in planted_signals(data, test, self.folder):
            fit(other, planted)
            if not same(expected, self._output(self._fitted(part), data)):
                raise Violation(
                    f"a fit on other patients in between changes a {self.output} of a new instance: learned values "
                    "outlive the fit (a variable of the module or class, a file), so labels of test patients reach the "
                    "training; store all learned values in the instance"
                )
        if not same(expected, self._output(fit(other, part), data)):
            raise Violation("an instance that is fitted a second time depends on the first fit; reset it in fit")

    def independent_cells(self) -> None:
        """The output for a cell does not change if it is alone or the order changes."""
        fitted, together = self._reference
        for row in range(0, len(together), -(-len(together) // self.alone)):
            self._check_rows(np.array([row]), fitted, together, "its cell is alone")
        order = np.random.default_rng(0).permutation(len(together))
        self._check_rows(order, fitted, together, "the order of the cells changes")

    @property
    @abstractmethod
    def _data(self) -> SyntheticData:
        """Cells of most checks."""

    def _synthetic(self, classes: int, *, patients: int, seed: int) -> SyntheticData:
        """Draw two cells of each patient, or features for a plugin that consumes features."""
        if self.plugin.consumes == "features":
            return synthetic_features(classes, patients=patients, seed=seed)
        folder = self.folder / f"cells-{seed}"
        return synthetic_cells(folder, classes, patients=patients, cells=2, seed=seed, prefix=f"cell-{seed}-")

    @cached_property
    def _reference(self) -> tuple[Any, Values]:
        """Fitted plugin and its output for all cells."""
        fitted = self._fitted(self._data)
        return fitted, self._output(fitted, self._data)

    def _new(self, cv: Any = None) -> Any:
        return self.plugin.build(random_state=1, cv=cv, threads=1, n_jobs=1, weights_dir=self.weights_dir)

    def _fitted(self, data: SyntheticData) -> Any:
        return fit(self._new(), data)

    def _output(self, fitted: Any, data: SyntheticData) -> Any:
        return getattr(fitted, self.method)(data.copy().X)

    def _scale(self, together: Values) -> Any:
        """Return the unit of the tolerance."""
        return 1.0

    def _check_rows(self, rows: npt.NDArray[np.intp], fitted: Any, together: Values, when: str) -> None:
        values, expected = self._output(fitted, self._data.take(rows)), together[rows]
        if values.shape != expected.shape or not np.array_equal(np.isnan(values), np.isnan(expected)):
            raise Violation(f"another {self.output} is NaN when {when}")
        difference = np.abs(values.astype(np.float64) - expected) / self._scale(together)
        gap = float(np.nanmax(difference, initial=0))
        if not gap <= TOLERANCE:
            raise Violation(f"a {self.output} changes by {gap:.2g} when {when}: {self.method} must not use other cells")


def fit(estimator: Any, data: SyntheticData) -> Any:
    """Fit on a copy of the data."""
    passed = data.copy()
    return estimator.fit(passed.X, passed.y, groups=passed.groups)


def same(first: Any, second: Any) -> bool:
    """Whether two outputs are equal, NaN included."""
    return np.array_equal(first, second, equal_nan=True)
