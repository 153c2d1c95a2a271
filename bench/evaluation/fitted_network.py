"""The network of a fitted classifier: its weights and what a prediction needs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FittedNetwork:
    """Weights of a network and the settings of its input and output.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Attribute `weights_` of the classifier.
    classes : tuple of str
        Labels in the order of its outputs.
    mean, std : tuple of float or None
        Normalisation of the pixels / 255 by channel; None if the classifier has no `mean_` and `std_`.
    """

    weights: Mapping[str, npt.NDArray[Any]]
    classes: tuple[str, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


def network_of(classifier: Any) -> FittedNetwork | None:
    """Return the network of a fitted classifier; None for one without `weights_`, a mapping of names to arrays."""
    weights = getattr(classifier, "weights_", None)
    if not isinstance(weights, Mapping) or not all(isinstance(array, np.ndarray) for array in weights.values()):
        return None
    mean, std = (getattr(classifier, name, None) for name in ("mean_", "std_"))
    classes = tuple(str(label) for label in classifier.classes_)
    return FittedNetwork(dict(weights), classes, _numbers(mean), _numbers(std))


def _numbers(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in np.asarray(values).ravel())
