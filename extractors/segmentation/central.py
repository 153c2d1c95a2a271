"""The object at the centre of an image, among the components of a mask."""

from __future__ import annotations

import numpy as np

from extractors.arrays import BoolArray, Float64Array
from extractors.segmentation.components import components

MIDDLE = 0.2
"""Standard deviation of the central weight, as a share of the shorter side of the image."""


def central_weight(shape: tuple[int, ...]) -> Float64Array:
    """Compute a Gaussian weight around the centre of an image, 1 at the centre, shape (height, width)."""
    rows, columns = (np.arange(length) - (length - 1) / 2 for length in shape)
    return np.asarray(np.exp(-np.add.outer(rows**2, columns**2) / (2 * (MIDDLE * min(shape)) ** 2)))


def central_component(mask: BoolArray) -> BoolArray:
    """Select the 8-connected component with the largest central weight that does not touch the frame.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False if every component touches the frame, or `mask` is empty.
    """
    labels, areas = components(mask)
    weights = np.bincount(labels.ravel(), central_weight(mask.shape).ravel(), minlength=len(areas) + 1)
    weights[0] = 0
    weights[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = 0
    return np.asarray(labels == int(np.argmax(weights))) if weights.any() else np.zeros_like(mask)
