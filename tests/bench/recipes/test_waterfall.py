"""Contributions of leaks on synthetic cells with strong signatures of patients, against direct simulations.

The simulations use scikit-learn on the same features: many random splits with a leak, and as many without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.datasets.loading import open_data
from bench.options import make_options
from bench.plugins.registry import extractor
from bench.recipes.catalogue import parsed_recipe
from bench.recipes.reproduce import reproduce
from bench.recipes.waterfall import Waterfall
from bench.statistics.arrays import Floats
from extractors.cells import Cells
from extractors.preparation.position import Position

DATA = "phantom[patients=12,cells=16,size=64,effect=1,signature=3,seed=0]"
FEATURES = "handcrafted[families=size+shape+color]"
REPEATS = 25
SHARE = 0.25
SEEDS = 6
KNN = "knn[n_neighbors=15,weights=uniform,balance=none]"

ACCURACY = "accuracy[threshold=0.5]"


@pytest.fixture(scope="module")
def cells() -> Any:
    return open_data(make_options({"data": DATA}))


@pytest.fixture(scope="module")
def features(cells: Any) -> tuple[Floats, Floats]:
    """Features of each cell and of a copy of it that is turned."""
    transform = extractor(FEATURES).build().transform
    files = cells.dataset.cells().files
    from dataclasses import replace  # noqa: PLC0415

    turned = Cells(replace(file, prepare=(Position(1),)) for file in files)
    return tuple(np.nan_to_num(np.asarray(transform(part))) for part in (Cells(files), turned))  # type: ignore[return-value]


def measured(
    out: Path, classifier: str, metric: str, *, held_out: str | None = None, halves: bool = False, **protocol: Any
) -> Waterfall:
    scored: dict[str, Any] = {"held_out": "halves"} if halves else {"validation": SHARE}
    system = {
        "name": "mine",
        "title": "t",
        "source": "s",
        "stated": "s",
        "variants": [
            {
                "extractors": [FEATURES],
                "classifiers": [classifier],
                "published": [{"metric": metric, "value": 1, "part": "test" if held_out else "validation"}],
            }
        ],
        "protocol": {"split": "image", "text": "t", **scored, **protocol},
    }
    recipe = parsed_recipe(yaml.safe_dump(system).encode(), "mine")
    (done,) = reproduce([recipe], data=DATA, held_out=held_out, out=out, jobs=1, waterfall=True)
    return done.waterfalls[0]


def images(labels: Any) -> Iterator[tuple[Any, Any]]:
    for seed in range(REPEATS):
        yield tuple(train_test_split(np.arange(len(labels)), test_size=SHARE, random_state=seed, stratify=labels))


def patients(labels: Any, units: Any) -> Iterator[tuple[Any, Any]]:
    for seed in range(4):
        yield from StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, units)


def shares(splits: Any, score: Callable[[Any, Any], float]) -> float:
    return float(np.mean([score(train, test) for train, test in splits]))


def within(step: Any, expected: float) -> None:
    assert step.change is not None
    assert step.change.low <= expected <= step.change.high, (step, expected)


def test_copies_and_images_contribute_as_in_a_simulation(
    cells: Any, features: tuple[Floats, Floats], tmp_path: Path
) -> None:
    table = cells.dataset.table
    y, units = table["label"].to_numpy().astype(str), table["unit"].to_numpy().astype(str)
    own, turned = features
    result = measured(tmp_path / "results", "knn[n_neighbors=1,weights=uniform]", ACCURACY, copies={"per_cell": 1})
    assert [step.name for step in result.steps] == ["authors' protocol", "copies", "images"]

    def fitted(X: Floats, labels: Any) -> Any:
        return make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(X, labels)

    def after_split(train: Any, test: Any) -> float:
        model = fitted(np.concatenate([own[train], turned[train]]), np.concatenate([y[train], y[train]]))
        return float(np.mean(model.predict(own[test]) == y[test]))

    def before_split(train: Any, test: Any) -> float:
        both, labels = np.concatenate([own, turned]), np.concatenate([y, y])
        return float(np.mean(fitted(both[train], labels[train]).predict(both[test]) == labels[test]))

    def grouped(train: Any, test: Any) -> float:
        return float(np.mean(fitted(own[train], y[train]).predict(own[test]) == y[test]))

    with_copies, honest = shares(images(np.concatenate([y, y])), before_split), shares(images(y), after_split)
    by_patient = shares(patients(y, units), grouped)
    assert with_copies - honest > 0.03, "the leak of copies is too small to be seen"
    assert honest - by_patient > 0.1, "the leak of images is too small to be seen"
    within(result.steps[1], honest - with_copies)
    within(result.steps[2], by_patient - honest)


def test_a_threshold_that_is_chosen_on_the_scored_cells_contributes_as_in_a_simulation(
    cells: Any, features: tuple[Floats, Floats], tmp_path: Path
) -> None:
    table = cells.dataset.table
    y, own = table["label"].to_numpy().astype(str), features[0]
    positive: npt.NDArray[np.bool_] = y == "diseased"
    changes = []
    for seed in range(SEEDS):
        protocol = {"chosen_on_scored": ["threshold"], "threshold": "balanced", "seed": seed}
        result = measured(tmp_path / "results", KNN, "balanced_accuracy", **protocol)
        assert [step.name for step in result.steps] == ["authors' protocol", "threshold", "images"]
        assert result.steps[1].change is not None
        changes.append(result.steps[1].change.value)

    def best(p: Floats, rows: Any) -> float:
        thresholds = np.unique(p)
        return float(thresholds[np.argmax([balanced_accuracy_score(positive[rows], p >= t) for t in thresholds])])

    def gain(train: Any, test: Any) -> float:
        part, rest = train_test_split(train, test_size=1 / 3, random_state=0, stratify=y[train])
        outer, inner = (probabilities(rows, predicted) for rows, predicted in ((train, test), (part, rest)))
        scores = [balanced_accuracy_score(positive[test], outer >= t) for t in (best(inner, rest), best(outer, test))]
        return float(scores[0] - scores[1])

    def probabilities(train: Any, test: Any) -> Floats:
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(15)).fit(own[train], positive[train])
        return np.asarray(model.predict_proba(own[test])[:, 1])

    expected = shares(images(y), gain)
    error = float(np.std(changes, ddof=1) / np.sqrt(SEEDS))
    assert expected < -0.01, "the leak of the threshold is too small to be seen"
    assert all(change <= 0 for change in changes)
    assert abs(np.mean(changes) - expected) < 3 * error


LUCKY = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score


class Lucky(ClassifierMixin, BaseEstimator):
    """A random direction for each epoch; the best one on the held-out cells is chosen."""

    holds_out = True

    def __init__(self, *, epochs=30, cv=None, random_state=None):
        self.epochs, self.cv, self.random_state = epochs, cv, random_state

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        _, held_out = next(iter(self.cv.split(X, y, groups)))
        self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0) + 1e-9
        directions = np.random.default_rng(self.random_state).normal(size=(self.epochs, X.shape[1]))
        scores = [roc_auc_score(y[held_out] == self.classes_[1], self._scaled(X[held_out]) @ d) for d in directions]
        self.direction_ = directions[int(np.argmax(scores))]
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-self._scaled(X) @ self.direction_))
        return np.column_stack([1 - p, p])

    def _scaled(self, X):
        return np.nan_to_num((np.asarray(X, dtype=float) - self.mean_) / self.scale_)
'''


def test_an_epoch_that_is_chosen_on_the_scored_cells_contributes_as_in_a_simulation(
    cells: Any, features: tuple[Floats, Floats], tmp_path: Path, install: Any
) -> None:
    install("lucky", LUCKY, "[bench.classifiers]\nlucky = lucky:Lucky\n")
    y, own = cells.dataset.table["label"].to_numpy().astype(str), features[0]
    scaled, positive = (own - own.mean(axis=0)) / (own.std(axis=0) + 1e-9), y == np.unique(y)[1]
    changes = []
    for seed in range(SEEDS):
        result = measured(tmp_path / "results", "lucky", "auroc", chosen_on_scored=["epoch"], seed=seed)
        assert [step.name for step in result.steps] == ["authors' protocol", "epoch", "images"]
        assert result.steps[1].change is not None
        changes.append(result.steps[1].change.value)

    rng = np.random.default_rng(0)

    def gain(train: Any, test: Any) -> float:
        first = train[: len(train) // 3]
        directions = rng.normal(size=(30, scaled.shape[1]))
        on_inner, on_test = (
            [roc_auc_score(positive[rows], scaled[rows] @ one) for one in directions] for rows in (first, test)
        )
        return float(on_test[int(np.argmax(on_inner))] - max(on_test))

    expected = shares(images(y), gain)
    error = float(np.std(changes, ddof=1) / np.sqrt(SEEDS))
    assert expected < -0.01, "the leak of the epoch is too small to be seen"
    assert abs(np.mean(changes) - expected) < 3 * max(error, 0.005)


def test_halves_of_the_test_patients_contribute_as_in_a_simulation(
    features: tuple[Floats, Floats], cells: Any, tmp_path: Path
) -> None:
    other = "phantom[patients=8,cells=16,size=64,effect=1,signature=3,seed=7]"
    held = open_data(make_options({"data": other}))
    X = np.nan_to_num(np.asarray(extractor(FEATURES).build().transform(held.dataset.cells())))
    labels, units = (held.dataset.table[name].to_numpy().astype(str) for name in ("label", "unit"))
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(15))
    model.fit(features[0], cells.dataset.table["label"].to_numpy() == "diseased")
    p, positive = model.predict_proba(X)[:, 1], labels == "diseased"
    changes = []
    for seed in range(2 * SEEDS):
        protocol = {"split": "patient", "threshold": "balanced", "seed": seed}
        result = measured(tmp_path / "results", KNN, "balanced_accuracy", held_out=other, halves=True, **protocol)
        assert [step.name for step in result.steps] == ["authors' protocol", "halves"]
        assert result.steps[1].change is not None
        changes.append(result.steps[1].change.value)

    def scored(validation: Any, test: Any) -> float:
        thresholds = np.unique(p)
        on = [balanced_accuracy_score(positive[validation], p[validation] >= t) for t in thresholds]
        return float(balanced_accuracy_score(positive[test], p[test] >= thresholds[int(np.argmax(on))]))

    rows = np.arange(len(labels))
    by_image = [
        train_test_split(rows, test_size=0.5, random_state=seed, stratify=labels) for seed in range(4 * REPEATS)
    ]
    by_patient = []
    for seed in range(4 * REPEATS):
        names = np.unique(units)
        classes = [labels[units == name][0] for name in names]
        chosen = train_test_split(names, test_size=0.5, random_state=seed, stratify=classes)[0]
        by_patient.append((np.flatnonzero(np.isin(units, chosen)), np.flatnonzero(~np.isin(units, chosen))))
    expected = shares(by_patient, scored) - shares(by_image, scored)
    error = float(np.std(changes, ddof=1) / np.sqrt(2 * SEEDS))
    assert abs(np.mean(changes) - expected) < 3 * error
