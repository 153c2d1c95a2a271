"""Folds drawn on the patient table: splitters, the fold manifest, and the guards that stop a run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from bench.errors import BenchError
from bench.identity import digest, seed_of

Indices = npt.NDArray[np.intp]

DRAWS = 200
"""Random partitions among which the best balanced is kept, where a patient holds cells of several classes."""


class PatientKFold:
    """K folds of patients, stratified by label and by number of cells, with the scikit-learn `split` shape.

    Every patient with cells of one class: `StratifiedKFold` on the patient table, by label and size block
    (min(3, patients // k) blocks of each label). Otherwise: of `DRAWS` random partitions, each stratified by the rarest
    class that a patient has, the one whose folds have the most equal class counts.

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
        """Number of folds."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Train and test positions of each fold.

        Parameters
        ----------
        X : array-like of length n_cells
            Not looked at.
        y : array-like of length n_cells
            Label of each cell.
        groups : array-like of length n_cells
            Split unit of each cell.

        Raises
        ------
        BenchError
            No groups, or fewer split units of a class than folds.
        """
        if y is None or groups is None:
            raise BenchError("a patient split needs the label and the patient of each cell")
        fold_of = self.assign(np.asarray(y), np.asarray(groups))
        for fold in range(self.n_splits):
            yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)

    def assign(self, y: npt.NDArray[Any], groups: npt.NDArray[Any]) -> Indices:
        """Fold of each cell."""
        units, unit_of = np.unique(groups, return_inverse=True)
        classes, class_of = np.unique(y, return_inverse=True)
        counts = np.zeros((len(units), len(classes)), dtype=np.intp)
        np.add.at(counts, (unit_of, class_of), 1)
        check_enough(counts, classes, self.n_splits)
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
        # It deals the strata out in order of appearance: blocks of one label side by side keep the label even, too.
        order = np.argsort(strata, kind="stable")
        folds = np.empty(len(counts), dtype=np.intp)
        folds[order] = _numbered(splitter.split(order, strata[order]), len(counts))
        return folds

    def _balanced(self, counts: Indices, classes: npt.NDArray[Any]) -> Indices:
        share = counts / counts.sum(axis=0)
        rarest = np.where(counts > 0, (counts > 0).sum(axis=0), len(counts) + 1).argmin(axis=1)
        best, best_spread = None, np.inf
        for draw in range(DRAWS):
            splitter = StratifiedKFold(self.n_splits, shuffle=True, random_state=seed_of(self.random_state, draw))
            with warnings.catch_warnings():
                # A stratum of fewer patients than folds is no fault here: what counts is looked at below.
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
                folds = _numbered(splitter.split(rarest, rarest), len(rarest))
            in_fold = np.stack([share[folds == f].sum(axis=0) for f in range(self.n_splits)])
            spread = float(((in_fold - 1 / self.n_splits) ** 2).sum())
            if (in_fold > 0).all() and spread < best_spread:
                best, best_spread = folds, spread
        if best is None:
            raise BenchError(
                f"none of {DRAWS} partitions of the patients into {self.n_splits} folds holds every class "
                f"({', '.join(map(str, classes))}) in each fold; ask for fewer with --folds"
            )
        return best


class InnerPatientKFold(PatientKFold):
    """`PatientKFold` for estimators that split their training cells: as many folds as these allow, at most `n_splits`.

    An inner fit sees fewer patients of a class than the outer training set, from which `n_splits` was taken.
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """As `PatientKFold.split`; raises BenchError where a class has one patient only."""
        if y is None or groups is None:
            raise BenchError("a patient split needs the label and the patient of each cell")
        labels, units = np.asarray(y), np.asarray(groups)
        k = min(self.n_splits, scarcest(labels, units))
        if k < 2:
            raise BenchError(
                f"an inner fit sees one patient of a class, so {len(np.unique(units))} patients cannot be split once "
                "more, as this classifier does; it needs at least 4 patients of each class, and as many --folds"
            )
        yield from PatientKFold(k, random_state=self.random_state).split(X, labels, units)


@dataclass(frozen=True)
class Folds:
    """The folds that every experiment on a data set shares.

    Parameters
    ----------
    table : DataFrame
        One row a cell and repeat, columns `cell`, `patient`, `unit` (str), `repeat`, `fold` (int).
    violations : tuple of str
        What makes these folds leak; empty for folds that hold patients apart.
    """

    table: pd.DataFrame
    violations: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of the manifest."""
        return digest(self.table.to_dict(orient="list"))

    def splits(self) -> Iterator[tuple[int, int, Indices, Indices]]:
        """Repeat, fold, train positions and test positions."""
        for repeat, part in self.table.groupby("repeat", sort=True):
            fold_of = part["fold"].to_numpy()
            for fold in np.unique(fold_of):
                train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
                yield int(str(repeat)), int(fold), train, test


def draw_folds(table: pd.DataFrame, *, split: str, folds: int, repeats: int, seed: int) -> Folds:
    """The outer folds of a data set; they depend on the patient table, the seed and the repeat alone.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit` and, for official folds, `fold`.
    split : {"patient", "image", "official"}
        By patient; by image, which leaks and shows how much; or the folds that came with the data.

    Raises
    ------
    BenchError
        Too few patients of a class, official folds that are missing, a class that a fold lacks.
    """
    if split == "official":
        if repeats > 1:
            raise BenchError("official folds are drawn once; --split official has one repeat, leave out --repeats")
        return _official(table)
    y = table["label"].to_numpy().astype(str)
    parts = []
    for repeat in range(repeats):
        if split == "patient":
            assigned = PatientKFold(folds, random_state=seed_of("folds", seed, repeat)).assign(
                y, table["unit"].to_numpy().astype(str)
            )
        else:
            _check_cells(y, folds)
            splitter = StratifiedKFold(folds, shuffle=True, random_state=seed_of("folds", seed, repeat))
            assigned = _numbered(splitter.split(np.zeros(len(y)), y), len(y))
        parts.append(_manifest(table, repeat, assigned))
    manifest = pd.concat(parts, ignore_index=True)
    return Folds(manifest, _violations(manifest) if split == "image" else ())


def check_apart(units: npt.NDArray[Any], train: Indices, test: Indices, *, where: str) -> None:
    """Stop when a split unit lies on both sides of a split."""
    both = np.intersect1d(units[train], units[test])
    if len(both):
        names = ", ".join(map(str, both[:5]))
        raise BenchError(f"{where}: patients on both sides of the split: {names}{' ...' if len(both) > 5 else ''}")


def check_enough(counts: Indices, classes: Sequence[Any] | npt.NDArray[Any], folds: int) -> None:
    """Stop when a class has fewer split units than there are folds; `counts` is units x classes, in cells."""
    per_class = (counts > 0).sum(axis=0)
    if per_class.min(initial=folds) < folds:
        scarce = str(classes[int(per_class.argmin())])
        k = int(per_class.min())
        advice = f"ask for at most --folds {k}" if k >= 2 else "a class with one patient cannot be evaluated"
        raise BenchError(
            f"{folds} folds need {folds} patients of each class (linked patients count once), "
            f"but {scarce} has {k}; {advice}"
        )


def inner_folds(y: npt.NDArray[Any], groups: npt.NDArray[Any], at_most: int) -> int:
    """Inner folds that the training patients allow: min(`at_most`, split units of the scarcest class)."""
    allowed = scarcest(y, groups)
    if allowed < 2:
        raise BenchError(
            "the training patients hold only one patient of a class, so there are no inner folds to choose the "
            "threshold on; ask for fewer --folds or add patients"
        )
    return min(at_most, allowed)


def scarcest(y: npt.NDArray[Any], groups: npt.NDArray[Any]) -> int:
    """Split units of the class that has the fewest."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))


def _official(table: pd.DataFrame) -> Folds:
    if "fold" not in table or table["fold"].isna().any():
        raise BenchError(
            "--split official needs a data set that comes with folds (a column `fold`); use --split patient"
        )
    names = np.unique(table["fold"].to_numpy().astype(str))
    if len(names) < 2:
        raise BenchError(f"--split official needs at least two folds; here is only {str(names[0])!r}")
    assigned = np.searchsorted(names, table["fold"].to_numpy().astype(str))
    for fold, name in enumerate(names):
        for side, rows in (("test", assigned == fold), ("training", assigned != fold)):
            missing = set(table["label"]) - set(table["label"][rows])
            if missing:
                raise BenchError(f"official fold {name}: no cells of {', '.join(sorted(missing))} on the {side} side")
    manifest = _manifest(table, 0, assigned)
    return Folds(manifest, _violations(manifest))


def _violations(manifest: pd.DataFrame) -> tuple[str, ...]:
    found = []
    first = manifest[manifest["repeat"] == 0]
    linked = not first["unit"].equals(first["patient"])
    for column, word in (
        ("patient", "patients"),
        *([("unit", "split units (linked patients are one)")] if linked else []),
    ):
        split = first.groupby(column)["fold"].nunique()
        names = list(split.index[split > 1])
        if names:
            found.append(f"{len(names)} of {len(split)} {word} lie in several folds, such as {names[0]}")
    return tuple(found)


def _check_cells(y: npt.NDArray[Any], folds: int) -> None:
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < folds:
        raise BenchError(
            f"{folds} folds need {folds} cells of each class, but {classes[counts.argmin()]} has {counts.min()}"
        )


def _manifest(table: pd.DataFrame, repeat: int, assigned: Indices) -> pd.DataFrame:
    manifest = table[["cell", "patient", "unit"]].reset_index(drop=True)
    return manifest.assign(repeat=repeat, fold=assigned.astype(int))


def _numbered(splits: Any, n: int) -> Indices:
    fold_of = np.full(n, -1, dtype=np.intp)
    for fold, (_, test) in enumerate(splits):
        fold_of[test] = fold
    return fold_of
