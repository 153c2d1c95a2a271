"""Features of the full frame: the resized image, and the base of the extractors that read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.arrays import Float32Array, Float64Array, UInt8Array
from extractors.cells import Cell
from extractors.handcrafted.framework.feature import Column


class FrameFeatures(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of stateless extractors whose features are numbers of the resized frame; the mask is ignored.

    Subclasses are dataclasses whose fields are the parameters.
    """

    @abstractmethod
    def catalogue(self) -> list[Column]:
        """Formula, unit, range and source of each column, in order.

        Raises
        ------
        ValueError
            A parameter is invalid.
        """

    @abstractmethod
    def _values(self, image: UInt8Array) -> npt.NDArray[np.floating[Any]]:
        """Compute the features of one image, shape (n_features,)."""

    def validate_parameters(self) -> None:
        """Check the parameters.

        Raises
        ------
        ValueError
            One of them is invalid.
        """
        self.catalogue()

    def fit(self, cells: Sequence[Cell], y: object = None, groups: object = None) -> FrameFeatures:
        """Validate the parameters; nothing is learned."""
        self.validate_parameters()
        return self

    def transform(self, cells: Sequence[Cell]) -> Float32Array:
        """Compute the features of each cell.

        Parameters
        ----------
        cells : sequence of Cell

        Returns
        -------
        ndarray of float32, shape (n_cells, n_features)
            Always finite.

        Raises
        ------
        ValueError
            A parameter is invalid.
        OSError
            A cell cannot be read.
        """
        features = np.empty((len(cells), len(self.catalogue())), dtype=np.float32)
        for row, cell in enumerate(cells):
            features[row] = self._values(cell.image)
        return features

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Names of the columns."""
        return np.array([column.name for column in self.catalogue()], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags


def resized(image: UInt8Array, size: int) -> Float32Array:
    """Resize an image to a square; its aspect ratio is not preserved.

    Each axis is averaged over areas where it shrinks (OpenCV's `INTER_AREA`) and interpolated linearly where it grows.
    Values are not rounded.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    size : int
        Side of the result in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size, 3)
        Values from 0 to 255.
    """
    height, width = image.shape[:2]
    values = image.astype(np.float32)
    for shape, shrinks in (((width, size), size < height), ((size, size), size < width)):
        values = cv2.resize(values, shape, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(np.clip(values, 0, 255), dtype=np.float32)


def grey(image: Float32Array) -> Float64Array:
    """Compute the Rec. 601 luma 0.299 R + 0.587 G + 0.114 B of RGB, shape (..., 3) -> (...)."""
    return np.asarray(np.minimum(image.astype(np.float64) @ np.array([0.299, 0.587, 0.114]), 255))
