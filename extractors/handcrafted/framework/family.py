"""Feature families and the scikit-learn transformer that all handcrafted extractors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.arrays import Float32Array, UInt8Array
from extractors.cells import Cell
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.feature import Column
from extractors.handcrafted.framework.kernel_cache import cache_notices
from extractors.handcrafted.framework.status import FeatureValues, Status


@dataclass(frozen=True)
class Family:
    """Named columns and the function that measures them.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the feature matrix.
    measure : callable
        Maps a cell to the value or status of each column, by name.
    """

    columns: tuple[Column, ...]
    measure: Callable[[CellRegions], FeatureValues]


class HandcraftedBase(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of the handcrafted extractors: stateless transformers from cells to features.

    Subclasses are dataclasses whose fields are the parameters; equality and repr are those of scikit-learn.

    Attributes
    ----------
    notices_ : tuple of str
        Messages for the user; set by `transform` and `transform_with_status`.
    """

    @abstractmethod
    def _families(self) -> list[Family]:
        """Families with the parameters of this extractor.

        Raises
        ------
        ValueError
            A parameter is invalid.
        """

    def fit(self, cells: Sequence[Cell], y: object = None, groups: object = None) -> HandcraftedBase:
        """Validate the parameters; nothing is learned."""
        self._families()
        return self

    def transform(self, cells: Sequence[Cell]) -> Float32Array:
        """Compute the features of each cell.

        Parameters
        ----------
        cells : sequence of Cell

        Returns
        -------
        ndarray of float32, shape (n_cells, n_features)
            NaN where a feature is undefined.

        Raises
        ------
        ValueError
            A parameter is invalid, or only some of the cells have a scale.
        OSError
            A cell cannot be read.
        """
        return self.transform_with_status(cells)[0]

    def transform_with_status(self, cells: Sequence[Cell]) -> tuple[Float32Array, UInt8Array]:
        """Compute the features of each cell and the reason for each NaN.

        Parameters
        ----------
        cells : sequence of Cell

        Returns
        -------
        features : ndarray of float32, shape (n_cells, n_features)
            NaN exactly where the status is not 0.
        status : ndarray of uint8, shape (n_cells, n_features)
            Codes of `extractors.handcrafted.framework.status.Status`.

        Raises
        ------
        ValueError, OSError
            See `transform`.
        """
        families = self._families()
        names = [column.name for family in families for column in family.columns]
        features = np.empty((len(cells), len(names)), dtype=np.float32)
        status = np.empty(features.shape, dtype=np.uint8)
        scales: set[bool] = set()
        for row, cell in enumerate(cells):
            scales.add(cell.um_per_px is not None)
            if len(scales) > 1:
                raise ValueError(
                    f"cell {cell.id}: some cells have a scale (um_per_px) and some have none, so their sizes cannot be "
                    "compared; set a scale for all cells or for none"
                )
            measured = _measured_cell(cell, families)
            values = [measured[name] for name in names]
            features[row], status[row] = values, Status.OK
            for column, value in enumerate(values):
                if isinstance(value, Status):
                    features[row, column], status[row, column] = np.nan, value
        self.notices_ = cache_notices()
        return features, status

    def measure(self, cell: CellRegions) -> FeatureValues:
        """Compute the value or status of each column of one cell, by name.

        Parameters
        ----------
        cell : CellRegions
            At least one pixel.
        """
        return _measured(cell, self._families())

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Names `family.feature.region.channel.scale`, without the parts that do not apply."""
        return np.array([column.name for column in self.catalogue()], dtype=object)

    def catalogue(self) -> list[Column]:
        """Formula, unit, range and source of each column, in order."""
        return [column for family in self._families() for column in family.columns]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags


def _measured_cell(cell: Cell, families: Sequence[Family]) -> FeatureValues:
    """Every feature of a cell; all `EMPTY` if its mask is empty."""
    mask = cell.mask
    if not mask.any():
        return dict.fromkeys((column.name for family in families for column in family.columns), Status.EMPTY)
    return _measured(CellRegions(cell.image, mask, cell.um_per_px, cell.nucleus), families)


def _measured(cell: CellRegions, families: Sequence[Family]) -> FeatureValues:
    return {name: value for family in families for name, value in family.measure(cell).items()}
