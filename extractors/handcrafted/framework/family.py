"""A family of features, and the scikit-learn transformer that all handcrafted extractors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.cells import Cell
from extractors.handcrafted.framework.cell_regions import OUTLINED, REGIONS, Parts
from extractors.handcrafted.framework.channels import CHANNELS
from extractors.handcrafted.framework.feature import Column, Feature, outline_columns, texture_columns
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Measured, Status, missing


@dataclass(frozen=True)
class Family:
    """Named columns and the function that measures them.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the matrix.
    measure : callable
        From the parts of a cell to a value or a status for each column, by name.
    """

    columns: tuple[Column, ...]
    measure: Callable[[Parts], Measured]


class HandcraftedBase(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What all handcrafted extractors share; nothing is learned from the cells.

    A subclass says which families it has.
    """

    @abstractmethod
    def _families(self) -> list[Family]:
        """The families with their parameters.

        Raises
        ------
        ValueError
            A parameter has a value that makes no sense.
        """

    def fit(self, cells: Sequence[Cell], y: object = None, groups: object = None) -> HandcraftedBase:
        """Check the parameters; there is nothing to learn."""
        self._families()
        return self

    def transform(self, cells: Sequence[Cell]) -> npt.NDArray[np.float32]:
        """Features of each cell.

        Parameters
        ----------
        cells : sequence of Cell

        Returns
        -------
        ndarray of float32, shape (n_cells, n_features)
            NaN where a feature does not exist.

        Raises
        ------
        ValueError
            A parameter makes no sense, or some of the cells have a scale and some have none.
        OSError
            A cell cannot be read.
        """
        return self.transform_with_status(cells)[0]

    def transform_with_status(self, cells: Sequence[Cell]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Features of each cell, and why those that are NaN do not exist.

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
            As `transform`.
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
                    "compared; give all of them one, or none"
                )
            measured = _measured_cell(cell, families)
            values = [measured[name] for name in names]
            features[row], status[row] = values, Status.OK
            for column, value in enumerate(values):
                if isinstance(value, Status):
                    features[row, column], status[row, column] = np.nan, value
        return features, status

    def measure(self, parts: Parts) -> Measured:
        """A value, or the reason why there is none, for each column of one cell by name.

        Parameters
        ----------
        parts : Parts
            The cell.
        """
        return _measured(parts, self._families())

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


def outline_family(
    name: str,
    features: Mapping[str, Feature],
    of: Callable[[Region], Measured],
    *,
    regions: Sequence[str] | str,
    min_area: int = 1,
) -> Family:
    """A family measured on the outline of each region: columns `name.feature.region`.

    Parameters
    ----------
    name : str
    features : mapping of str to Feature
        By the keys that `of` gives.
    of : callable
        Not called for a region that is missing, smaller than `min_area` pixels or cut by the frame.
    regions : sequence of str or str
        Of `extractors.handcrafted.framework.cell_regions.OUTLINED`.
    min_area : int
        Pixels.

    Raises
    ------
    ValueError
        No region is asked for, or one that has no outline.
    """
    outlined = chosen(regions, OUTLINED, "outlined region")
    full = {region: [f"{name}.{key}.{region}" for key in features] for region in outlined}

    def measure(parts: Parts) -> Measured:
        found: Measured = {}
        for region, names in full.items():
            outline = parts.outline(region, min_area=min_area)
            found |= missing(names, outline) if isinstance(outline, Status) else _named(names, features, of(outline))
        return found

    return Family(outline_columns(name, features, outlined), measure)


def texture_family(
    name: str,
    features: Mapping[str, Feature],
    of: Callable[[Plane], Measured],
    *,
    regions: Sequence[str] | str,
    channels: Sequence[str] | str,
) -> Family:
    """A family measured on each channel of each region: columns `name.feature.region.channel.scale`.

    Parameters
    ----------
    name : str
    features : mapping of str to Feature
        By the keys that `of` gives: `feature`, or `feature.scale`.
    of : callable
        Not called for a region that is missing.
    regions, channels : sequence of str or str
        Of `framework.cell_regions.REGIONS` and of `framework.channels.CHANNELS`.

    Raises
    ------
    ValueError
        None is asked for, or one that does not exist.
    """
    where, what = chosen(regions, REGIONS, "region"), chosen(channels, CHANNELS, "channel")
    columns = texture_columns(name, features, where, what)
    planes = [(region, channel) for region in where for channel in what]
    width = len(features)
    full = [(plane, [column.name for column in columns[i * width : (i + 1) * width]]) for i, plane in enumerate(planes)]

    def measure(parts: Parts) -> Measured:
        found: Measured = {}
        for (region, channel), names in full:
            plane = parts.plane(region, channel)
            found |= missing(names, plane) if isinstance(plane, Status) else _named(names, features, of(plane))
        return found

    return Family(columns, measure)


def chosen(asked: Sequence[str] | str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """What is asked for, without repeats, in the order of what is known.

    Parameters
    ----------
    asked : sequence of str or str
    known : sequence of str
    what : str
        What one of them is called, for the error.

    Raises
    ------
    ValueError
        None is asked for, or one that is not known.
    """
    names = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        problem = f"no {what} is called {unknown[0]!r}" if unknown else f"no {what} is asked for"
        raise ValueError(f"{problem}; there are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _named(names: Sequence[str], features: Mapping[str, Feature], values: Measured) -> Measured:
    return {name: values[key] for name, key in zip(names, features, strict=True)}


def _measured_cell(cell: Cell, families: Sequence[Family]) -> Measured:
    """Every feature of the families for one cell; all `EMPTY` where its mask is."""
    mask = cell.mask
    if not mask.any():
        return missing((column.name for family in families for column in family.columns), Status.EMPTY)
    return _measured(Parts(cell.image, mask, cell.um_per_px, cell.nucleus), families)


def _measured(parts: Parts, families: Sequence[Family]) -> Measured:
    found: Measured = {}
    for family in families:
        found |= family.measure(parts)
    return found
