from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.experiments.results import Results
from reports.sections.patients import PatientShare, patient_shares

Add = Any


def _write(results: Results, add: Add, predictions: pd.DataFrame, classes: tuple[str, ...]) -> Any:
    record = add(classes=classes, patients=4)
    folder = results.experiment_folder(f"e{record['key'][:12]}")
    predictions.to_parquet(folder / "predictions.parquet", index=False)
    return results.experiments()[0]


def test_shares_by_hand(results: Results, add: Add) -> None:
    rows = [
        ("51+52", "diseased", 0.7, 0.6),  # the threshold is the fold's own
        ("51+52", "diseased", 0.5, 0.6),
        ("51+52", "diseased", 0.6, 0.6),
        ("7", "diseased", 0.9, 0.3),
        ("7", "normal", 0.2, 0.3),
        ("8", "normal", 0.4, 0.3),
    ]
    table = pd.DataFrame(rows, columns=["unit", "label", "p_diseased", "threshold"])
    table = table.assign(p_normal=1 - table["p_diseased"], repeat=0, fold=0, patient="-", cell="-")
    found = patient_shares(_write(results, add, table, ("diseased", "normal")))
    assert found == [
        PatientShare("51+52", "diseased", 3, pytest.approx(2 / 3)),
        PatientShare("7", "diseased", 1, 1.0),
        PatientShare("8", "normal", 1, 0.0),
        PatientShare("7", "normal", 1, 1.0),
    ]


def test_repeats_are_averaged_and_cells_counted_once(results: Results, add: Add) -> None:
    rows = [(0, "P", "diseased", 0.9), (1, "P", "diseased", 0.1), (0, "Q", "normal", 0.1), (1, "Q", "normal", 0.1)]
    table = pd.DataFrame(rows, columns=["repeat", "unit", "label", "p_diseased"])
    table = table.assign(p_normal=1 - table["p_diseased"], threshold=0.5, fold=0, patient="-", cell="-")
    found = patient_shares(_write(results, add, table, ("diseased", "normal")))
    assert found == [PatientShare("P", "diseased", 1, 0.5), PatientShare("Q", "normal", 1, 1.0)]


@pytest.mark.parametrize("repeats", [1, 2])
def test_their_means_are_sensitivity_and_specificity(results: Results, add: Add, repeats: int) -> None:
    add(skill=0.8, repeats=repeats)
    result = results.experiments()[0]
    for label, metric in (("diseased", "sensitivity_patient"), ("normal", "specificity_patient")):
        ours = [s.right for s in patient_shares(result) if s.label == label]
        assert len(ours) == 12
        assert np.mean(ours) == pytest.approx(result.score(metric))


def test_three_classes_go_to_the_most_probable(results: Results, add: Add) -> None:
    classes = ("a", "b", "c")
    add(classes=classes, skill=0.9)
    result = results.experiments()[0]
    shares = patient_shares(result)
    means = [np.mean([s.right for s in shares if s.label == c]) for c in classes]
    assert np.mean(means) == pytest.approx(result.score("balanced_accuracy_patient"))
