"""Importances by feature name: normalised to sum 1, and those of the classifier that predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.evaluation.fold import Fold, evaluate_fold
from bench.evaluation.importances import importances_of
from bench.evaluation.inputs import FeatureArray
from bench.evaluation.protocol import Protocol
from bench.plugins.registry import classifier
from bench.splits.folds import InnerPatientKFold, inner_folds
from extractors.seeds import seed_of


class Stub:
    """A classifier with given importances."""

    def __init__(self, importances: Any) -> None:
        self.feature_importances_ = importances


def test_importances_sum_to_one() -> None:
    table = importances_of(Stub([30.0, 0.0, 10.0]), ["a", "b", "c"])
    assert table.to_dict(orient="list") == {"feature": ["a", "b", "c"], "importance": [0.75, 0.0, 0.25]}
    assert importances_of(Stub([0, 0]), ["a", "b"])["importance"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "importances", [None, [1.0, 2.0], [1.0, np.nan, 2.0], [1.0, np.inf, 0.0], [1.0, -0.1, 0.2], [[1.0, 2.0, 3.0]]]
)
def test_invalid_importances_are_ignored(importances: Any) -> None:
    table = importances_of(Stub(importances), ["a", "b", "c"])
    assert len(table) == 0
    assert list(table.columns) == ["feature", "importance"]
    assert len(importances_of(object(), ["a", "b", "c"])) == 0


NAMES = ("signal", "noise", "half")


@pytest.fixture(scope="module")
def features() -> FeatureArray:
    """12 patients of four cells; the first feature separates the classes, the third one partly."""
    rng = np.random.default_rng(0)
    sick = np.arange(48) // 4 % 2
    columns = [rng.normal(size=48) + shift * sick for shift in (3.0, 0.0, 1.0)]
    return FeatureArray(np.column_stack(columns).astype(np.float32), NAMES)


def _fold(selector: str, number: int) -> Fold:
    patient = np.arange(48) // 4
    tested = patient // 2 % 3 == number
    return Fold(
        extractor=None, classifier=classifier(selector), protocol=Protocol(folds=3, inner_folds=2), positive="sick",
        labels=np.where(patient % 2, "sick", "healthy"), units=np.array([f"p{p:02d}" for p in patient]), repeat=1,
        fold=number, train=np.flatnonzero(~tested), test=np.flatnonzero(tested),
    )  # fmt: skip


@pytest.mark.parametrize(
    "selector", ["lightgbm[n_estimators=10]", "sklearn.ensemble.ExtraTreesClassifier[n_estimators=5]"]
)
def test_each_fold_has_the_importances_of_its_own_classifier(features: FeatureArray, selector: str) -> None:
    tables = [evaluate_fold(_fold(selector, number), lambda *_: features).importances for number in (0, 1)]
    for number, table in enumerate(tables):
        assert table["feature"].tolist() == list(NAMES)
        assert table["importance"].sum() == pytest.approx(1.0, abs=1e-12)
        assert (table["repeat"].unique().tolist(), table["fold"].unique().tolist()) == ([1], [number])
    assert tables[0]["importance"].tolist() != tables[1]["importance"].tolist()


def test_importances_are_those_of_the_classifier_that_predicts(features: FeatureArray) -> None:
    """A fit of the same classifier on the same rows, with the seed and the splitter of the fold."""
    fold = _fold("lightgbm[n_estimators=10]", 2)
    y, units = fold.labels[fold.train], fold.units[fold.train]
    splitter = InnerPatientKFold(inner_folds(y, units, 2), random_state=seed_of("inner folds", 0, 1, 2))
    seed = seed_of(seed_of(0, "", fold.classifier.canonical, 1, 2), "fit")
    fitted = fold.classifier.build(random_state=seed, cv=splitter, threads=1)
    fitted.fit(features.take(fold.train), y, groups=units)
    table = evaluate_fold(fold, lambda *_: features).importances
    np.testing.assert_array_equal(table["importance"], fitted.feature_importances_ / fitted.feature_importances_.sum())


def test_a_classifier_without_importances_has_an_empty_table(features: FeatureArray) -> None:
    assert evaluate_fold(_fold("knn", 0), lambda *_: features).importances.empty
