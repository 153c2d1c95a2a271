"""Spies: estimators, a splitter and a watch over scikit-learn's splitters that write down what they see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.model_selection._split import _RepeatedSplits
from sklearn.utils.validation import _num_samples

from bench.contract.call_log import Fit, Ledger, Prediction, Rows
from bench.contract.outcomes import Broken
from bench.plugins.registry import Plugin
from extractors.cells import Cells


class SpySplitter:
    """Passes each request on to another splitter and writes down whether groups came with it.

    Parameters
    ----------
    splitter : splitter
        What makes the splits; not watched meanwhile.
    ledger : Ledger
        Where requests are noted.
    """

    def __init__(self, splitter: Any, ledger: Ledger) -> None:
        self.splitter = splitter
        self.ledger = ledger

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """As the other splitter."""
        return int(self.splitter.get_n_splits(X, y, groups))

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """As the other splitter; `Broken` without groups."""
        call = self.ledger.asked(self.splitter, given=True, n_rows=_num_samples(X), groups=groups)
        if groups is None:
            raise Broken("it asks cv for splits without groups; call cv.split(X, y, groups)")
        with _unwatched():
            pairs = list(self.splitter.split(X, y, groups))
        for pair in pairs:
            call.pairs.append(pair)
            yield pair


@dataclass(frozen=True)
class SpiedPlugin(Plugin):
    """A plugin whose instances are spied on; the engine builds and fits them like any other."""

    ledger: Ledger = field(default_factory=Ledger, compare=False, hash=False)
    role: Literal["classifier", "extractor"] = "classifier"

    @classmethod
    def of(cls, plugin: Plugin, ledger: Ledger, role: Literal["classifier", "extractor"]) -> SpiedPlugin:
        """The plugin with a spy in front of each of its instances."""
        return cls(**{f.name: getattr(plugin, f.name) for f in fields(plugin)}, ledger=ledger, role=role)

    def build(self, **engine: object) -> Any:
        """A spied instance; a splitter among the engine's parameters is spied on, too."""
        if engine.get("cv") is not None:
            engine["cv"] = SpySplitter(engine["cv"], self.ledger)
        inner = super().build(**engine)
        spied = SpiedClassifier if self.role == "classifier" else SpiedExtractor
        return spied(inner, self.ledger)


class SpiedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Notes which rows a classifier is fitted and asked on, and passes all else on.

    Features come with the row's number in front (`with_numbers`), cells have it as their id.

    Parameters
    ----------
    inner : classifier
        What is spied on.
    ledger : Ledger
        Where it is noted.
    """

    def __init__(self, inner: Any, ledger: Ledger) -> None:
        self.inner = inner
        self.ledger = ledger

    def fit(self, X: Any, y: Any, groups: Any = None) -> SpiedClassifier:
        """Note and fit."""
        rows, inputs = _numbers_and_inputs(X)
        self.fit_ = Fit("classifier", rows, _kept(y), _kept(groups))
        with self.ledger.during(self.fit_):
            self.inner_ = clone(self.inner).fit(inputs, y, groups=groups)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Note and predict."""
        rows, inputs = _numbers_and_inputs(X)
        self.ledger.predictions.append(Prediction(self.fit_.rows, rows))
        return np.asarray(self.inner_.predict_proba(inputs))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """The inner classifier's own."""
        return {f"inner__{name}": value for name, value in self.inner.search_space(trial).items()}


class SpiedExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Notes on which cells an extractor is fitted, and puts the cell's number in front of its features.

    Parameters
    ----------
    inner : extractor
        What is spied on.
    ledger : Ledger
        Where it is noted.
    """

    def __init__(self, inner: Any, ledger: Ledger) -> None:
        self.inner = inner
        self.ledger = ledger

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> SpiedExtractor:
        """Note and fit."""
        rows, _ = _numbers_and_inputs(X)
        with self.ledger.during(Fit("extractor", rows, _kept(y), _kept(groups))):
            self.inner_ = clone(self.inner).fit(X, y, groups=groups)
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        """The inner extractor's features behind the cells' numbers."""
        rows, _ = _numbers_and_inputs(X)
        return with_numbers(self.inner_.transform(X), rows)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """The inner extractor's names behind that of the number."""
        return np.array(["number", *self.inner_.get_feature_names_out()], dtype=object)


def with_numbers(features: npt.ArrayLike, rows: Rows) -> npt.NDArray[np.float32]:
    """Features with the number of each row, below 2**24, in front."""
    return np.column_stack([rows.astype(np.float32), np.asarray(features, dtype=np.float32)])


@contextmanager
def watched_splitters(ledger: Ledger) -> Iterator[None]:
    """Note every split that a splitter of scikit-learn makes, also inside `train_test_split` and inside estimators.

    Subclasses defined elsewhere are watched as well. A split within a split is part of the outer one. What cannot be
    seen: rows drawn with NumPy or torch alone, and splits inside compiled libraries.
    """
    with ExitStack() as stack:
        for splitter in set(_subclasses(BaseCrossValidator, BaseShuffleSplit, _RepeatedSplits)):
            if "split" in vars(splitter):
                stack.enter_context(patch.object(splitter, "split", _watched(vars(splitter)["split"], ledger)))
        yield


def _watched(original: Callable[..., Any], ledger: Ledger) -> Callable[..., Iterator[Any]]:
    def split(self: Any, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[Any]:
        pairs = iter(original(self, X, y, groups))
        if _DEPTH:
            yield from pairs
            return
        rows = X if X is not None else y
        call = ledger.asked(self, given=False, n_rows=-1 if rows is None else _num_samples(rows), groups=groups)
        while True:
            # Only while the splitter itself works: between two pairs the plugin goes on, and may split again.
            with _unwatched():
                pair = next(pairs, None)
            if pair is None:
                return
            call.pairs.append(pair)
            yield pair

    return split


_DEPTH: list[None] = []
"""One entry for each splitter at work."""


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


def _kept(values: Any) -> npt.NDArray[Any] | None:
    return None if values is None else np.array(values)
