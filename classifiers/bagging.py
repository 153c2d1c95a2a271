"""Bagging of a classifier: clones on draws of patients, or on parts with equally many cells of each class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.combination_rules import combination
from classifiers.feature_classifier import Codes, Floats, ProbabilityClassifier, Units, training_features
from classifiers.member_inputs import rows_of
from classifiers.nested_fits import fit_clone, inner_checkpoint, is_tunable, nested_search_space, probabilities_of
from extractors.epoch_scores import OnEpoch
from extractors.grouped_splits import Cv, Splitter
from extractors.labelled_rows import class_codes, labels_of_rows, units_of_rows
from extractors.random_state import RandomState

DRAWS = 1000
"""Largest number of draws until a bag has enough patients of every class."""


@dataclass(eq=False, repr=False, kw_only=True)
class Bagging(ProbabilityClassifier):
    """Mean of the probabilities of `n` clones of a classifier, each fitted on its own bag of training cells.

    As a selector: `bagging[of=svm,n=10]`. Every bag contains every class, and at least two patients of a class that
    has two, so that a classifier that splits by patient can split a bag. A bag that does not is drawn again.

    Parameters
    ----------
    of : classifier
        Classifier of features or of cells; cloned for every bag.
    n : int
        Number of bags, at least 1.
    balance : bool
        False: a bag has all cells of patients drawn with replacement, as many as there are; a patient drawn twice has
        each cell twice. True: a bag has all cells of the smallest class and, without replacement, equally many of each
        other class.
    disjoint : bool
        With `balance`: the cells of each other class are divided at random into `n` parts, whose sizes differ by at
        most one; each bag has one of them and all cells of the smallest class.
    cv : splitter or None
        Passed to a classifier that splits. (train, test) pairs are not accepted, since bags have other rows.
    random_state : int, RandomState or None
        Seed of the bags; the seed of each clone is derived from it.
    threads : int or None
        Threads of each clone; None leaves it unchanged.
    logger : LoggerSpec or None
        Logger of each clone that has the parameter `logger`, with the number of the bag.
    checkpoint_dir : str, Path or None
        Folder in which clones that can continue after they were killed save their progress, one for each; None: none.
    on_epoch : callable or None
        Passed to the clone of the first bag, if it has this parameter: the fit of the bags ends with that of the first.
        Scores of other bags are of other patients, so they are not comparable with it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in sort order.
    bags_ : list of ndarray of int
        Training rows of each bag.
    members_ : list of classifiers
        The fitted clones.

    References
    ----------
    Breiman (1996), Bagging predictors, Machine Learning 24, 123-140. The disjoint parts are those of Liu and Long
    (2019), bioRxiv 10.1101/580852.
    """

    of: Any = None
    n: int = 10
    balance: bool = False
    disjoint: bool = False
    cv: Cv = None
    random_state: RandomState = None
    threads: int | None = None
    logger: Any = None
    checkpoint_dir: Any = None
    on_epoch: OnEpoch | None = None

    @property
    def consumes(self) -> str:
        """Input of the classifier: "features" or "cells"."""
        return str(getattr(self.of, "consumes", "features"))

    @property
    def tunable(self) -> bool:
        """Whether `--tune` applies: the attribute of the classifier, by default True."""
        return is_tunable(self.of)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the classifier; empty if it has none."""
        return nested_search_space(self.of, "of", trial)

    def validate_parameters(self) -> None:
        """Check the parameters.

        Raises
        ------
        ValueError
            One of them is not valid.
        """
        if self.of is None:
            raise ValueError("bagging needs a classifier: write bagging[of=svm]")
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"n={self.n!r} is not valid; it is a whole number of at least 1")
        if self.disjoint and not self.balance:
            raise ValueError("disjoint=true divides the cells of the larger classes; add balance=true")
        if self.cv is not None and not isinstance(self.cv, Splitter):
            raise ValueError("cv of bagging is a splitter or None, since each bag has its own rows")

    def fit(self, X: Any, y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Draw the bags and fit a clone on each.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_features), or sequence of Cell
            Features or cells, as the classifier consumes.
        y : array-like of shape (n_cells,)
            Labels; at least two classes.
        groups : array-like of shape (n_cells,), optional
            The patient (split unit) of each cell. Default: each cell is its own patient.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter is not valid, no bag with every class was drawn, or a fit failed (the bag is named).
        """
        self.validate_parameters()
        X, labels = self._checked(X, y)
        self.classes_, codes = class_codes(labels)
        units = units_of_rows(groups, len(codes))
        generator = check_random_state(self.random_state)
        rng = np.random.default_rng(generator.randint(np.iinfo(np.int32).max))
        seeds = generator.randint(np.iinfo(np.int32).max, size=self.n)
        self.bags_ = list(self._bags(codes, units, rng))
        self.members_ = [
            fit_clone(
                self.of,
                rows_of(X, rows),
                labels[rows],
                groups=units[rows],
                shared={
                    "random_state": int(seed),
                    "threads": self.threads,
                    "cv": self.cv,
                    "logger": None if self.logger is None else self.logger.within(f"bag {number}"),
                    "checkpoint_dir": inner_checkpoint(self.checkpoint_dir, "bag", number),
                    "on_epoch": None if number else self.on_epoch,
                },
                where=self._where(number),
            )
            for number, (rows, seed) in enumerate(zip(self.bags_, seeds, strict=True))
        ]
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Predict probabilities, float64 of shape (n_cells, n_classes) in the order of `classes_`; each row sums to 1.

        Raises
        ------
        ValueError
            The number of features differs from training, or a prediction failed.
        """
        check_is_fitted(self)
        if self.consumes == "features":
            X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        values = [probabilities_of(m, X, where=self._where(number)) for number, m in enumerate(self.members_)]
        return combination("mean", len(values))(np.stack(values, axis=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _where(self, number: int) -> str:
        return f"bag {number} of bagging[of={type(self.of).__name__}]"

    def _checked(self, X: Any, y: npt.ArrayLike) -> tuple[Any, npt.NDArray[Any]]:
        if self.consumes == "cells":
            return X, labels_of_rows(y, len(X))
        return training_features(self, X, y)

    def _bags(self, codes: Codes, units: Units, rng: np.random.Generator) -> Iterator[Codes]:
        if self.disjoint:
            yield from _disjoint_bags(codes, units, self.n, rng)
            return
        draw = _balanced_bag if self.balance else _patient_bag
        for _ in range(self.n):
            yield next(_complete(lambda: draw(codes, units, rng), codes, units))


def _patient_bag(codes: Codes, units: Units, rng: np.random.Generator) -> Codes:
    """Return all rows of patients drawn with replacement, once for each draw."""
    order = np.argsort(units, kind="stable")
    _, starts = np.unique(units[order], return_index=True)
    rows_of_patient = np.split(order, starts[1:])
    drawn = rng.integers(len(rows_of_patient), size=len(rows_of_patient))
    return np.sort(np.concatenate([rows_of_patient[patient] for patient in drawn]))


def _balanced_bag(codes: Codes, units: Units, rng: np.random.Generator) -> Codes:
    """Return all rows of the smallest class, and as many of each other class, drawn without replacement."""
    smallest = int(np.bincount(codes).min())
    parts = [rng.permutation(np.flatnonzero(codes == code))[:smallest] for code in range(codes.max() + 1)]
    return np.sort(np.concatenate(parts))


def _disjoint_bags(codes: Codes, units: Units, n: int, rng: np.random.Generator) -> list[Codes]:
    """Return `n` bags with all rows of the smallest class (the first of equal ones) and a part of each other one."""
    smallest = int(np.bincount(codes).argmin())

    def draw() -> list[Codes]:
        parts = [
            [rows] * n if code == smallest else np.array_split(rng.permutation(rows), n)
            for code in range(codes.max() + 1)
            for rows in [np.flatnonzero(codes == code)]
        ]
        return [np.sort(np.concatenate(bag)) for bag in zip(*parts, strict=True)]

    for _ in range(DRAWS):
        bags = draw()
        if all(_is_complete(rows, codes, units) for rows in bags):
            return bags
    raise ValueError(f"the larger classes cannot be divided into n={n} parts with two patients each; use a smaller n")


def _complete(draw: Any, codes: Codes, units: Units) -> Iterator[Codes]:
    """Yield the draws that have enough patients of every class."""
    for _ in range(DRAWS):
        rows = draw()
        if _is_complete(rows, codes, units):
            yield rows
    raise ValueError(f"none of {DRAWS} bags has two patients of every class; use balance=true, or more patients")


def _is_complete(rows: Codes, codes: Codes, units: Units) -> bool:
    """Whether rows have two patients of every class, or the only one."""
    return all(
        len(np.unique(units[rows][codes[rows] == code])) >= min(2, len(np.unique(units[codes == code])))
        for code in range(codes.max() + 1)
    )
