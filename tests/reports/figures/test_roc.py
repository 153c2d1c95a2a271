from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.experiments.results import Results
from bench.scores.metrics import score
from reports.figures.roc import patient_curve


@pytest.mark.parametrize("repeats", [1, 3])
def test_area_is_the_auroc_of_the_leaderboard(results: Results, add: Any, repeats: int) -> None:
    add(repeats=repeats, skill=0.7, cells=7, patients=11)  # so that folds differ in their number of pairs
    result = results.experiments()[0]
    curve = patient_curve(result.predictions, "diseased")
    assert curve is not None
    assert curve.area == pytest.approx(result.score("auroc_patient"), abs=1e-12)


def test_area_with_tied_scores(results: Results, add: Any) -> None:
    add(skill=0.7)
    result = results.experiments()[0]
    predictions = result.predictions.round({"p_diseased": 1})
    scores = score(predictions.assign(p_normal=1 - predictions["p_diseased"]), classes=["diseased", "normal"],
                   positive="diseased", draws=10).set_index("metric")  # fmt: skip
    curve = patient_curve(predictions, "diseased")
    assert curve is not None
    assert curve.area == pytest.approx(scores.loc["auroc_patient", "value"], abs=1e-12)


def test_mean_area_of_three_classes_is_the_auroc(results: Results, add: Any) -> None:
    classes = ("a", "b", "c")
    add(classes=classes, skill=0.9)
    result = results.experiments()[0]
    areas = [curve.area for c in classes if (curve := patient_curve(result.predictions, c)) is not None]
    assert len(areas) == 3
    assert np.mean(areas) == pytest.approx(result.score("auroc_patient"), abs=1e-12)


def test_patients_have_equal_weight() -> None:
    # two diseased patients: one with 9 cells below every normal cell, one with 1 cell above: by cells the area is 0.1
    rows = [("D1", "d", 0.1)] * 9 + [("D2", "d", 0.9)] + [("N1", "n", 0.5)] * 4
    table = pd.DataFrame(rows, columns=["unit", "label", "p_d"]).assign(repeat=0, fold=0)
    curve = patient_curve(table, "d")
    assert curve is not None
    assert curve.area == pytest.approx(0.5)
    assert curve.true_positive[0] == 0
    np.testing.assert_allclose(curve.true_positive[curve.false_positive == 0].max(), 0.5)


def test_scores_of_two_folds_are_not_compared() -> None:
    # inside each fold the order is right; across folds it is not
    rows = [("D1", "d", 0.2, 0), ("N1", "n", 0.1, 0), ("D2", "d", 0.9, 1), ("N2", "n", 0.8, 1)]
    table = pd.DataFrame(rows, columns=["unit", "label", "p_d", "fold"]).assign(repeat=0)
    curve = patient_curve(table, "d")
    assert curve is not None
    assert curve.area == 1.0


def test_curve_is_monotonic_between_the_corners(results: Results, add: Any) -> None:
    add(skill=0.4, repeats=2)
    curve = patient_curve(results.experiments()[0].predictions, "normal")
    assert curve is not None
    for rate in (curve.false_positive, curve.true_positive):
        assert (np.diff(rate) >= -1e-12).all()
        assert rate[0] == pytest.approx(0)
        assert rate[-1] == pytest.approx(1)


def test_no_curve_without_a_fold_of_both_classes() -> None:
    rows = [("D1", "d", 0.2, 0), ("N1", "n", 0.1, 1)]
    table = pd.DataFrame(rows, columns=["unit", "label", "p_d", "fold"]).assign(repeat=0)
    assert patient_curve(table, "d") is None
