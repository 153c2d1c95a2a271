"""Inner scores and thresholds of fine-tuned features on synthetic cells without an effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import InMemoryInputs
from bench.evaluation.protocol import Protocol
from bench.plugins.registry import classifier, extractor
from bench.scores.metrics import weighted_auroc
from extractors.cells import CellFile, Cells

pytestmark = pytest.mark.slow  # trains networks

TRAINING = "backbone=small,size=32,epochs=40,learning_rate=3e-3,augment=none,patience=0,select=last"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cells, pd.DataFrame]:
    """Cells of 24 patients whose classes do not differ."""
    folder: Path = tmp_path_factory.mktemp("phantom")
    write_phantom(PhantomSpec(patients=12, cells=4, spread=0, size=64, seed=0, effect=0.0), folder)
    table = pd.read_csv(folder / "manifest.csv")
    return Cells(CellFile(str(row.path), str(folder / str(row.path))) for row in table.itertuples()), table


def _evaluate(cells: tuple[Cells, pd.DataFrame], inner: str) -> tuple[Fold, FoldResult]:
    images, table = cells
    labels, units = table["label"].to_numpy().astype(str), table["patient"].to_numpy().astype(str)
    tested = np.isin(
        units, [name for label in ("diseased", "normal") for name in np.unique(units[labels == label])[:4]]
    )
    fold = Fold(
        extractor=extractor(f"finetune[{TRAINING},inner={inner}]"),
        classifier=classifier("svm"),
        protocol=Protocol(folds=3, calibrate="none"),
        positive="diseased",
        labels=labels,
        units=units,
        repeat=0,
        fold=0,
        train=np.flatnonzero(~tested),
        test=np.flatnonzero(tested),
    )
    return fold, evaluate_fold(fold, InMemoryInputs(fold, images, {"threads": 1, "device": "cpu"}).open)


def _auroc(fold: Fold, table: pd.DataFrame) -> float:
    rows = table["row"].to_numpy()
    return weighted_auroc(table["p_diseased"].to_numpy(), fold.labels[rows] == "diseased", fold.units[rows])


def _balanced_accuracy(fold: Fold, result: FoldResult, table: pd.DataFrame) -> float:
    """Of the inner predictions at the threshold that was learned on them."""
    positive = fold.labels[table["row"].to_numpy()] == "diseased"
    called = table["p_diseased"].to_numpy() >= result.predictions["threshold"].iloc[0]
    return float((called[positive].mean() + 1 - called[~positive].mean()) / 2)


@pytest.mark.parametrize("inner", ["out-of-fold", "holdout", "naive"])
def test_only_naive_inner_predictions_are_optimistic(cells: tuple[Cells, pd.DataFrame], inner: str) -> None:
    fold, result = _evaluate(cells, inner)
    score = _auroc(fold, result.inner_predictions)
    at_threshold = _balanced_accuracy(fold, result, result.inner_predictions)
    if inner == "naive":
        assert score > 0.9
        assert at_threshold > 0.85
    else:
        assert 0.25 < score < 0.75
        assert at_threshold < 0.75
    assert 0.2 < _auroc(fold, result.predictions) < 0.8
