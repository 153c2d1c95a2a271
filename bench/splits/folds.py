"""Patient-grouped splitters and checks of their folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from bench.errors import BenchError
from bench.statistics.arrays import Values

Indices = npt.NDArray[np.intp]

DRAWS = 200
"""Random partitions from which the best balanced one is selected if patients have cells of several classes."""

BATCHES = 50
"""Maximum number of batches of `DRAWS` partitions, until one has every class in each fold."""


class PatientKFold:
    """K-fold splitter of patients, stratified by label and number of cells.

    If every patient has cells of one class: `StratifiedKFold` on the patient table, by label and size block
    (min(3, patients // k) blocks of each label). Otherwise: of `DRAWS` random partitions, each stratified by the rarest
    class of a patient, the one whose folds have the most equal class counts.

    Parameters
    ----------
    n_splits : int
        Number of folds, at least 2.
    random_state : int
        Seed of the partition.
    """

    def __init__(self, n_splits: int = 5, *, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.random_state = random_state

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield training and test positions of each fold.

        Parameters
        ----------
        X : array-like of length n_cells
            Ignored.
        y : array-like of length n_cells
            Label of each cell.
        groups : array-like of length n_cells
            Split unit of each cell.

        Raises
        ------
        BenchError
            Labels or groups are missing, or a class has fewer split units than folds.
        """
        fold_of = self.assign(*_labels_and_units(y, groups))
        for fold in range(self.n_splits):
            yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)

    def assign(self, y: Values, groups: Values) -> Indices:
        """Return the fold of each cell, shape (n_cells,)."""
        units, unit_of = np.unique(groups, return_inverse=True)
        classes, class_of = np.unique(y, return_inverse=True)
        counts = np.zeros((len(units), len(classes)), dtype=np.intp)
        np.add.at(counts, (unit_of, class_of), 1)
        check_unit_counts(counts, classes, self.n_splits)
        pure = np.all((counts > 0).sum(axis=1) == 1)
        fold_of_unit = self._stratified(counts) if pure else self._balanced(counts, classes)
        return fold_of_unit[unit_of]

    def _stratified(self, counts: Indices) -> Indices:
        strata = np.empty(len(counts), dtype=np.intp)
        label = counts.argmax(axis=1)
        size = counts.sum(axis=1)
        for value in np.unique(label):
            members = np.flatnonzero(label == value)
            blocks = max(1, min(3, len(members) // self.n_splits))
            ranked = members[np.argsort(size[members], kind="stable")]
            for block, part in enumerate(np.array_split(ranked, blocks)):
                strata[part] = 3 * value + block
        splitter = StratifiedKFold(self.n_splits, shuffle=True, random_state=self.random_state)
        # Strata are assigned in order of appearance: adjacent blocks of one label keep the label balanced, too.
        order = np.argsort(strata, kind="stable")
        folds = np.empty(len(counts), dtype=np.intp)
        folds[order] = fold_numbers(splitter.split(order, strata[order]), len(counts))
        return folds

    def _balanced(self, counts: Indices, classes: Values) -> Indices:
        share = counts / counts.sum(axis=0)
        rarest = np.where(counts > 0, (counts > 0).sum(axis=0), len(counts) + 1).argmin(axis=1)
        rng = np.random.default_rng(self.random_state)
        for _ in range(BATCHES):
            drawn = _partitions(rarest, self.n_splits, DRAWS, rng)
            in_fold = np.stack([(drawn == fold) @ share for fold in range(self.n_splits)], axis=1)
            # Rounded, so that the selection does not depend on rounding errors, which differ between machines.
            spread = np.round(((in_fold - 1 / self.n_splits) ** 2).sum(axis=(1, 2)), 12)
            spread[(in_fold == 0).any(axis=(1, 2))] = np.inf
            if np.isfinite(spread.min()):
                best: Indices = drawn[spread.argmin()]
                return best
        raise BenchError(
            f"none of {BATCHES * DRAWS} partitions of the patients into {self.n_splits} folds has every class "
            f"({', '.join(map(str, classes))}) in each fold; reduce --folds, or --inner-folds for inner folds"
        )


class InnerPatientKFold(PatientKFold):
    """`PatientKFold` for estimators that split their training cells, with fewer folds where patients are few.

    An inner fit has fewer patients of a class than the outer training set, from which `n_splits` was derived.
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """As `PatientKFold.split`; raises BenchError if a class has only one patient."""
        labels, units = _labels_and_units(y, groups)
        k = min(self.n_splits, min_units_per_class(labels, units))
        if k < 2:
            raise BenchError(
                f"an inner fit has one patient of a class, so its {len(np.unique(units))} patients cannot be split "
                "again, as this classifier does; at least 4 patients of each class and as many --folds are needed"
            )
        yield from PatientKFold(k, random_state=self.random_state).split(X, labels, units)


@dataclass(frozen=True)
class LastRows:
    """Splitter of one split, whose test part are the last rows.

    Parameters
    ----------
    count : int
        Number of test rows.
    """

    count: int

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return 1."""
        return 1

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield training and test positions."""
        rows = np.arange(len(X))
        yield rows[: -self.count], rows[-self.count :]


def _labels_and_units(y: Any, groups: Any) -> tuple[Values, Values]:
    if y is None or groups is None:
        raise BenchError("a patient split needs the label and the patient of each cell")
    return np.asarray(y), np.asarray(groups)


def check_disjoint(units: Values, train: Indices, test: Indices, *, where: str) -> None:
    """Raise BenchError if a split unit is on both sides of a split."""
    both = np.intersect1d(units[train], units[test])
    if len(both):
        names = ", ".join(map(str, both[:5]))
        raise BenchError(f"{where}: patients on both sides of the split: {names}{' ...' if len(both) > 5 else ''}")


def check_unit_counts(counts: Indices, classes: Sequence[Any] | Values, folds: int) -> None:
    """Raise BenchError if a class has fewer split units than folds.

    Parameters
    ----------
    counts : ndarray of int, shape (n_units, n_classes)
        Number of cells.
    """
    per_class = (counts > 0).sum(axis=0)
    if per_class.min(initial=folds) < folds:
        scarce = str(classes[int(per_class.argmin())])
        k = int(per_class.min())
        least = "at least 3 of each class are needed, one for testing and two for inner folds"
        advice = f"use at most --folds {k}" if k >= 3 else least
        raise BenchError(
            f"{folds} folds need {folds} patients of each class (linked patients count once), "
            f"but {scarce} has {k}; {advice}"
        )


def inner_folds(y: Values, groups: Values, at_most: int) -> int:
    """Number of inner folds: min(`at_most`, split units of the rarest class)."""
    allowed = min_units_per_class(y, groups)
    if allowed < 2:
        raise BenchError(
            "the training data contain only one patient of a class, so there are no inner folds for choosing the "
            "threshold; at least 3 patients of each class are needed, and as many --folds as that class has patients"
        )
    return min(at_most, allowed)


def min_units_per_class(y: Values, groups: Values) -> int:
    """Number of split units of the rarest class."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))


def fold_numbers(splits: Iterable[tuple[Indices, Indices]], n: int) -> Indices:
    """Return the test fold of each of n samples, -1 for those that no split tests."""
    fold_of = np.full(n, -1, dtype=np.intp)
    for fold, (_, test) in enumerate(splits):
        fold_of[test] = fold
    return fold_of


def _partitions(strata: Indices, n_splits: int, draws: int, rng: np.random.Generator) -> Indices:
    """Draw random partitions, shape (draws, n_units), with strata distributed evenly, as in `StratifiedKFold`."""
    order = np.argsort(strata, kind="stable")
    dealt = np.arange(len(strata)) % n_splits
    folds = np.empty((draws, len(strata)), dtype=np.intp)
    for value in np.unique(strata):
        here = strata[order] == value
        folds[:, order[here]] = rng.permuted(np.tile(dealt[here], (draws, 1)), axis=1)
    return folds
