"""Spies: estimators and patched splitters that log their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.model_selection._split import _RepeatedSplits
from sklearn.utils.validation import _num_samples

from bench.contract.call_log import CallLog, Fit, Prediction, Rows
from bench.contract.outcomes import Violation
from bench.plugins.plugin import Plugin
from bench.splits.folds import InnerPatientKFold
from extractors.cells import Cells


@dataclass(frozen=True)
class SpiedPlugin(Plugin):
    """A plugin whose instances are wrapped in `spy`, a class of this module."""

    log: CallLog = field(default_factory=CallLog, compare=False)
    spy: Any = field(default=None, compare=False)

    def build(self, **engine: object) -> Any:
        """Build a spied instance."""
        return self.spy(super().build(**engine), self.log)


@dataclass(eq=False, repr=False)
class _Spy(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Estimator that logs its calls and delegates to another one."""

    inner: Any
    log: CallLog


class SpiedClassifier(ClassifierMixin, _Spy):  # type: ignore[misc]  # scikit-learn is untyped
    """Classifier that logs the rows of each fit and prediction and delegates to another classifier.

    The first feature is the row number (`with_numbers`); the ids of cells are row numbers.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> SpiedClassifier:
        """Log and fit."""
        rows, inputs = _numbers_and_inputs(X)
        self.fit_ = Fit("classifier", rows, _copied(y), _copied(groups))
        with self.log.during(self.fit_):
            self.inner_ = clone(self.inner).fit(inputs, y, groups=groups)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Log and predict."""
        rows, inputs = _numbers_and_inputs(X)
        self.log.predictions.append(Prediction(self.fit_.rows, rows))
        return np.asarray(self.inner_.predict_proba(inputs))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the inner classifier."""
        return {f"inner__{name}": value for name, value in self.inner.search_space(trial).items()}


class SpiedExtractor(TransformerMixin, _Spy):  # type: ignore[misc]  # scikit-learn is untyped
    """Extractor that logs the cells of each fit and puts the number of the cell in front of its features."""

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> SpiedExtractor:
        """Log and fit."""
        rows, _ = _numbers_and_inputs(X)
        with self.log.during(Fit("extractor", rows, _copied(y), _copied(groups))):
            self.inner_ = clone(self.inner).fit(X, y, groups=groups)
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        """Return the features of the inner extractor with the numbers of the cells in front."""
        rows, _ = _numbers_and_inputs(X)
        return with_numbers(self.inner_.transform(X), rows)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the inner extractor with `number` in front."""
        return np.array(["number", *self.inner_.get_feature_names_out()], dtype=object)


def with_numbers(features: npt.ArrayLike, rows: Rows) -> npt.NDArray[np.float32]:
    """Prepend the number of each row, below 2**24, to features."""
    return np.column_stack([rows.astype(np.float32), np.asarray(features, dtype=np.float32)])


@contextmanager
def watched_splitters(log: CallLog) -> Iterator[None]:
    """Log every split of `cv` and of a scikit-learn splitter, including those in `train_test_split` and estimators.

    Third-party subclasses are included. A split within a split is part of the outer one. Not logged: rows drawn with
    NumPy or torch alone, and splits in compiled libraries.
    """
    with ExitStack() as stack:
        for splitter in {InnerPatientKFold, *_subclasses(BaseCrossValidator, BaseShuffleSplit, _RepeatedSplits)}:
            if "split" in vars(splitter):
                stack.enter_context(patch.object(splitter, "split", _watched(vars(splitter)["split"], log)))
        yield


def _watched(original: Callable[..., Any], log: CallLog) -> Callable[..., Iterator[Any]]:
    def split(self: Any, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[Any]:
        pairs = iter(original(self, X, y, groups))
        if _DEPTH:
            yield from pairs
            return
        rows = X if X is not None else y
        n_rows, is_cv = -1 if rows is None else _num_samples(rows), isinstance(self, InnerPatientKFold)
        call = log.record_split(self, is_cv=is_cv, n_rows=n_rows, groups=groups)
        if is_cv and groups is None:
            raise Violation("it calls cv.split without groups; call cv.split(X, y, groups)")
        while True:
            # Only while the splitter runs: between two pairs the plugin may split again.
            with _unwatched():
                pair = next(pairs, None)
            if pair is None:
                return
            call.pairs.append(pair)
            yield pair

    return split


_DEPTH: list[None] = []
"""One entry for each running splitter."""


@contextmanager
def _unwatched() -> Iterator[None]:
    _DEPTH.append(None)
    try:
        yield
    finally:
        _DEPTH.pop()


def _subclasses(*classes: type) -> Iterator[type]:
    for one in classes:
        yield one
        yield from _subclasses(*one.__subclasses__())


def _numbers_and_inputs(X: Any) -> tuple[Rows, Any]:
    if isinstance(X, Cells):
        return np.array([int(file.id) for file in X.files], dtype=np.intp), X
    return X[:, 0].astype(np.intp), np.ascontiguousarray(X[:, 1:])


def _copied(values: Any) -> npt.NDArray[Any] | None:
    return None if values is None else np.array(values)
