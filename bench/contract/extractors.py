"""Contract checks of an extractor: output, and dependence on the pixels of the cell only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from bench.contract.outcomes import NotApplicable, Step, Violation
from bench.contract.parameters import check_parameters
from bench.contract.synthetic_data import (
    SyntheticData,
    next_labels,
    prepared,
    renamed_copy,
    synthetic_cells,
    with_planted_signal,
)
from bench.plugins.registry import Plugin
from extractors.cells import Cell
from extractors.handcrafted.framework.status import Status

TOLERANCE = 1e-5
"""Tolerance of features of a cell alone and among others, relative to the largest value."""

ALONE = 3
"""Number of cells extracted alone; each takes a network some time."""


@dataclass(frozen=True)
class ExtractorChecks:
    """Contract checks of one extractor.

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

    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""
        return [
            Step("the constructor stores its parameters and does nothing else", lambda: check_parameters(self._new())),
            Step("float32 features of every cell, with unique names", self.features),
            Step("the same cells give the same features", self.repeated),
            Step("the features of a cell do not depend on other cells", self.independent_cells),
            Step("features do not depend on names or labels", self.pixels_only),
            Step("features of prepared cells are those of the prepared pixels", self.prepared),
            Step("cells are not changed", self.unchanged_cells),
            Step("the tag requires_fit is correct", self.tag),
            Step("a fit does not depend on earlier fits", self.independent_fits),
        ]

    def features(self) -> str:
        """One row per cell and one unique name per column; no infinity, no row of NaN without status codes."""
        fitted, values = self._reference
        if not isinstance(values, np.ndarray) or values.dtype != np.float32:
            raise Violation(f"transform returns {getattr(values, 'dtype', type(values).__name__)}; expected float32")
        if values.ndim != 2 or len(values) != len(self._data) or not values.shape[1]:
            raise Violation(
                f"transform returns an array of shape {values.shape}; expected ({len(self._data)}, n_features)"
            )
        names = [str(name) for name in fitted.get_feature_names_out()]
        if len(names) != values.shape[1]:
            raise Violation(f"get_feature_names_out returns {len(names)} names for {values.shape[1]} features")
        repeated = next((name for name, count in Counter(names).items() if count > 1), None)
        if repeated is not None:
            raise Violation(f"two features have the name {repeated}")
        if hasattr(fitted, "catalogue") and [str(column.name) for column in fitted.catalogue()] != names:
            raise Violation("catalogue() lists other columns than get_feature_names_out, or in another order")
        if np.isinf(values).any():
            raise Violation(
                f"feature {names[int(np.isinf(values).any(axis=0).argmax())]} is infinite; return NaN instead"
            )
        notices = getattr(fitted, "notices_", ())
        if not isinstance(notices, tuple) or not all(isinstance(notice, str) for notice in notices):
            raise Violation(f"notices_ is {notices!r}; expected a tuple of messages")
        if hasattr(fitted, "transform_with_status"):
            _check_status(values, *fitted.transform_with_status(self._data.X))
        elif np.isnan(values).all(axis=1).any():
            raise Violation("all features of a cell are NaN, and there is no transform_with_status with reasons")
        return f"{values.shape[1]} features"

    def repeated(self) -> None:
        """Two instances with the same fit return identical features."""
        again = self._fitted(self._data).transform(self._data.X)
        if not np.array_equal(self._reference[1], again, equal_nan=True):
            raise Violation(
                "two instances return different features of the same cells; derive randomness from random_state"
            )

    def independent_cells(self) -> None:
        """Features do not change if a cell is alone or the order changes."""
        fitted, together = self._reference
        for row in range(ALONE):
            self._check_same(fitted.transform(self._data.inputs([row])), together, [row], "its cell is extracted alone")
        order = np.random.default_rng(0).permutation(len(self._data))
        self._check_same(fitted.transform(self._data.inputs(order)), together, order, "the order of the cells changes")

    def pixels_only(self) -> None:
        """Features do not change for images with other names in a folder with a table of other labels."""
        fitted, expected = self._reference
        every = np.arange(len(self._data))
        other = renamed_copy(self._data, self.folder / "renamed", next_labels(self._data.y, every), prefix="renamed-")
        if not np.array_equal(expected, fitted.transform(other.X), equal_nan=True):
            raise Violation(
                "features change with the ids of cells, their paths or a table in their folder, which may contain the "
                "label; use only image, masks and um_per_px"
            )

    def prepared(self) -> None:
        """Prepared cells have the features of image files with the prepared pixels."""
        pair = prepared(self._data, self.folder / "prepared")
        rows = range(len(self._data) if self.plugin.requires_fit else ALONE)
        actual, expected = (self._fitted(data).transform(data.inputs(rows)) for data in pair)
        if not np.array_equal(actual, expected, equal_nan=True):
            raise Violation(
                "features of prepared cells are not those of the prepared pixels; use cell.image and cell.mask, and do "
                "not read files"
            )

    def unchanged_cells(self) -> None:
        """Image and masks of each cell are unchanged."""
        cells = list(self._data.X)
        before = [deepcopy(_pixels(cell)) for cell in cells]
        self._new().fit(cells, self._data.y.copy(), groups=self._data.groups.copy()).transform(cells)
        for cell, pixels in zip(cells, before, strict=True):
            if not all(map(np.array_equal, _pixels(cell), pixels)):
                raise Violation("fit or transform changes the image or mask of a cell in place; work on a copy")

    def tag(self) -> str:
        """Stateless: features do not depend on a fit. Stateful: transform before fit is an error."""
        data = self._data
        if self.plugin.requires_fit:
            try:
                self._new().transform(data.X)
            except (NotFittedError, AttributeError, ValueError):
                return "stateful: fitted in each fold on training patients"
            raise Violation("its tag is requires_fit=True, but transform works before fit; set requires_fit=False")
        expected = self._reference[1]
        for y in (data.y.copy(), next_labels(data.y, np.arange(len(data))), None):
            fitted = self._new().fit(data.X, y, groups=data.groups.copy()).transform(data.X)
            if not np.array_equal(expected, fitted, equal_nan=True):
                raise Violation(
                    "its tag is requires_fit=False, but fit changes its features, which are computed once for all "
                    "patients; set requires_fit=True, so that each fold fits it on training patients"
                )
        return "stateless: features are computed once, without labels"

    def independent_fits(self) -> None:
        """Fits on test patients, as in other folds, do not affect a later fit."""
        if not self.plugin.requires_fit:
            raise NotApplicable("it is stateless")
        # New cells: a plugin that remembers the cells of earlier checks would know these in the first fit, too.
        data = synthetic_cells(self.folder / "fits", patients=6, cells=2, seed=20, prefix="fits-")
        _, patient = np.unique(data.groups, return_inverse=True)
        train, test = np.flatnonzero(patient < 6), np.flatnonzero(patient >= 6)
        expected = self._fitted(data.take(train)).transform(data.X)
        other = self._new()
        # One of the two changes an extractor that remembers earlier fits.
        for number, y in enumerate((next_labels(data.y, test), data.y)):
            planted = with_planted_signal(data, test, self.folder / f"planted-{number}", labels=y)
            other.fit(planted.X, planted.y, groups=planted.groups.copy())
            if not np.array_equal(expected, self._fitted(data.take(train)).transform(data.X), equal_nan=True):
                raise Violation(
                    "a fit on other patients in between changes the features of a new instance: learned values outlive "
                    "the fit (a variable of the module or class, a file), so labels of test patients reach the "
                    "training; store all learned values in the instance"
                )
        again = other.fit(data.inputs(train), data.y[train], groups=data.groups[train]).transform(data.X)
        if not np.array_equal(expected, again, equal_nan=True):
            raise Violation("an instance that is fitted a second time depends on the first fit; reset it in fit")

    @cached_property
    def _data(self) -> SyntheticData:
        # A stateful extractor may hold out patients of each class; a network is slow, so it gets fewer cells.
        patients = 4 if self.plugin.requires_fit else 2
        return synthetic_cells(self.folder / "cells", patients=patients, cells=2, seed=4, prefix="cell-")

    @cached_property
    def _reference(self) -> tuple[Any, Any]:
        """Fitted extractor and its features of all cells."""
        fitted = self._fitted(self._data)
        return fitted, fitted.transform(self._data.X)

    def _new(self) -> Any:
        return clone(self.plugin.build(random_state=1, threads=1, n_jobs=1, weights_dir=self.weights_dir))

    def _fitted(self, data: SyntheticData) -> Any:
        fresh = self._new()
        return fresh.fit(data.X, data.y.copy(), groups=data.groups.copy()) if self.plugin.requires_fit else fresh

    def _check_same(
        self, features: npt.NDArray[Any], together: npt.NDArray[Any], rows: Sequence[int] | npt.NDArray[Any], when: str
    ) -> None:
        expected = together[np.asarray(rows)]
        if features.shape != expected.shape or not np.array_equal(np.isnan(features), np.isnan(expected)):
            raise Violation(f"other features are NaN when {when}")
        # The features of a network have one scale; a mean colour and an area have not.
        axis = None if "weights" in self.plugin.params else 0
        scale = np.nanmax(np.abs(together), axis=axis, initial=1e-30)
        gap = float(np.nanmax(np.abs(features.astype(np.float64) - expected) / scale, initial=0))
        if not gap <= TOLERANCE:
            raise Violation(f"a feature changes by {gap:.2g} of its largest value when {when}; do not use other cells")


def _pixels(cell: Cell) -> tuple[Any, ...]:
    return cell.image, cell.mask, cell.nucleus


def _check_status(values: npt.NDArray[Any], again: npt.NDArray[Any], status: npt.NDArray[Any]) -> None:
    """Check that `transform_with_status`, which the engine stores, agrees with `transform`, with one code per value."""
    if not np.array_equal(values, again, equal_nan=True):
        raise Violation("transform_with_status returns other features than transform")
    if np.shape(status) != values.shape or np.asarray(status).dtype != np.uint8:
        raise Violation(f"transform_with_status returns codes of another shape or type than uint8 {values.shape}")
    if not np.array_equal(np.isnan(values), status != Status.OK):
        raise Violation(
            "transform_with_status returns a reason for a feature that is not NaN, or none for one that is NaN"
        )
