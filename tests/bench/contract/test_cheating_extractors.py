"""Extractors that violate the contract fail the corresponding check; valid ones pass."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import SelectKBest, f_classif

from bench.contract.engine import EngineChecks
from bench.contract.extractors import ExtractorChecks
from bench.contract.outcomes import Check, outcome_of
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier
from extractors.cells import Cell
from extractors.images.pixels import read_image

Array = npt.NDArray[Any]

FEATURES = "float32 features of every cell, with unique names"
REPEATED = "the same cells give the same features"
ALONE = "the features of a cell do not depend on other cells"
PIXELS = "features do not depend on names or labels"
PREPARED = "features of prepared cells are those of the prepared pixels"
UNCHANGED = "cells are not changed"
TAG = "the tag requires_fit is correct"
REFIT = "a fit does not depend on earlier fits"
ORDER = "folds fitted before have no effect"
LABELS = "labels of test patients have no effect"
OTHER_CELLS = "other cells of test patients have no effect on the rest"

GRID = 6


def pixels(cells: Sequence[Cell]) -> Array:
    """Mean red, green and blue of a grid of squares."""
    means = [
        np.array([[part.mean(axis=(0, 1)) for part in np.array_split(row, GRID, axis=1)]
                  for row in np.array_split(cell.image.astype(np.float64), GRID, axis=0)]).ravel()
        for cell in cells
    ]  # fmt: skip
    return np.stack(means).astype(np.float32)


class Stateless(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Stateless:
        return self

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array([f"mean_{i}" for i in range(3 * GRID**2)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Selecting(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Supervised selection of means; valid, since it is fitted in each fold."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        self.selected_ = SelectKBest(f_classif, k=5).fit(pixels(X), y).get_support()
        return self

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X)[:, self.selected_]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array([f"mean_{i}" for i in np.flatnonzero(self.selected_)], dtype=object)


MEMORY: dict[str, tuple[Array, Any]] = {}


class SelectsOnAllFits(Selecting):
    """Fitted in each fold, but remembers the labels of other folds by the ids of cells."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        MEMORY.update({cell.id: (row, label) for cell, row, label in zip(X, pixels(X), y, strict=True)})
        values, labels = zip(*MEMORY.values(), strict=True)
        self.selected_ = SelectKBest(f_classif, k=5).fit(np.stack(values), np.array(labels)).get_support()
        return self


class ReadsTheTable(Stateless):
    """Reads the label from the manifest in the folder of the images."""

    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        for row, cell in enumerate(X):
            path = Path(cell._file.path)
            with (path.parents[1] / "manifest.csv").open() as file:
                label = next(r["label"] for r in csv.DictReader(file) if r["path"].endswith(path.name))
            values[row, 0] = float(label[-1])
        return values


class SelectsByTheTable(Selecting):
    """Selects on all cells and labels of the table in the folder of the images."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        folder = Path(X[0]._file.path).parents[1]
        with (folder / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        from extractors.cells import CellFile, Cells  # noqa: PLC0415

        every = Cells(CellFile(row["path"], str(folder / row["path"])) for row in rows)
        return super().fit(every, np.array([row["label"] for row in rows]))


class ReadsTheFile(Stateless):
    """Decodes the file, ignoring the preparation."""

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels([Cell(cell.id, read_image(Path(cell._file.path))) for cell in X])


class NoticesAreNoTuple(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        self.notices_ = "computed slowly"
        return pixels(X)


class UsesIds(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.float32([[len(cell.id)] for cell in X])


class LearnsWithoutTag(Stateless):
    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Stateless:
        self.shift_ = 0.0 if y is None else float(np.mean(np.asarray(y) == np.asarray(y)[0]))
        self.shift_ += float(pixels(X[:1]).mean())
        return self

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.float32(getattr(self, "shift_", 0))


class TagWithoutFit(Stateless):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class FitWithoutTag(Selecting):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Standardises(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        return values - values.mean(axis=0)


class UsesThePreviousCell(Selecting):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = super().transform(X)
        return values + np.concatenate([np.zeros((1, values.shape[1]), np.float32), values[:-1]])


class ChangesImages(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        for cell in X:
            cell.image[0, 0] = 255
        return pixels(X)


class SetsANucleus(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        for cell in X:
            cell.nucleus = cell.mask.copy()
        return pixels(X)


class IsRandom(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.random.default_rng().normal(size=(len(X), 3 * GRID**2)).astype(np.float32)


class ReturnsDoubles(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X).astype(np.float64)


class RepeatsNames(Stateless):
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array(["mean"] * 3 * GRID**2, dtype=object)


class ReversesTheCatalogue(Stateless):
    def catalogue(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.get_feature_names_out()[::-1]]


class NamesTooFew(Stateless):
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array(["mean"], dtype=object)


class ReturnsInfinity(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        values[0, 3] = np.inf
        return values


class ReturnsARowOfNaN(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        values[-1] = np.nan
        return values


@pytest.fixture(autouse=True)
def empty_memory() -> None:
    """Forget the cells of other tests."""
    MEMORY.clear()


class ContradictsTransform(Stateless):
    def transform_with_status(self, X: Sequence[Cell]) -> tuple[Array, Array]:
        return pixels(X) + 1, np.zeros((len(X), 3 * GRID**2), np.uint8)


class ReturnsOneCodePerCell(Stateless):
    def transform_with_status(self, X: Sequence[Cell]) -> tuple[Array, Array]:
        return pixels(X), np.zeros(len(X), np.uint8)


class ReturnsNoReason(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        values[:, 0] = np.nan
        return values

    def transform_with_status(self, X: Sequence[Cell]) -> tuple[Array, Array]:
        values = self.transform(X)
        return values, np.zeros(values.shape, np.uint8)


def _checks(cls: type, folder: Path, *, only: str = "") -> dict[str, Check]:
    stateful = bool(cls().__sklearn_tags__().requires_fit)
    plugin = Plugin(cls.__name__, f"{__name__}:{cls.__name__}", {}, requires_fit=stateful)
    steps = ExtractorChecks(plugin, folder).steps()
    if stateful:
        steps += EngineChecks(plugin, classifier("naive_bayes"), folder).steps()
    return {c.name: c for c in (outcome_of(s) for s in steps if only in s.name)}


def _failed(cls: type, folder: Path, *, only: str = "") -> dict[str, str]:
    return {name: c.detail for name, c in _checks(cls, folder, only=only).items() if c.outcome == "failed"}


def test_valid_extractors_pass_and_irrelevant_checks_are_skipped(tmp_path: Path) -> None:
    checks = _checks(Stateless, tmp_path / "stateless")
    assert {name for name, c in checks.items() if c.outcome != "passed"} == {REFIT}
    assert checks[REFIT].outcome == "skipped"
    checks = _checks(Selecting, tmp_path / "stateful")
    assert {c.outcome for c in checks.values()} == {"passed"}
    assert len(checks) == 14
    # Two folds: a classifier for 2 trials on 2 inner folds, 2 inner fits and the fit; an extractor for each split.
    assert checks["in the engine, no fit sees a test patient"].detail == "20 fits, with tuning"


@pytest.mark.parametrize(
    ("cls", "check", "words"),
    [
        (SelectsOnAllFits, REFIT, "so labels of test patients reach the training"),
        (SelectsOnAllFits, ORDER, "change when folds are fitted on the test patients before"),
        (ReadsTheTable, PIXELS, "use only image, masks and um_per_px"),
        (SelectsByTheTable, LABELS, "change when the test patients have other labels"),
        (ReadsTheFile, PREPARED, "use cell.image and cell.mask, and do not read files"),
        (NoticesAreNoTuple, FEATURES, "notices_ is 'computed slowly'; expected a tuple of messages"),
        (UsesIds, PIXELS, "features change with the ids of cells"),
        (LearnsWithoutTag, TAG, "set requires_fit=True, so that each fold fits it on training patients"),
        (TagWithoutFit, TAG, "set requires_fit=False"),
        (FitWithoutTag, TAG, "AttributeError"),
        (Standardises, ALONE, "when its cell is alone: transform must not use other cells"),
        (UsesThePreviousCell, ALONE, "must not use other cells"),
        (UsesThePreviousCell, OTHER_CELLS, "predictions change when other test patients have other cells"),
        (ChangesImages, UNCHANGED, "changes the image or mask of a cell in place"),
        (SetsANucleus, UNCHANGED, "changes the image or mask of a cell in place"),
        (IsRandom, REPEATED, "derive randomness from random_state"),
        (ReturnsDoubles, FEATURES, "transform returns float64; expected float32"),
        (RepeatsNames, FEATURES, "two features have the name mean"),
        (ReversesTheCatalogue, FEATURES, "catalogue() lists other columns than get_feature_names_out"),
        (NamesTooFew, FEATURES, "1 names for 108 features"),
        (ReturnsInfinity, FEATURES, "feature mean_3 is infinite; return NaN instead"),
        (ContradictsTransform, FEATURES, "transform_with_status returns other features than transform"),
        (ReturnsOneCodePerCell, FEATURES, "codes of another shape or type than uint8 (8, 108)"),
        (ReturnsNoReason, FEATURES, "or none for one that is NaN"),
        (ReturnsARowOfNaN, FEATURES, "all features of a cell are NaN"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_violation_fails_its_check_with_advice(cls: type, check: str, words: str, tmp_path: Path) -> None:
    assert words in _failed(cls, tmp_path, only=check)[check]


@pytest.mark.parametrize(
    ("cls", "only"),
    [
        (ReadsTheTable, {PIXELS}),
        (ReadsTheFile, {PREPARED}),
        (ChangesImages, {UNCHANGED}),
        (RepeatsNames, {FEATURES}),
        (LearnsWithoutTag, {TAG}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_violation_fails_no_other_check(cls: type, only: set[str], tmp_path: Path) -> None:
    assert set(_failed(cls, tmp_path)) == only
