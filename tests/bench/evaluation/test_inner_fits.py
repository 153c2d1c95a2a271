"""`inner` of a stateful extractor: from which fits inner predictions come, and how optimistic they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from bench.errors import BenchError
from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import InMemoryInputs
from bench.evaluation.protocol import Protocol
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier
from bench.scores.metrics import weighted_auroc
from extractors.cells import CellFile, Cells

PATIENTS, CELLS = 40, 5
N = PATIENTS * CELLS


class Memory(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Returns the label of each cell that it was fitted on, and noise for others."""

    fits: ClassVar[list[list[str]]] = []

    def __init__(self, *, inner: str = "out-of-fold") -> None:
        self.inner = inner

    def fit(self, X: Sequence[Any], y: Any = None, groups: Any = None) -> Memory:
        self.labels_ = {cell.id: label == "sick" for cell, label in zip(X, y, strict=True)}
        self.fits.append([cell.id for cell in X])
        return self

    def transform(self, X: Sequence[Any]) -> np.ndarray:
        rng = np.random.default_rng(0)
        noise = {f"{number}": rng.normal() for number in range(N)}
        values = [2.0 * self.labels_[cell.id] - 1 if cell.id in self.labels_ else noise[cell.id] for cell in X]
        return np.array(values, dtype=np.float32)[:, None]

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array(["memory"])


@pytest.fixture(autouse=True)
def no_fits() -> None:
    Memory.fits.clear()


def _fold(inner: str, **protocol: Any) -> Fold:
    rows = np.arange(N)
    return Fold(
        extractor=Plugin("memory", f"{__name__}:Memory", {"inner": inner}, requires_fit=True),
        classifier=classifier("sklearn.linear_model.LogisticRegression"),
        protocol=Protocol(folds=4, **protocol),
        positive="sick",
        labels=np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "well"), CELLS),
        units=np.repeat([f"p{number:02d}" for number in range(PATIENTS)], CELLS),
        repeat=0,
        fold=0,
        train=rows[: N * 3 // 4],
        test=rows[N * 3 // 4 :],
    )


def _evaluate(fold: Fold) -> FoldResult:
    cells = Cells(CellFile(f"{number}", "") for number in range(N))
    return evaluate_fold(fold, InMemoryInputs(fold, cells, {}).open)


def _auroc(fold: Fold, table: Any) -> float:
    rows = table["row"].to_numpy()
    return weighted_auroc(table["p_sick"].to_numpy(), fold.labels[rows] == "sick", fold.units[rows])


@pytest.mark.parametrize("inner", ["out-of-fold", "holdout"])
def test_inner_scores_of_an_extractor_that_memorises_are_not_optimistic(inner: str) -> None:
    fold = _fold(inner)
    result = _evaluate(fold)
    assert abs(_auroc(fold, result.inner_predictions) - 0.5) < 0.2
    assert abs(_auroc(fold, result.predictions) - 0.5) < 0.25


def test_inner_scores_of_a_naive_fit_are_optimistic() -> None:
    fold = _fold("naive")
    result = _evaluate(fold)
    assert _auroc(fold, result.inner_predictions) == 1.0
    assert abs(_auroc(fold, result.predictions) - 0.5) < 0.25


def test_one_fit_per_inner_fold_or_one_in_all() -> None:
    training = [f"{row}" for row in _fold("naive").train]
    _evaluate(_fold("out-of-fold"))
    assert [len(fit) < len(training) for fit in Memory.fits] == [True, True, True, False]
    Memory.fits.clear()
    _evaluate(_fold("naive"))
    assert Memory.fits == [training]


def test_the_fit_of_a_holdout_sees_no_cell_of_its_inner_predictions() -> None:
    fold = _fold("holdout")
    result = _evaluate(fold)
    (fit,) = Memory.fits
    rows = result.inner_predictions["row"].to_numpy()
    held_out = set(fold.units[rows])
    assert {fold.units[int(cell)] for cell in fit} == set(fold.units[fold.train]) - held_out
    assert len(rows) + len(fit) == len(fold.train)
    assert set(result.inner_predictions["inner_fold"]) == {0}


def test_calibration_of_a_holdout_is_refused() -> None:
    with pytest.raises(BenchError, match="inner=holdout has one inner fold, and calibration needs two"):
        _evaluate(_fold("holdout", calibrate="platt"))
    tuned = _fold("holdout")
    assert len(_evaluate(replace(tuned, protocol=replace(tuned.protocol, threshold="spec@0.9"))).predictions) == N // 4
