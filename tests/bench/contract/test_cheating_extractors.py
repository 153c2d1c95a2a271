"""Extractors that cheat or break a promise are caught by the checks that are meant for it; honest ones pass."""

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
from bench.contract.outcomes import Check, outcomes
from bench.plugins.registry import Plugin, classifier
from extractors.cells import Cell, read_image

Array = npt.NDArray[Any]

FEATURES = "float32 features of every cell, with unique names"
TWICE = "the same cells give the same features"
ALONE = "a cell's features are its own, not its neighbours'"
PIXELS = "features come from the pixels, not from names or labels"
PREPARED = "a prepared cell is seen as it was prepared"
UNTOUCHED = "cells stay as they were"
LEARNING = "it learns when it says so, and only then"
ANEW = "a fit begins anew, whatever was fitted before"
ORDER = "folds that were fitted before change nothing"
LABELS = "labels of tested patients change nothing"
OTHER_CELLS = "other cells of tested patients change nothing else"

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
    """Keeps the means that tell the training labels apart: supervised, and honest, since it is fitted in each fold."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        self.kept_ = SelectKBest(f_classif, k=5).fit(pixels(X), y).get_support()
        return self

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X)[:, self.kept_]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array([f"mean_{i}" for i in np.flatnonzero(self.kept_)], dtype=object)


SEEN: dict[str, tuple[Array, Any]] = {}


class SelectsOnAllItEverSaw(Selecting):
    """Fitted in each fold, but it remembers the labels of other folds by the cells' ids."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        SEEN.update({cell.id: (row, label) for cell, row, label in zip(X, pixels(X), y, strict=True)})
        values, labels = zip(*SEEN.values(), strict=True)
        self.kept_ = SelectKBest(f_classif, k=5).fit(np.stack(values), np.array(labels)).get_support()
        return self


class ReadsTheTableBesideTheImages(Stateless):
    """Takes the label from the manifest that lies beside the images."""

    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        for row, cell in enumerate(X):
            path = Path(cell._file.path)
            with (path.parents[1] / "manifest.csv").open() as file:
                label = next(r["label"] for r in csv.DictReader(file) if r["path"].endswith(path.name))
            values[row, 0] = float(label[-1])
        return values


class SelectsByTheTableBesideTheImages(Selecting):
    """Made with all labels: the selection is done on every cell of the table beside the images."""

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Selecting:
        folder = Path(X[0]._file.path).parents[1]
        with (folder / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        from extractors.cells import CellFile, Cells  # noqa: PLC0415

        every = Cells(CellFile(row["path"], str(folder / row["path"])) for row in rows)
        return super().fit(every, np.array([row["label"] for row in rows]))


class ReadsTheFile(Stateless):
    """Decodes for itself, past what was prepared."""

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels([Cell(cell.id, read_image(Path(cell._file.path))) for cell in X])


class TakesOneNoticeForMany(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        self.notices_ = "computed slowly"
        return pixels(X)


class KnowsCellsByName(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.float32([[len(cell.id)] for cell in X])


class LearnsUnasked(Stateless):
    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Stateless:
        self.shift_ = 0.0 if y is None else float(np.mean(np.asarray(y) == np.asarray(y)[0]))
        self.shift_ += float(pixels(X[:1]).mean())
        return self

    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.float32(getattr(self, "shift_", 0))


class NeedsNoFit(Stateless):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class NeedsAFitAfterAll(Selecting):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Standardises(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        return values - values.mean(axis=0)


class LooksAtTheCellBefore(Selecting):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = super().transform(X)
        return values + np.concatenate([np.zeros((1, values.shape[1]), np.float32), values[:-1]])


class PaintsOnCells(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        for cell in X:
            cell.image[0, 0] = 255
        return pixels(X)


class LeavesANucleus(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        for cell in X:
            cell.nucleus = cell.mask.copy()
        return pixels(X)


class IsRandom(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X) + np.random.default_rng().normal(size=(len(X), 3 * GRID**2)).astype(np.float32)


class GivesDoubles(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        return pixels(X).astype(np.float64)


class NamesTwoAlike(Stateless):
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array(["mean"] * 3 * GRID**2, dtype=object)


class ListsItsColumnsBackwards(Stateless):
    def catalogue(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.get_feature_names_out()[::-1]]


class NamesTooFew(Stateless):
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        return np.array(["mean"], dtype=object)


class DividesByNothing(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        values[0, 3] = np.inf
        return values


class GivesUpOnACell(Stateless):
    def transform(self, X: Sequence[Cell]) -> Array:
        values = pixels(X)
        values[-1] = np.nan
        return values


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """What one test's plugins have kept is not there in the next."""
    SEEN.clear()


class SaysOtherwise(Stateless):
    def transform_with_status(self, X: Sequence[Cell]) -> tuple[Array, Array]:
        return pixels(X) + 1, np.zeros((len(X), 3 * GRID**2), np.uint8)


class GivesOneCodeACell(Stateless):
    def transform_with_status(self, X: Sequence[Cell]) -> tuple[Array, Array]:
        return pixels(X), np.zeros(len(X), np.uint8)


class GivesNoReason(Stateless):
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
    return {c.name: c for c in outcomes(s for s in steps if only in s.name)}


def _failed(cls: type, folder: Path, *, only: str = "") -> dict[str, str]:
    return {name: c.detail for name, c in _checks(cls, folder, only=only).items() if c.outcome == "failed"}


def test_honest_extractors_pass_and_what_does_not_concern_them_is_said(tmp_path: Path) -> None:
    found = _checks(Stateless, tmp_path / "stateless")
    assert {name for name, c in found.items() if c.outcome != "passed"} == {ANEW}
    assert found[ANEW].outcome == "skipped"
    found = _checks(Selecting, tmp_path / "stateful")
    assert {c.outcome for c in found.values()} == {"passed"}
    assert len(found) == 14
    # Three folds: a classifier for 2 trials on 2 inner folds, 2 inner fits and the fit; an extractor for each split.
    assert found["at work in the engine, no fit sees a tested patient"].detail == "30 fits, with tuning"


@pytest.mark.parametrize(
    ("cls", "caught", "words"),
    [
        (SelectsOnAllItEverSaw, ANEW, "so labels of tested patients reach the training"),
        (SelectsOnAllItEverSaw, ORDER, "change when other folds, fitted on the tested patients, went before"),
        (ReadsTheTableBesideTheImages, PIXELS, "take image, masks and um_per_px alone"),
        (SelectsByTheTableBesideTheImages, LABELS, "change when the tested patients have other labels"),
        (ReadsTheFile, PREPARED, "take cell.image and cell.mask, and read no file"),
        (TakesOneNoticeForMany, FEATURES, "notices_ is 'computed slowly'; a tuple of sentences is expected"),
        (KnowsCellsByName, PIXELS, "features change with the cells' ids"),
        (LearnsUnasked, LEARNING, "set requires_fit=True, so that each fold fits it on training patients"),
        (NeedsNoFit, LEARNING, "set requires_fit=False"),
        (NeedsAFitAfterAll, LEARNING, "AttributeError"),
        (Standardises, ALONE, "when its cell stands alone: each cell stands for itself"),
        (LooksAtTheCellBefore, ALONE, "each cell stands for itself"),
        (LooksAtTheCellBefore, OTHER_CELLS, "predictions change when other tested patients have other cells"),
        (PaintsOnCells, UNTOUCHED, "changes a cell's image or mask in place"),
        (LeavesANucleus, UNTOUCHED, "changes a cell's image or mask in place"),
        (IsRandom, TWICE, "make what is random follow random_state"),
        (GivesDoubles, FEATURES, "transform gives float64; float32 is expected"),
        (NamesTwoAlike, FEATURES, "two features are called mean"),
        (ListsItsColumnsBackwards, FEATURES, "catalogue() lists other columns than get_feature_names_out"),
        (NamesTooFew, FEATURES, "1 names for 108 features"),
        (DividesByNothing, FEATURES, "feature mean_3 is infinite; give NaN instead"),
        (SaysOtherwise, FEATURES, "transform_with_status gives other features than transform"),
        (GivesOneCodeACell, FEATURES, "codes of another shape or type than uint8 (8, 108)"),
        (GivesNoReason, FEATURES, "or none for one that is NaN"),
        (GivesUpOnACell, FEATURES, "a whole cell has no feature but NaN"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_cheat_is_caught_and_told_what_to_do(cls: type, caught: str, words: str, tmp_path: Path) -> None:
    assert words in _failed(cls, tmp_path, only=caught)[caught]


@pytest.mark.parametrize(
    ("cls", "only"),
    [
        (ReadsTheTableBesideTheImages, {PIXELS}),
        (ReadsTheFile, {PREPARED}),
        (PaintsOnCells, {UNTOUCHED}),
        (NamesTwoAlike, {FEATURES}),
        (LearnsUnasked, {LEARNING}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_nothing_else_is_held_against_it(cls: type, only: set[str], tmp_path: Path) -> None:
    assert set(_failed(cls, tmp_path)) == only
