"""Synthetic features with a known signal, and a splitter that records its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.model_selection import StratifiedGroupKFold


@dataclass(frozen=True)
class Planted:
    """Features, labels and patients."""

    X: npt.NDArray[np.float64]
    y: npt.NDArray[Any]
    groups: npt.NDArray[np.str_]


def plant(
    patients_of_class: tuple[int, ...] = (8, 8),
    *,
    cells: int = 8,
    features: int = 6,
    informative: int = 2,
    signal: float = 2.0,
    patient_sd: float = 0.5,
    seed: int = 0,
) -> Planted:
    """Unit noise, a patient effect, and class means that differ by `signal` in the informative features."""
    rng = np.random.default_rng(seed)
    label_of_patient = np.repeat(np.arange(len(patients_of_class)), patients_of_class)
    patient = rng.permutation(np.repeat(np.arange(len(label_of_patient)), cells))
    y = label_of_patient[patient]
    X = rng.normal(size=(len(y), features)) + patient_sd * rng.normal(size=(len(label_of_patient), features))[patient]
    X[:, :informative] += signal * y[:, None]
    return Planted(X, y, np.array([f"p{p:03d}" for p in patient]))


@pytest.fixture
def planted() -> Callable[..., Planted]:
    return plant


@dataclass
class Spy:
    """Splits by patient and records groups and splits."""

    n_splits: int = 3
    groups: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:
        self.groups.append(groups)
        for train, test in StratifiedGroupKFold(self.n_splits).split(X, y, groups):
            self.pairs.append((train, test))
            yield train, test


@pytest.fixture
def spy() -> Spy:
    return Spy()
