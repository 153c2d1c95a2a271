"""A trained pipeline predicts cells exactly as the fold that it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from bench.datasets.loading import LoadedDataset, open_data
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evaluation.fold import Fold, evaluate_fold, train_pipeline
from bench.evaluation.inputs import InMemoryInputs, InMemoryMembers
from bench.evaluation.protocol import Protocol
from bench.options import make_options
from bench.plugins.plugin import Plugin
from bench.plugins.preparation import parse_prepare
from bench.plugins.registry import classifier, extractor
from bench.splits.outer_folds import draw_folds
from extractors.cells import Cells


class Centred(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A stateful extractor: mean grey value above the mean of the training cells."""

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> Centred:
        self.mean_ = float(np.mean(self._values(X)))
        self.patients_ = sorted(set(groups))
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        return (self._values(X) - self.mean_).astype(np.float32)[:, None]

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array(["grey"], dtype=object)

    @staticmethod
    def _values(cells: Cells) -> npt.NDArray[np.float64]:
        return np.array([cell.image[cell.mask].mean() for cell in cells])


CENTRED = Plugin("centred", f"{__name__}:Centred", {}, requires_fit=True)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> LoadedDataset:
    folder = tmp_path_factory.mktemp("phantom") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=4, spread=0.3, size=64, seed=3), folder)
    return open_data(make_options({"data": str(folder)}))


def _fold(opened: LoadedDataset, extractor: Plugin | None, classifier: Plugin, **protocol: Any) -> Fold:
    table = opened.dataset.table
    folds = draw_folds(table, split="patient", folds=3, repeats=1, seed=0)
    repeat, number, train, test = next(iter(folds.splits()))
    return Fold(
        extractor=extractor,
        classifier=classifier,
        protocol=Protocol(folds=3, inner_folds=2, **protocol),
        positive=opened.dataset.positive,
        labels=table["label"].to_numpy().astype(str),
        units=table["unit"].to_numpy().astype(str),
        repeat=repeat,
        fold=number,
        train=train,
        test=test,
    )


@pytest.mark.parametrize(
    ("extractor", "classifier", "prepare"),
    [
        (extractor("size"), classifier("svm"), "none"),
        (extractor("color"), classifier("lightgbm[n_estimators=5]"), "crop"),
        (CENTRED, classifier("knn"), "none"),
        (None, classifier("prior"), "none"),
    ],
    ids=["stateless", "prepared", "stateful", "cells"],
)
@pytest.mark.parametrize("calibrate", ["none", "sigmoid"])
def test_predictions_are_those_of_the_fold(
    opened: LoadedDataset, extractor: Plugin | None, classifier: Plugin, prepare: str, calibrate: str
) -> None:
    fold = _fold(opened, extractor, classifier, calibrate=calibrate, threshold="sens@0.9")
    steps = parse_prepare(prepare)
    result = evaluate_fold(fold, InMemoryInputs(fold, opened.dataset.cells(steps), {}).open)
    pipeline = train_pipeline(fold, opened.dataset.cells(), prepare=steps)
    predicted = pipeline.predict(opened.dataset.cells().take(fold.test))
    assert list(predicted.pop("cell")) == list(opened.dataset.table["cell"].iloc[fold.test])
    expected = result.predictions.drop(columns=["row", "repeat", "fold"])
    pd.testing.assert_frame_equal(predicted, expected, check_exact=True)
    assert ("raw_diseased" in predicted) == (calibrate != "none")


@pytest.mark.parametrize("rule", ["mean", "stack"])
def test_predictions_of_an_ensemble_with_extractors_are_those_of_the_fold(opened: LoadedDataset, rule: str) -> None:
    plain = classifier(f'ensemble[members="size:knn"+"shape:knn"+prior,rule={rule}]')
    members = (plain.members[0], replace(plain.members[1], extractor=CENTRED), plain.members[2])
    fold = _fold(opened, None, replace(plain, members=members))
    cells = opened.dataset.cells()
    result = evaluate_fold(fold, InMemoryMembers(fold, cells, {}).open)
    pipeline = train_pipeline(fold, cells)
    predicted = pipeline.predict(cells.take(fold.test)).drop(columns="cell")
    expected = result.predictions.drop(columns=["row", "repeat", "fold"])
    pd.testing.assert_frame_equal(predicted, expected, check_exact=True)
    size, centred, none = pipeline.extractor  # type: ignore[misc]
    assert (type(size).__name__, none) == ("Size", None)
    assert centred.patients_ == sorted(set(fold.units[fold.train]))


def test_the_extractor_has_seen_training_patients_only(opened: LoadedDataset) -> None:
    fold = _fold(opened, CENTRED, classifier("knn"))
    pipeline = train_pipeline(fold, opened.dataset.cells())
    assert pipeline.extractor is not None
    assert pipeline.extractor.patients_ == sorted(set(fold.units[fold.train]))
    assert pipeline.feature_names == ("grey",)
    assert pipeline.classes == ("diseased", "normal")


def test_without_test_cells_it_is_trained_on_all(opened: LoadedDataset) -> None:
    fold = _fold(opened, CENTRED, classifier("knn"))
    everything = np.arange(len(fold.labels))
    pipeline = train_pipeline(replace(fold, train=everything, test=everything[:0]), opened.dataset.cells())
    assert pipeline.extractor is not None
    assert pipeline.extractor.patients_ == sorted(set(fold.units))
    probabilities = pipeline.predict(opened.dataset.cells())[["p_diseased", "p_normal"]]
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1)


def test_other_features_are_refused(opened: LoadedDataset) -> None:
    pipeline = train_pipeline(_fold(opened, extractor("size"), classifier("knn")), opened.dataset.cells())
    other = replace(pipeline, extractor=extractor("color").build())
    with pytest.raises(BenchError, match=r"Color: returns \d+ features; the pipeline was trained on \d+ features"):
        other.predict(opened.dataset.cells().take([0]))


def test_a_cell_that_is_gone_is_an_error(opened: LoadedDataset, tmp_path: Path) -> None:
    pipeline = train_pipeline(_fold(opened, extractor("size"), classifier("knn")), opened.dataset.cells())
    (file,) = opened.dataset.cells().take([0]).files
    with pytest.raises(BenchError, match=r"Size: .*gone\.png"):
        pipeline.predict(Cells([replace(file, path=str(tmp_path / "gone.png"))]))
