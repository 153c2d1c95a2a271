"""Ensemble: several classifiers on the same cells, whose probabilities are combined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.combination_rules import LEARNED, OutOfFold, check_rule, combination
from classifiers.feature_classifier import Floats, ProbabilityClassifier, Units, training_features
from classifiers.inner_splits import inner_splits
from classifiers.member_inputs import MemberInputs
from classifiers.nested_fits import fit_clone, inner_checkpoint, probabilities_of
from extractors.grouped_splits import Cv, Splitter
from extractors.labelled_rows import class_codes, labels_of_rows, units_of_rows
from extractors.random_state import RandomState, random_seed

OUTER = "outer"
"""Name of the fits on all training cells, beside `split-0`, ..."""


@dataclass(eq=False, repr=False, kw_only=True)
class Ensemble(ProbabilityClassifier):
    """Combine the probabilities of several classifiers.

    As a selector, members are joined by `+`: `ensemble[members=svm+xgboost+knn,rule=mean]`. A member with an extractor
    of its own is quoted: `ensemble[members="handcrafted:svm"+"resnet50:knn"+cnn]`.

    Members share `random_state`, `threads` and `cv`, so that with `rule="mean"` an ensemble of equal members predicts
    exactly what one of them predicts.

    Parameters
    ----------
    members : tuple of classifiers, or of pairs (name, classifier)
        At least two; cloned before they are fitted.
    rule : {"mean", "rank", "majority", "stack"}
        "mean": of probabilities. "rank": each member's probability is replaced by its rank among that member's
        out-of-fold probabilities of the training cells, and the ranks are averaged. "majority": share of votes; the
        mean probability decides between classes with equal votes. "stack": logistic regression on the logits of the
        out-of-fold probabilities. See `classifiers.combination_rules`.
    weights : tuple of float
        Positive weights of the members; equal ones by default. Not for "stack".
    cv : splitter, iterable of (train, test), or None
        Splits of the out-of-fold probabilities of "rank" and "stack"; also passed to members that split. None: four
        patient-disjoint folds, see `classifiers.inner_splits`.
    random_state : int, RandomState or None
        Seed of every member; None leaves them unchanged.
    threads : int or None
        Threads of every member; None leaves them unchanged.
    logger : LoggerSpec or None
        Logger of the members that have the parameter `logger`, with the number and name of the member.
    checkpoint_dir : str, Path or None
        Folder in which members that can continue after they were killed save their progress, one folder for each fit;
        None: none.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in sort order.
    members_ : list of classifiers
        Fitted on all training cells.
    combine_ : callable
        Combines the probabilities of the members.
    """

    members: tuple[Any, ...] = ()
    rule: str = "mean"
    weights: tuple[float, ...] = ()
    cv: Cv = None
    random_state: RandomState = None
    threads: int | None = None
    logger: Any = None
    checkpoint_dir: Any = None

    tunable = False
    joined = ("weights",)

    @property
    def consumes(self) -> str:
        """Input of the ensemble: "cells" if a member consumes cells, otherwise "features"."""
        kinds = {getattr(member, "consumes", "features") for _, member in self._named()}
        return "cells" if "cells" in kinds else "features"

    def validate_parameters(self) -> None:
        """Check rule, weights and number of members.

        Raises
        ------
        ValueError
            One of them is not valid.
        """
        check_rule(self.rule, self.weights, [name for name, _ in self._named()])

    def fit(self, X: Any, y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Fit every member; for "rank" and "stack" also on the training part of each split of `cv`.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_features), sequence of Cell, or MemberInputs
            One input for all members, or one for each.
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
            A parameter is not valid, a member failed (it is named), or "rank" or "stack" cannot split: a class has
            fewer than two patients.
        """
        self.validate_parameters()
        inputs, labels = self._checked(X, y)
        self.classes_, codes = class_codes(labels)
        units = units_of_rows(groups, len(codes))
        cv = self.cv if self.cv is None or isinstance(self.cv, Splitter | str | int) else list(self.cv)
        # An integer is passed on, so that an ensemble of equal members predicts like one of them.
        fixed = self.random_state is None or isinstance(self.random_state, int)
        seed = self.random_state if fixed else random_seed(self.random_state)
        shared = {"random_state": seed, "threads": self.threads, "cv": cv}
        learned = self._out_of_fold(inputs, codes, units, shared) if self.rule in LEARNED else None
        self.members_ = self._fit_members(inputs, labels, units, shared, OUTER)
        self.combine_ = combination(self.rule, len(self.members_), weights=self.weights, out_of_fold=learned)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Predict probabilities, float64 of shape (n_cells, n_classes) in the order of `classes_`; each row sums to 1.

        Raises
        ------
        ValueError
            X has another form than in training, or a member failed (it is named).
        """
        check_is_fitted(self)
        inputs = self._inputs(X, reset=False)
        return self.combine_(self._probabilities(self.members_, inputs))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _named(self) -> list[tuple[str, Any]]:
        return [
            member if isinstance(member, tuple) else (type(member).__name__, member) for member in tuple(self.members)
        ]

    def _where(self, name: str) -> str:
        return f"member {name} of ensemble[members={'+'.join(name for name, _ in self._named())}]"

    def _checked(self, X: Any, y: npt.ArrayLike) -> tuple[MemberInputs, npt.NDArray[Any]]:
        if isinstance(X, MemberInputs) or self.consumes == "cells":
            inputs = self._inputs(X, reset=True)
            return inputs, labels_of_rows(y, len(inputs))
        features, labels = training_features(self, X, y)
        return MemberInputs((features,) * len(self.members)), labels

    def _inputs(self, X: Any, *, reset: bool) -> MemberInputs:
        """Return the input of each member."""
        if isinstance(X, MemberInputs):
            if len(X.parts) != len(self.members):
                raise ValueError(f"{len(X.parts)} inputs for {len(self.members)} members; one for each is expected")
            return X
        if self.consumes == "features":
            X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
        elif any(getattr(member, "consumes", "features") == "features" for _, member in self._named()):
            raise ValueError(
                "some members are fitted on features and others on cells; pass MemberInputs, or name the extractor of "
                "each member of features: EXTRACTOR:CLASSIFIER"
            )
        return MemberInputs((X,) * len(self.members))

    def _fit_members(
        self, inputs: MemberInputs, labels: npt.NDArray[Any], units: Units, shared: Mapping[str, Any], split: str
    ) -> list[Any]:
        logger = self.logger if self.logger is None or split == OUTER else self.logger.within(split)
        return [
            fit_clone(
                member,
                part,
                labels,
                groups=units,
                shared={
                    **shared,
                    "checkpoint_dir": inner_checkpoint(self.checkpoint_dir, split, "member", number),
                    "logger": None if logger is None else logger.within(f"member {number}", name),
                },
                where=self._where(name),
            )
            for number, ((name, member), part) in enumerate(zip(self._named(), inputs.parts, strict=True))
        ]

    def _probabilities(self, fitted: Iterable[Any], inputs: MemberInputs) -> Floats:
        """Return the probabilities of each member, shape (n_cells, n_members, n_classes)."""
        values = [
            probabilities_of(member, part, where=self._where(name))
            for (name, _), member, part in zip(self._named(), fitted, inputs.parts, strict=True)
        ]
        return np.stack(values, axis=1)

    def _out_of_fold(
        self, inputs: MemberInputs, codes: npt.NDArray[np.intp], units: Units, shared: Mapping[str, Any]
    ) -> OutOfFold:
        """Predict each training cell by members that were fitted on other patients."""
        labels = self.classes_[codes]
        splits = inner_splits(shared["cv"], np.zeros((len(codes), 1)), labels, units)
        if not splits:
            raise ValueError(f"rule={self.rule} splits the training patients, but a class has fewer than two of them")
        # Pairs of rows are those of all training cells; a member that splits a part of them uses its own folds.
        inner = {**shared, "cv": shared["cv"] if isinstance(shared["cv"], Splitter) else None}
        values = np.full((len(codes), len(self.members), len(self.classes_)), np.nan)
        for number, (train, test) in enumerate(splits):
            seen, unseen = inputs.split(train, test)
            members = self._fit_members(seen, labels[train], units[train], inner, f"split-{number}")
            values[test] = self._probabilities(members, unseen)
        rows = np.flatnonzero(~np.isnan(values[:, 0, 0]))
        return OutOfFold(values[rows], codes[rows], units[rows])
