from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.scores.metrics import PRIMARY
from reports.groups import ComparableGroup
from reports.rows import UNDEFINED
from reports.sections.headline import headline, headlines


def test_headline_has_level_split_interval_patients_and_cells(add: Any, data: Any) -> None:
    add(classifier="svm", skill=1.5)
    add(classifier="knn", skill=0.2)
    (built,) = headlines(data())
    assert built.best is not None
    assert built.best.classifier == "svm"
    assert built.sentence == (
        "ranks first of 2 pipelines at separating diseased (positive class) from normal: patient-weighted AUROC "
        f"{built.best.primary}, on 120 cells of 24 patients, 4 folds by patient."
    )


def test_headline_of_a_held_out_split_counts_test_patients(add: Any, groups: Any) -> None:
    held_out = {"cells": 40, "patients": 8, "split_units": 8, "digest": "h"}
    add(data={"held_out": held_out}, protocol={"split": "held-out"})
    assert headline(groups()[0]).sentence.endswith(", on 40 cells of 8 held-out patients, evaluated once.")


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        (
            {"split": "lopo", "folds": 24},
            "Leave-one-patient-out, 24 folds: the AUROC is not defined, so no pipeline is ranked first; see the scores "
            "at the threshold.",
        ),
        (
            {"split": "official"},
            "4 official folds: no pipeline has a patient-weighted AUROC, so none is ranked first.",
        ),
    ],
)
def test_headline_without_auroc_gives_the_reason(
    add: Any, groups: Any, protocol: dict[str, Any], sentence: str
) -> None:
    add(protocol=protocol)
    (row,) = groups()[0].rows
    built = headline(ComparableGroup((replace(row, scores={PRIMARY: UNDEFINED}),)))
    assert (built.best, built.sentence) == (None, sentence)


def test_positive_class_comes_first(add: Any, groups: Any) -> None:
    add(data={"positive": "normal"})
    assert headline(groups()[0]).sentence.startswith(
        "separates normal (positive class) from diseased: patient-weighted AUROC "
    )


def test_headline_counts_three_classes(add: Any, groups: Any) -> None:
    add(classes=("a", "b", "c"))
    assert headline(groups()[0]).sentence.startswith("separates 3 classes: ")


def test_clear_winner_has_only_the_selection_caveat(add: Any, data: Any) -> None:
    add(classifier="svm", skill=3.0)
    assert headlines(data())[0].caveats == []
    add(classifier="knn", skill=0.0)
    detectable, selection = headlines(data())[0].caveats
    assert detectable.startswith("Smallest difference that this design detects with a power of 80%: ")
    assert "with 1 common repeat" in detectable
    assert "slightly optimistic" in selection


def test_caveats_on_chance_ties_and_random_weights(add: Any, data: Any) -> None:
    add(classifier="svm", skill=0.03, flags=["RANDOM WEIGHTS"], seed=1)
    add(classifier="knn", skill=0.0, flags=["RANDOM WEIGHTS"], seed=2)
    (built,) = headlines(data())
    assert built.best is not None
    assert built.best.primary.low <= 0.5
    caveats = " ".join(built.caveats)
    assert "includes 0.5, the score of random guessing" in caveats
    assert "the unit of the test is the fold of patients (4 folds" in caveats
    assert "weights of its network are random" in caveats


def test_best_baseline_is_named(add: Any, data: Any) -> None:
    add(classifier="svm", skill=2.0)
    add(extractor="size", classifier="lightgbm", skill=0.7, flags=["BASELINE"])
    report = data()
    (baseline,) = report.groups[0].baselines
    assert headlines(report)[0].caveats[-1] == f"The best baseline, size × lightgbm, reaches {baseline.primary}."


def test_winning_baseline_is_a_caveat(add: Any, data: Any) -> None:
    add(classifier="svm", skill=0.2)
    add(extractor="stain", classifier="lightgbm", skill=2.0, flags=["BASELINE"])
    caveats = headlines(data())[0].caveats
    assert caveats[-1] == "It is a baseline: no pipeline that uses more of the cell scores higher."
