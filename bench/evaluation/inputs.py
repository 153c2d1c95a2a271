"""Inputs of a classifier for the cells of a split: features, or the cells themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.plugins.checked_features import checked_features
from bench.plugins.missing_reasons import NO_REASON, frequent_reason, status_codes
from bench.plugins.plugin import Plugin
from bench.splits.folds import Indices, PatientKFold
from classifiers.member_inputs import MemberInputs
from extractors.cells import Cells
from extractors.seeds import seed_of

if TYPE_CHECKING:
    from bench.evaluation.fold import Fold


class Inputs(Protocol):
    """Features or cells of a dataset, addressed by position."""

    def take(self, rows: Indices) -> Any:
        """Return those at the given positions in the dataset."""


@dataclass(frozen=True)
class FeatureArray:
    """Features that all splits share.

    Parameters
    ----------
    values : ndarray of float32, shape (n_cells, n_features)
        One row per cell of the dataset.
    names : tuple of str
        Feature names.
    status : ndarray of uint8, shape (n_cells, n_features), optional
        Why values are NaN.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]
    status: npt.NDArray[np.uint8] | None = None

    def take(self, rows: Indices) -> npt.NDArray[np.float32]:
        """Return a contiguous copy of the rows at the given positions."""
        return np.ascontiguousarray(self.values[rows])

    def missing_reason(self, rows: Indices) -> str:
        """Return the most frequent reason of missing values in these rows; empty where none is missing."""
        status = None if self.status is None else np.asarray(self.status[rows])
        return frequent_reason(status_codes(self.take(rows), status))


OpenInputs = Callable[[Indices, Indices, PatientKFold], Inputs]
"""Called with training positions, predicted positions and the inner splitter; returns the inputs of that split."""


@dataclass(frozen=True)
class EnsembleInputs:
    """Inputs of the members of an ensemble.

    Parameters
    ----------
    members : tuple of Inputs
        Features or cells of each member.
    splitter : PatientKFold
        Inner splitter of the split.
    open_again : callable, optional
        Opens the inputs of a split inside a fit, where features depend on the training cells.
    """

    members: tuple[Inputs, ...]
    splitter: PatientKFold
    open_again: Callable[[Indices, Indices, PatientKFold], EnsembleInputs] | None = None

    def take(self, rows: Indices) -> MemberInputs:
        """Return the input of each member at the given positions."""
        parts = tuple(member.take(rows) for member in self.members)
        return MemberInputs(parts, None if self.open_again is None else partial(self._split, rows))

    def _split(self, rows: Indices, train: Indices, test: Indices) -> tuple[MemberInputs, MemberInputs]:
        assert self.open_again is not None  # noqa: S101 (checked by `take`)
        inner = self.open_again(rows[train], rows[test], self.splitter)
        return inner.take(rows[train]), inner.take(rows[test])


def check_any_value(inputs: Inputs, rows: Indices, cells: str) -> None:
    """Check that some feature of some cell has a value.

    Parameters
    ----------
    inputs : Inputs
        Features, or cells, which are not checked.
    rows : ndarray of int
        Positions of the cells.
    cells : str
        Name of these cells in errors, such as `training cells of inner fold 0`.

    Raises
    ------
    BenchError
        All values are missing.
    """
    if isinstance(inputs, EnsembleInputs):
        for member in inputs.members:
            check_any_value(member, rows, cells)
        return
    values = inputs.take(rows)
    if not isinstance(values, np.ndarray) or not np.isnan(values).all():
        return
    reason = inputs.missing_reason(rows) if isinstance(inputs, FeatureArray) else NO_REASON
    raise BenchError(
        f"all values are missing ({reason}): none of the {values.shape[1]} features has a value in any of the "
        f"{len(rows)} {cells}; check the masks with bench data quality, or choose another extractor"
    )


class InMemoryInputs:
    """Features computed in memory, without the feature store.

    Parameters
    ----------
    fold : Fold
        Extractor, labels, split units and seeds.
    cells : Cells
        Prepared cells of the dataset.
    engine : mapping
        Parameters that the engine sets in an extractor.
    plugin : Plugin, optional
        The extractor. Default: that of the fold.

    Attributes
    ----------
    extractor : transformer or None
        The extractor of the last split that was opened, which is the outer one; None if the classifier consumes cells.
    """

    def __init__(self, fold: Fold, cells: Cells, engine: Mapping[str, Any], plugin: Plugin | None = None) -> None:
        self._fold, self._cells, self._engine = fold, cells, engine
        self._plugin = plugin if plugin is not None else fold.extractor
        self._shared: FeatureArray | None = None
        self.extractor: Any | None = None

    def open(self, train: Indices, predicted: Indices, splitter: PatientKFold) -> Inputs:
        """Fit the extractor on the training cells if it is stateful, and extract both sides."""
        fold, plugin = self._fold, self._plugin
        if plugin is None:
            return self._cells
        if self._shared is not None:
            return self._shared
        seed = seed_of(fold.protocol.seed, plugin.canonical, fold.repeat, fold.fold)
        self.extractor = plugin.build(random_state=seed, cv=splitter, **self._engine)
        if not plugin.requires_fit:
            self._shared = self._extract(np.arange(len(self._cells)))
            return self._shared
        self.extractor.fit(self._cells.take(train), fold.labels[train], groups=fold.units[train])
        return self._extract(np.concatenate([train, predicted]))

    def _extract(self, rows: Indices) -> FeatureArray:
        assert self.extractor is not None  # noqa: S101 (set by the caller)
        assert self._plugin is not None  # noqa: S101 (as above)
        features = checked_features(self.extractor, self._cells.take(rows), self._plugin.selector)
        values = np.full((len(self._cells), len(features.names)), np.nan, dtype=np.float32)
        values[rows] = features.values
        if features.status is None:
            return FeatureArray(values, features.names)
        status = np.zeros(values.shape, dtype=np.uint8)
        status[rows] = features.status
        return FeatureArray(values, features.names, status)


class InMemoryMembers:
    """Inputs of the members of an ensemble, computed in memory.

    Parameters
    ----------
    fold, cells, engine
        As for `InMemoryInputs`.

    Attributes
    ----------
    extractor : tuple of (transformer or None)
        Extractor of each member, of the outer split.
    """

    def __init__(self, fold: Fold, cells: Cells, engine: Mapping[str, Any]) -> None:
        self._arguments = (fold, cells, engine)
        self._members = [InMemoryInputs(*self._arguments, member.extractor) for member in fold.classifier.members]

    @property
    def extractor(self) -> tuple[Any | None, ...]:
        """Extractor of each member; of the last split that was opened."""
        return tuple(member.extractor for member in self._members)

    def open(self, train: Indices, predicted: Indices, splitter: PatientKFold) -> EnsembleInputs:
        """Fit the stateful extractors on the training cells, and extract both sides for each member."""
        members = tuple(member.open(train, predicted, splitter) for member in self._members)
        return EnsembleInputs(members, splitter, InMemoryMembers(*self._arguments).open)
