"""The families of handcrafted features as scikit-learn transformers with named columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.cells import Cell
from extractors.handcrafted import clefting as clefting_family
from extractors.handcrafted import color as color_family
from extractors.handcrafted import shape as shape_family
from extractors.handcrafted import size as size_family
from extractors.handcrafted.glcm import glcm, glcm_names
from extractors.handcrafted.region import Parts
from extractors.handcrafted.status import Measured, Status, missing

FAMILIES = ("size", "shape", "clefting", "color", "glcm")
MAX_LEVELS = 256


@dataclass(frozen=True)
class Family:
    """Named features and the function that measures them."""

    names: tuple[str, ...]
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
            Codes of `extractors.handcrafted.status.Status`.

        Raises
        ------
        ValueError, OSError
            As `transform`.
        """
        families = self._families()
        names = [name for family in families for name in family.names]
        features = np.full((len(cells), len(names)), np.nan, dtype=np.float32)
        status = np.full(features.shape, Status.EMPTY, dtype=np.uint8)
        scales: set[bool] = set()
        for row, cell in enumerate(cells):
            scales.add(cell.um_per_px is not None)
            if len(scales) > 1:
                raise ValueError(
                    f"cell {cell.id}: some cells have a scale (um_per_px) and some have none, so their sizes cannot be "
                    "compared; give all of them one, or none"
                )
            measured = measure_cell(cell, families)
            for column, name in enumerate(names):
                value = measured[name]
                if isinstance(value, Status):
                    status[row, column] = value
                else:
                    features[row, column], status[row, column] = value, Status.OK
        return features, status

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Names `family.feature.region.channel.scale`, without the parts that do not apply."""
        return np.array([name for family in self._families() for name in family.names], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags


class Handcrafted(HandcraftedBase):
    """Features of several families.

    Parameters
    ----------
    families : sequence of str or str
        Of `size`, `shape`, `clefting`, `color`, `glcm`; columns follow this order, not the one given.
    levels : int
        Grey levels of the co-occurrence matrices, 2 to 256.
    distances : sequence of int or int
        Distances in pixels of the co-occurrence matrices.
    """

    def __init__(
        self,
        families: Sequence[str] | str = FAMILIES,
        levels: int = 32,
        distances: Sequence[int] | int = (1, 3, 5),
    ) -> None:
        self.families = families
        self.levels = levels
        self.distances = distances

    def _families(self) -> list[Family]:
        """The families asked for, in the order of `FAMILIES`."""
        return [family_of(name, self.levels, self.distances) for name in chosen_families(self.families)]


class Size(HandcraftedBase):
    """How large cell and nucleus are: `extractors.handcrafted.size`."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [family_of("size")]


class Shape(HandcraftedBase):
    """What shape cell and nucleus have: `extractors.handcrafted.shape`."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [family_of("shape")]


class Clefting(HandcraftedBase):
    """How cleft and lobed nucleus and cell are: `extractors.handcrafted.clefting`."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [family_of("clefting")]


class Color(HandcraftedBase):
    """Colour inside the cell: `extractors.handcrafted.color`."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [family_of("color")]


class Glcm(HandcraftedBase):
    """Texture from co-occurrence matrices: `extractors.handcrafted.glcm`.

    Parameters
    ----------
    levels : int
        Grey levels, 2 to 256.
    distances : sequence of int or int
        In pixels.
    """

    def __init__(self, levels: int = 32, distances: Sequence[int] | int = (1, 3, 5)) -> None:
        self.levels = levels
        self.distances = distances

    def _families(self) -> list[Family]:
        """The one family."""
        return [family_of("glcm", self.levels, self.distances)]


def measure_cell(cell: Cell, families: Sequence[Family]) -> Measured:
    """Every feature of the families for one cell; all `EMPTY` where its mask is."""
    mask = cell.mask
    if not mask.any():
        return missing((name for family in families for name in family.names), Status.EMPTY)
    parts = Parts(cell.image, mask, cell.um_per_px)
    measured: Measured = {}
    for family in families:
        measured |= family.measure(parts)
    return measured


def chosen_families(asked: Sequence[str] | str) -> list[str]:
    """Names of families without repeats, in the order of `FAMILIES`.

    Raises
    ------
    ValueError
        None is asked for, or one that does not exist.
    """
    names = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in names if name not in FAMILIES]
    if unknown or not names:
        what = f"no family of handcrafted features is called {unknown[0]!r}" if unknown else "no family is asked for"
        raise ValueError(f"{what}; there are {', '.join(FAMILIES)}")
    return [name for name in FAMILIES if name in names]


def family_of(name: str, levels: int = 32, distances: Sequence[int] | int = (1, 3, 5)) -> Family:
    """A family by its name; only `glcm` has parameters.

    Raises
    ------
    ValueError
        Levels or distances out of range.
    """
    if name != "glcm":
        return _FIXED[name]
    apart = _checked_distances(distances)
    if isinstance(levels, bool) or not isinstance(levels, int) or not 2 <= levels <= MAX_LEVELS:
        raise ValueError(f"levels={levels!r}: a whole number from 2 to {MAX_LEVELS} is expected")
    return Family(glcm_names(apart), lambda parts: glcm(parts, levels=levels, distances=apart))


_FIXED = {
    "size": Family(size_family.NAMES, size_family.size),
    "shape": Family(shape_family.NAMES, shape_family.shape),
    "clefting": Family(clefting_family.NAMES, clefting_family.clefting),
    "color": Family(color_family.NAMES, color_family.color),
}


def _checked_distances(distances: Sequence[int] | int) -> tuple[int, ...]:
    apart = (distances,) if isinstance(distances, int) else tuple(distances)
    whole = all(isinstance(d, int) and not isinstance(d, bool) and d >= 1 for d in apart)
    if not apart or not whole or len(set(apart)) < len(apart):
        raise ValueError(f"distances={distances!r}: different whole numbers of pixels from 1 on are expected")
    return apart
