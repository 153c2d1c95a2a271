"""The checks of an extractor: what it gives, and that it comes from the pixels of the cell alone."""

from __future__ import annotations

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

from bench.contract.outcomes import Broken, NotApplicable, Step
from bench.contract.parameters import check_parameters
from bench.contract.synthetic_data import Material, prepared, retold, swapped, synthetic_cells, with_planted_signal
from bench.plugins.registry import Plugin
from extractors.cells import Cell
from extractors.handcrafted.framework.status import Status

TOLERANCE = 1e-5
"""Between features of a cell alone and among others, relative to the largest value: sums in another order, no more."""

ALONE = 3
"""Cells that are looked at alone; a network takes its time for each."""


@dataclass(frozen=True)
class ExtractorChecks:
    """The checks of one extractor.

    Parameters
    ----------
    plugin : Plugin
        Whose instances are checked.
    folder : Path
        An empty folder for made-up cells.
    weights_dir : str or None
        Where weights are looked for first.
    """

    plugin: Plugin
    folder: Path
    weights_dir: str | None = None

    def steps(self) -> list[Step]:
        """The checks in the order in which they are best read."""
        return [
            Step("the constructor keeps its parameters and does nothing else", lambda: check_parameters(self._new())),
            Step("float32 features of every cell, with unique names", self.features),
            Step("the same cells give the same features", self.twice),
            Step("a cell's features are its own, not its neighbours'", self.alone),
            Step("features come from the pixels, not from names or labels", self.pixels_alone),
            Step("a prepared cell is seen as it was prepared", self.prepared),
            Step("cells stay as they were", self.untouched),
            Step("it learns when it says so, and only then", self.learning),
            Step("a fit begins anew, whatever was fitted before", self.anew),
        ]

    def features(self) -> str:
        """One row a cell, one name a column; NaN is allowed; infinity is not, nor a row of NaN without reasons."""
        fitted = self._fitted(self._data)
        values = fitted.transform(self._data.X)
        if not isinstance(values, np.ndarray) or values.dtype != np.float32:
            raise Broken(f"transform gives {getattr(values, 'dtype', type(values).__name__)}; float32 is expected")
        if values.ndim != 2 or len(values) != len(self._data) or not values.shape[1]:
            raise Broken(
                f"transform gives an array of shape {values.shape}; ({len(self._data)}, n_features) is expected"
            )
        names = [str(name) for name in fitted.get_feature_names_out()]
        if len(names) != values.shape[1]:
            raise Broken(f"get_feature_names_out gives {len(names)} names for {values.shape[1]} features")
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise Broken(f"two features are called {twice[0]}")
        if hasattr(fitted, "catalogue") and [str(column.name) for column in fitted.catalogue()] != names:
            raise Broken("catalogue() lists other columns than get_feature_names_out, or in another order")
        if np.isinf(values).any():
            raise Broken(f"feature {names[int(np.isinf(values).any(axis=0).argmax())]} is infinite; give NaN instead")
        notices = getattr(fitted, "notices_", ())
        if not isinstance(notices, tuple) or not all(isinstance(notice, str) for notice in notices):
            raise Broken(f"notices_ is {notices!r}; a tuple of sentences is expected, each of which is told once")
        if hasattr(fitted, "transform_with_status"):
            _check_status(values, *fitted.transform_with_status(self._data.X))
        elif np.isnan(values).all(axis=1).any():
            raise Broken("a whole cell has no feature but NaN, and no transform_with_status tells why")
        return f"{values.shape[1]} features"

    def twice(self) -> None:
        """Two instances, fitted alike, give the same bits."""
        first, second = (self._fitted(self._data).transform(self._data.X) for _ in range(2))
        if not np.array_equal(first, second, equal_nan=True):
            raise Broken("two instances give other features of the same cells; make what is random follow random_state")

    def alone(self) -> None:
        """Single cells, and all in another order, have the features that they have together."""
        fitted = self._fitted(self._data)
        together = fitted.transform(self._data.X)
        for row in range(ALONE):
            self._check_same(fitted.transform(self._data.inputs([row])), together, [row], "its cell stands alone")
        order = np.random.default_rng(0).permutation(len(self._data))
        self._check_same(fitted.transform(self._data.inputs(order)), together, order, "the cells come in another order")

    def pixels_alone(self) -> None:
        """The same images under other names, in a folder whose table tells other labels, have the same features."""
        fitted = self._fitted(self._data)
        known = fitted.transform(self._data.X)
        every = np.arange(len(self._data))
        other = retold(self._data, self.folder / "retold", swapped(self._data.y, every), prefix="renamed-")
        if not np.array_equal(known, fitted.transform(other.X), equal_nan=True):
            raise Broken(
                "features change with the cells' ids, their paths or a table beside them; an id may tell the label, so "
                "take image, masks and um_per_px alone"
            )

    def prepared(self) -> None:
        """Cells that the engine has prepared have the features of files that hold what the preparation leaves."""
        cut, by_hand = prepared(self._data, self.folder / "by-hand")
        rows = range(len(cut) if self.plugin.requires_fit else ALONE)
        seen, known = (self._fitted(data).transform(data.inputs(rows)) for data in (cut, by_hand))
        if not np.array_equal(seen, known, equal_nan=True):
            raise Broken(
                "features of prepared cells are not those of the pixels that --prepare leaves; take cell.image and "
                "cell.mask, and read no file"
            )

    def untouched(self) -> None:
        """Image and masks of each cell are bit for bit what they were."""
        cells = list(self._data.X)
        before = [deepcopy(_pixels(cell)) for cell in cells]
        self._new().fit(cells, self._data.y.copy(), groups=self._data.groups.copy()).transform(cells)
        for cell, known in zip(cells, before, strict=True):
            if not all(map(np.array_equal, _pixels(cell), known)):
                raise Broken("fit or transform changes a cell's image or mask in place; work on a copy")

    def learning(self) -> str:
        """Stateless: no fit is needed, and none changes a feature. Stateful: transform before fit is refused."""
        data = self._data
        if self.plugin.requires_fit:
            try:
                self._new().transform(data.X)
            except (NotFittedError, AttributeError, ValueError):
                return "stateful: fitted in each fold, on training patients"
            raise Broken("its tag says requires_fit=True, but transform works before fit; set requires_fit=False")
        known = self._new().transform(data.X)
        for y in (data.y.copy(), swapped(data.y, np.arange(len(data))), None):
            learned = self._new().fit(data.X, y, groups=data.groups.copy()).transform(data.X)
            if not np.array_equal(known, learned, equal_nan=True):
                raise Broken(
                    "its tag says requires_fit=False, but fit changes its features: they would be made once, of all "
                    "patients; set requires_fit=True, so that each fold fits it on training patients"
                )
        return "stateless: its features are made once, without labels"

    def anew(self) -> None:
        """What was fitted on the tested patients in another fold leaves no trace in the next instance."""
        if not self.plugin.requires_fit:
            raise NotApplicable("it learns nothing")
        # Cells that no other check has shown it: what it may have kept of them would be kept for the first fit, too.
        data = synthetic_cells(self.folder / "anew", patients=6, cells=2, seed=20, prefix="anew-")
        _, patient = np.unique(data.groups, return_inverse=True)
        train, test = np.flatnonzero(patient < 6), np.flatnonzero(patient >= 6)
        known = self._fitted(data.take(train)).transform(data.X)
        other = self._new()
        # Whatever may have been kept from before, one of the two would change it.
        for number, y in enumerate((swapped(data.y, test), data.y)):
            planted = with_planted_signal(data, test, self.folder / f"planted-{number}", labels=y)
            other.fit(planted.X, planted.y, groups=planted.groups.copy())
            if not np.array_equal(known, self._fitted(data.take(train)).transform(data.X), equal_nan=True):
                raise Broken(
                    "a fit on other patients in between changes what a new instance gives: something learned outlives "
                    "the fit (a variable of the module or class, a file), so labels of tested patients reach the "
                    "training; keep all that is learned in the instance"
                )
        again = other.fit(data.inputs(train), data.y[train], groups=data.groups[train]).transform(data.X)
        if not np.array_equal(known, again, equal_nan=True):
            raise Broken("an instance that is fitted a second time keeps something of the first fit; begin anew in fit")

    @cached_property
    def _data(self) -> Material:
        # One that learns may set patients of each class aside; for a network that does not, each cell takes its time.
        patients = 4 if self.plugin.requires_fit else 2
        return synthetic_cells(self.folder / "cells", patients=patients, cells=2, seed=4, prefix="cell-")

    def _new(self) -> Any:
        return clone(self.plugin.build(random_state=1, threads=1, n_jobs=1, weights_dir=self.weights_dir))

    def _fitted(self, data: Material) -> Any:
        fresh = self._new()
        return fresh.fit(data.X, data.y.copy(), groups=data.groups.copy()) if self.plugin.requires_fit else fresh

    def _check_same(
        self, found: npt.NDArray[Any], together: npt.NDArray[Any], rows: Sequence[int] | npt.NDArray[Any], when: str
    ) -> None:
        expected = together[np.asarray(rows)]
        if found.shape != expected.shape or not np.array_equal(np.isnan(found), np.isnan(expected)):
            raise Broken(f"other features exist when {when}")
        # All numbers of a network's feature are on one scale; a mean colour and an area are not.
        axis = None if "weights" in self.plugin.params else 0
        scale = np.nanmax(np.abs(together), axis=axis, initial=1e-30)
        gap = float(np.nanmax(np.abs(found.astype(np.float64) - expected) / scale, initial=0))
        if not gap <= TOLERANCE:
            raise Broken(
                f"a feature changes by {gap:.2g} of its largest value when {when}: each cell stands for itself"
            )


def _pixels(cell: Cell) -> tuple[Any, ...]:
    return cell.image, cell.mask, cell.nucleus


def _check_status(values: npt.NDArray[Any], again: npt.NDArray[Any], status: npt.NDArray[Any]) -> None:
    """The engine keeps what this method gives, so it must be what `transform` gives, with one code a value."""
    if not np.array_equal(values, again, equal_nan=True):
        raise Broken("transform_with_status gives other features than transform")
    if np.shape(status) != values.shape or np.asarray(status).dtype != np.uint8:
        raise Broken(f"transform_with_status gives codes of another shape or type than uint8 {values.shape}")
    if not np.array_equal(np.isnan(values), status != Status.OK):
        raise Broken("transform_with_status gives a reason for a feature that exists, or none for one that is NaN")
