"""Choices on validation cells instead of inner folds, and on the test cells, as some published protocols make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from network_spies import SpiedCells, install

from bench.errors import BenchError
from bench.evaluation.fold import Fold, evaluate_fold
from bench.evaluation.inputs import FeatureArray
from bench.evaluation.protocol import Protocol
from bench.plugins.registry import classifier
from bench.scores.thresholds import choose_threshold, parse_threshold, patient_weights
from extractors.cells import Cell

N = 60
LABELS = np.where(np.arange(N) % 2, "sick", "well")
UNITS = np.array([f"p{row:02d}" for row in range(N)])
ROWS = np.arange(N)
TRAIN, VALIDATION, TEST = ROWS[:30], ROWS[30:42], ROWS[42:]
RNG = np.random.default_rng(0)
FEATURES = FeatureArray(RNG.normal(LABELS[:, None] == "sick", 1, (N, 3)).astype(np.float32), ("a", "b", "c"))


def fold(selector: str, **values: Any) -> Fold:
    plugin = classifier(selector)
    own = {"train": TRAIN, "test": TEST, "validation": VALIDATION, **values}
    protocol = own.pop("protocol", Protocol(inner_folds=2))
    return Fold(
        extractor=own.pop("extractor", None), classifier=plugin, protocol=protocol, positive="sick", labels=LABELS,
        units=UNITS, repeat=0, fold=0, **own,
    )  # fmt: skip


def test_one_fit_predicts_validation_and_test_cells() -> None:
    fits: list[str] = []
    result = evaluate_fold(fold("knn"), lambda *split: FEATURES, on_fit=lambda name, _: fits.append(name))
    assert fits == ["outer"]
    assert sorted(result.inner_predictions["row"]) == VALIDATION.tolist()
    assert sorted(result.predictions["row"]) == TEST.tolist()
    # Both are of the model that was fitted on the training cells alone.
    alone = evaluate_fold(fold("knn", validation=None), lambda *split: FEATURES).predictions
    columns = ["row", "p_sick", "p_well"]
    pd.testing.assert_frame_equal(result.predictions[columns], alone[columns])


def test_the_threshold_is_chosen_on_the_validation_cells() -> None:
    result = evaluate_fold(fold("knn[n_neighbors=7]"), lambda *split: FEATURES)
    inner = result.inner_predictions.sort_values("row")
    rule, weights = parse_threshold("balanced"), patient_weights(UNITS[VALIDATION])
    expected = choose_threshold(rule, inner["p_sick"].to_numpy(), LABELS[VALIDATION] == "sick", weights)
    assert set(result.predictions["threshold"]) == {expected}


def test_with_choices_on_the_test_cells_both_tables_are_of_these() -> None:
    result = evaluate_fold(fold("svm", validation=TEST), lambda *split: FEATURES)
    columns = ["row", "p_sick", "p_well"]
    pd.testing.assert_frame_equal(result.predictions[columns], result.inner_predictions[columns])


def test_trials_are_scored_on_the_validation_cells() -> None:
    tuned = fold("knn", protocol=Protocol(tune=4, inner_folds=2))
    result = evaluate_fold(tuned, lambda *split: FEATURES)
    assert len(result.trials) == 4
    best = result.trials["value"].max()
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    inner = result.inner_predictions.sort_values("row")
    assert best == pytest.approx(roc_auc_score(LABELS[VALIDATION] == "sick", inner["p_sick"]))


def test_a_unit_in_training_and_validation_is_refused() -> None:
    same = fold("knn")
    units = UNITS.copy()
    units[VALIDATION[0]] = units[TRAIN[0]]
    with pytest.raises(BenchError, match="validation split: patients on both sides"):
        evaluate_fold(replace(same, units=units), lambda *split: FEATURES)


def cells() -> list[Cell]:
    mask = np.ones((16, 16), dtype=np.bool_)
    return [Cell(f"{row}", RNG.integers(1, 255, (16, 16, 3), dtype=np.uint8), mask) for row in ROWS]


QUICK = "arch=small,size=16,epochs=2,batch_size=16"


@pytest.mark.parametrize("validation", [VALIDATION, TEST], ids=["a part of its own", "the test cells"])
def test_a_network_chooses_its_epoch_on_the_validation_cells(monkeypatch: pytest.MonkeyPatch, validation: Any) -> None:
    log = install(monkeypatch)
    result = evaluate_fold(
        fold(f"cnn[{QUICK},select=best]", validation=validation), lambda *split: SpiedCells(cells(), log)
    )
    (fit,) = log.fits
    assert fit.training == set(TRAIN.tolist())
    assert fit.validation == set(validation.tolist())
    curves = result.training["curves"]
    assert set(curves["fit"]) == {"outer"}
    assert len(result.predictions) == len(TEST)


def test_a_network_that_chooses_no_epoch_does_not_see_the_validation_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    log = install(monkeypatch)
    evaluate_fold(fold(f"cnn[{QUICK},patience=0,select=last]"), lambda *split: SpiedCells(cells(), log))
    (fit,) = log.fits
    assert fit.rows == fit.training == set(TRAIN.tolist())
    assert fit.validation == set()


def test_a_classifier_of_features_does_not_see_the_validation_cells() -> None:
    seen: list[set[int]] = []

    class Rows(FeatureArray):
        def take(self, rows: Any) -> Any:
            seen.append(set(rows.tolist()))
            return super().take(rows)

    inputs = Rows(FEATURES.values, FEATURES.names)
    evaluate_fold(fold("rf_svm"), lambda *split: inputs)
    fitted = [rows for rows in seen if rows <= set(TRAIN.tolist())]
    assert fitted
    assert all(rows <= set(TRAIN.tolist()) or not rows & set(TRAIN.tolist()) for rows in seen)
