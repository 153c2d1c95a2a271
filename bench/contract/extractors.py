"""Contract checks of an extractor: output, and dependence on the pixels of the cell only."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError

from bench.contract.outcomes import NotApplicable, Step, Violation
from bench.contract.plugin_checks import PluginChecks, Values, same
from bench.contract.synthetic_data import SyntheticData, next_labels, prepared, renamed_copy
from extractors.cells import Cell
from extractors.handcrafted.framework.status import Status

ALONE = 3
"""Number of cells extracted alone; each takes a network some time."""


class ExtractorChecks(PluginChecks):
    """Contract checks of one extractor."""

    output = "feature"
    method = "transform"
    alone = ALONE

    def steps(self) -> list[Step]:
        """Return the checks in the order of the report."""
        return [
            Step("the constructor stores its parameters and does nothing else", self.parameters),
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
        if not same(self._reference[1], self._output(self._fitted(self._data), self._data)):
            raise Violation(
                "two instances return different features of the same cells; derive randomness from random_state"
            )

    def pixels_only(self) -> None:
        """Features do not change for images with other names in a folder with a table of other labels."""
        fitted, expected = self._reference
        every = np.arange(len(self._data))
        other = renamed_copy(self._data, self.folder / "renamed", next_labels(self._data.y, every), prefix="renamed-")
        if not same(expected, self._output(fitted, other)):
            raise Violation(
                "features change with the ids of cells, their paths or a table in their folder, which may contain the "
                "label; use only image, masks and um_per_px"
            )

    def prepared(self) -> None:
        """Prepared cells have the features of image files with the prepared pixels."""
        pair = prepared(self._data, self.folder / "prepared")
        rows = range(len(self._data) if self.plugin.requires_fit else ALONE)
        actual, expected = (self._output(self._fitted(data), data.take(rows)) for data in pair)
        if not same(actual, expected):
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
            if not same(expected, fitted):
                raise Violation(
                    "its tag is requires_fit=False, but fit changes its features, which are computed once for all "
                    "patients; set requires_fit=True, so that each fold fits it on training patients"
                )
        return "stateless: features are computed once, without labels"

    def independent_fits(self) -> None:
        """As in `PluginChecks`."""
        if not self.plugin.requires_fit:
            raise NotApplicable("it is stateless")
        super().independent_fits()

    @cached_property
    def _data(self) -> SyntheticData:
        # A stateful extractor may hold out patients of each class; a network is slow, so it gets fewer cells.
        patients = 4 if self.plugin.requires_fit else 2
        return self._synthetic(2, patients=patients, seed=4)

    def _fitted(self, data: SyntheticData) -> Any:
        return super()._fitted(data) if self.plugin.requires_fit else self._new()

    def _scale(self, together: Values) -> Any:
        # The features of a network have one scale; a mean colour and an area have not.
        axis = None if "weights" in self.plugin.params else 0
        return np.nanmax(np.abs(together), axis=axis, initial=1e-30)


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
