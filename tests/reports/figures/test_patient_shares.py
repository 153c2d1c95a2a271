from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.experiments.results import Results
from reports.figures.patient_shares import PatientShare, patient_shares


def _write(results: Results, add: Any, predictions: pd.DataFrame, classes: tuple[str, ...]) -> Any:
    record = add(classes=classes, patients=4, repeats=int(predictions["repeat"].nunique()))
    folder = results.experiment_folder(f"e{record['key'][:12]}")
    predictions.to_parquet(folder / "predictions.parquet", index=False)
    return results.experiments()[0]


def test_shares_of_a_hand_computed_example(results: Results, add: Any) -> None:
    rows = [
        ("51+52", "diseased", 0.7, 0.6),  # the threshold is the fold's own
        ("51+52", "diseased", 0.5, 0.6),
        ("51+52", "diseased", 0.6, 0.6),
        ("7", "diseased", 0.9, 0.3),
        ("7", "normal", 0.2, 0.3),
        ("8", "normal", 0.4, 0.3),
    ]
    table = pd.DataFrame(rows, columns=["unit", "label", "p_diseased", "threshold"])
    table = table.assign(p_normal=1 - table["p_diseased"], repeat=0, fold=0, patient="-", cell=list("abcdef"))
    shares = patient_shares(_write(results, add, table, ("diseased", "normal")))
    assert shares == [
        PatientShare("51+52", "diseased", 3, pytest.approx(2 / 3)),
        PatientShare("7", "diseased", 1, 1.0),
        PatientShare("8", "normal", 1, 0.0),
        PatientShare("7", "normal", 1, 1.0),
    ]


def test_repeats_are_averaged_and_cells_counted_once(results: Results, add: Any) -> None:
    rows = [(0, "P", "diseased", 0.9), (1, "P", "diseased", 0.1), (0, "Q", "normal", 0.1), (1, "Q", "normal", 0.1)]
    table = pd.DataFrame(rows, columns=["repeat", "unit", "label", "p_diseased"])
    table = table.assign(p_normal=1 - table["p_diseased"], threshold=0.5, fold=0, patient="-", cell=table["unit"])
    shares = patient_shares(_write(results, add, table, ("diseased", "normal")))
    assert shares == [PatientShare("P", "diseased", 1, 0.5), PatientShare("Q", "normal", 1, 1.0)]


@pytest.mark.parametrize("repeats", [1, 2])
def test_means_are_sensitivity_and_specificity(results: Results, add: Any, repeats: int) -> None:
    add(skill=0.8, repeats=repeats)
    result = results.experiments()[0]
    for label, metric in (("diseased", "sensitivity_patient"), ("normal", "specificity_patient")):
        values = [s.correct for s in patient_shares(result) if s.label == label]
        assert len(values) == 12
        assert np.mean(values) == pytest.approx(result.score(metric))


def test_three_classes_use_the_most_probable_class(results: Results, add: Any) -> None:
    classes = ("a", "b", "c")
    add(classes=classes, skill=0.9)
    result = results.experiments()[0]
    shares = patient_shares(result)
    means = [np.mean([s.correct for s in shares if s.label == c]) for c in classes]
    assert np.mean(means) == pytest.approx(result.score("balanced_accuracy_patient"))
