"""Importances by feature name: shares that sum to 1, from a fitted classifier into results and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.evaluation.importances import importances_of
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import feature_names, open_features
from bench.features.store.fit_key import FitPlace
from bench.plugins.feature_catalogue import catalogue
from bench.plugins.registry import Plugin, classifier
from bench.seeds import seed_of
from bench.splits.folds import InnerPatientKFold, inner_folds
from extractors.cells import CellFile, Cells


class Tells:
    """A classifier that tells what it was given."""

    def __init__(self, told: Any) -> None:
        self.feature_importances_ = told


def test_importances_become_shares_by_name() -> None:
    found = importances_of(Tells([30.0, 0.0, 10.0]), ["a", "b", "c"])
    assert found.to_dict(orient="list") == {"feature": ["a", "b", "c"], "importance": [0.75, 0.0, 0.25]}
    assert importances_of(Tells([0, 0]), ["a", "b"])["importance"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "told", [None, [1.0, 2.0], [1.0, np.nan, 2.0], [1.0, np.inf, 0.0], [1.0, -0.1, 0.2], [[1.0, 2.0, 3.0]]]
)
def test_what_are_no_importances_of_the_features_is_not_taken(told: Any) -> None:
    found = importances_of(Tells(told), ["a", "b", "c"])
    assert len(found) == 0
    assert list(found.columns) == ["feature", "importance"]
    assert len(importances_of(object(), ["a", "b", "c"])) == 0


class Halves(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Learns what its columns are called; the first tells the class, the second nothing."""

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> Halves:
        self.columns_ = [f"{y[0]}.number", f"{y[0]}.nothing"]
        return self

    def transform(self, X: Cells) -> Any:
        return np.array([[int(cell.id), 0] for cell in X], dtype=np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array(self.columns_)


def test_a_stateful_extractor_names_the_features_of_each_fold() -> None:
    n = 36
    labels = np.repeat(["low", "tall"], n // 2)
    units = np.array([f"p{i // 3}" for i in range(n)])
    rows, tested = np.arange(n), np.isin(units, ["p0", "p6"])
    job = FoldJob(
        extractor=Plugin("halves", f"{__name__}:Halves", {}, requires_fit=True),
        classifier=classifier("sklearn.tree.DecisionTreeClassifier"),
        protocol=Protocol(folds=6, inner_folds=2), positive="tall", labels=labels, units=units, features=None,
        cells=Cells(CellFile(str(i), "nowhere.png") for i in range(n)), repeat=1, fold=2,
        train=rows[~tested], test=rows[tested],
        fits=FitPlace(None, {}, {}, np.zeros((n, 32), np.uint8), units),
    )  # fmt: skip
    found = fit_fold(job).importances
    assert found.to_dict(orient="list") == {
        "feature": ["low.number", "low.nothing"], "importance": [1.0, 0.0], "repeat": [1, 1], "fold": [2, 2],
    }  # fmt: skip


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("importances") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=4, spread=0.0, size=96, seed=5), folder)
    return folder


@pytest.fixture(scope="module")
def ran(cells: Path) -> bench.MatrixResult:
    place = cells.parent
    return bench.matrix(
        ["size"],
        ["lightgbm[n_estimators=10]", "knn", "sklearn.ensemble.ExtraTreesClassifier[n_estimators=5]"],
        data=str(cells), folds=3, repeats=2, inner_folds=2, out=place / "results", store=place / "store", jobs=1,
        baselines=False,
    )  # fmt: skip


def _of(ran: bench.MatrixResult, name: str) -> bench.ExperimentResult:
    return next(e for e in ran.experiments if name in e.name)


@pytest.mark.parametrize("name", ["lightgbm", "ExtraTrees"])
def test_every_outer_fold_keeps_the_importance_of_every_feature_by_name(ran: bench.MatrixResult, name: str) -> None:
    found = _of(ran, name).importances
    names = [row["name"] for row in catalogue("size").rows]
    assert sorted(found.columns) == ["feature", "fold", "importance", "repeat"]
    folds = found.groupby(["repeat", "fold"])
    assert sorted(folds.groups) == [(r, k) for r in range(2) for k in range(3)]
    assert all(part["feature"].tolist() == names for _, part in folds)
    np.testing.assert_allclose(folds["importance"].sum(), 1.0, atol=1e-12)
    assert folds["importance"].apply(tuple).nunique() > 1, "each fold has a model of its own"


def test_they_are_those_of_the_model_that_predicts(ran: bench.MatrixResult) -> None:
    """The first fold is fitted again here, on its training rows, with the engine's seed and splitter."""
    plan, experiment = ran.plan, next(e for e in ran.plan.experiments if "lightgbm" in e.name)
    assert experiment.entry is not None
    assert experiment.extractor is not None
    repeat, fold, train, _ = next(iter(plan.folds.splits()))
    table = plan.opened.dataset.table
    y, units = (table[name].to_numpy().astype(str)[train] for name in ("label", "unit"))
    splitter = InnerPatientKFold(inner_folds(y, units, 2), random_state=seed_of("inner folds", 0, repeat, fold))
    seed = seed_of(seed_of(0, experiment.extractor.canonical, experiment.classifier.canonical, repeat, fold), "fit")
    fitted = classifier("lightgbm[n_estimators=10]").build(random_state=seed, cv=splitter, threads=1)
    fitted.fit(np.array(open_features(experiment.entry.folder)[train]), y, groups=units)
    kept = _of(ran, "lightgbm").importances.query(f"repeat == {repeat} and fold == {fold}")
    np.testing.assert_array_equal(kept["importance"], fitted.feature_importances_ / fitted.feature_importances_.sum())
    assert kept["feature"].tolist() == feature_names(experiment.entry.folder)


def test_the_formulas_are_kept_beside_them(ran: bench.MatrixResult) -> None:
    features = _of(ran, "lightgbm").features
    assert features.to_dict(orient="records") == list(catalogue("size").rows)


def test_a_classifier_without_importances_keeps_neither(ran: bench.MatrixResult) -> None:
    knn = _of(ran, "knn")
    pd.testing.assert_frame_equal(knn.importances, pd.DataFrame())
    assert len(knn.features) == 0
    assert not list(knn.folder.glob("importances*")) + list(knn.folder.glob("features*"))
