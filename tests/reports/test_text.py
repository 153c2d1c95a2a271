from __future__ import annotations

from typing import Any

import pandas as pd

from bench.experiments.results import Results
from reports import text
from reports.sections.comparison import compared
from reports.sections.leaderboard import tracks

Add = Any


def test_the_headline_names_level_split_interval_patients_and_cells(results: Results, add: Add) -> None:
    add(classifier="svm", skill=1.5)
    add(classifier="knn", skill=0.2)
    (track,) = tracks(results)
    assert track.best is not None
    assert text.best_of(track) == (
        f"told diseased from normal best of 2 pipelines: patient-weighted AUROC {track.best.primary}, "
        "on 120 cells of 24 patients, 4 folds by patient."
    )


def test_the_headline_of_held_out_patients_counts_those_that_were_tested(results: Results, add: Add) -> None:
    add(data={"held_out": {"cells": 40, "patients": 8}}, protocol={"split": "held-out", "folds": 1})
    assert text.best_of(tracks(results)[0]).endswith(", on 40 cells of 8 held-out patients, tested once.")


def test_a_table_without_an_auroc_says_so_with_its_split(results: Results, add: Add) -> None:
    add(protocol={"split": "lopo", "folds": 24})
    add(classifier="knn", protocol={"split": "official", "folds": 3})
    said = {track.protocol["split"]: text.without_best(track) for track in tracks(results)}
    assert said == {
        "lopo": "One patient left out, 24 folds: has no AUROC, so none is named the best; the table has the scores at "
        "the threshold.",
        "official": "3 folds of the data set's own: no pipeline has a patient-weighted AUROC, so none is named the "
        "best.",
    }


def test_the_positive_class_is_told_from_the_other(results: Results, add: Add) -> None:
    add(data={"positive": "normal"})
    assert text.best_of(tracks(results)[0]).startswith("told normal from diseased: patient-weighted AUROC ")


def test_three_classes(results: Results, add: Add) -> None:
    add(classes=("a", "b", "c"))
    assert text.best_of(tracks(results)[0]).startswith("told 3 classes apart: ")


def test_doubts_of_a_clear_winner_and_of_a_guesser(results: Results, add: Add) -> None:
    add(classifier="svm", skill=3.0)
    assert text.doubts(tracks(results)[0]) == []
    add(classifier="knn", skill=0.0)
    (track,) = tracks(results)
    # The guessing one is so far below that the test tells them apart.
    assert [d.split()[0] for d in text.doubts(track, compared(track))] == ["Being"]


def test_doubts_name_chance_rivals_and_random_weights(results: Results, add: Add) -> None:
    add(classifier="svm", skill=0.03, flags=["RANDOM WEIGHTS"], seed=1)
    add(classifier="knn", skill=0.0, flags=["RANDOM WEIGHTS"], seed=2)
    (track,) = tracks(results)
    assert track.best is not None
    assert track.best.primary.low <= 0.5
    doubts = " ".join(text.doubts(track, compared(track)))
    assert "reaches down to 0.5, the score of guessing" in doubts
    assert "not settled; its unit is the fold of patients (4 folds" in doubts
    assert "random" in doubts


def test_linked_patients_are_counted_both_ways() -> None:
    assert text.counts({"cells": 1, "patients": 2, "split_units": 1}) == "1 cell of 2 patients (1 split unit)"
    assert text.counts({"cells": 5, "patients": 2, "split_units": 2}) == "5 cells of 2 patients"


def test_the_protocol_of_each_split(results: Results, add: Add) -> None:
    add(protocol={"split": "patient", "tune": 50})
    add(protocol={"split": "image"}, flags=["LEAKY"], repeats=2)
    by_patient, by_image = (" ".join(text.protocol_in_words(t)) for t in tracks(results))
    assert "each patient was held out once in 4 folds;" in by_patient
    assert "50 Optuna trials in each outer fold" in by_patient
    assert "drawn on single cells, drawn 2 times, so that a patient's cells lie on both sides" in by_image
    assert "at most 3, by image" in by_image
    assert "default or given parameters" in by_image
    assert text.split_in_words(tracks(results)[1].protocol) == "4 folds by image, 2 repeats"


def test_the_decision_is_said_in_full_and_in_short_where_it_is_not_the_usual_one(results: Results, add: Add) -> None:
    add(protocol={"calibrate": "sigmoid", "threshold": "sens@0.95", "aggregate": "share"})
    add(protocol={"seed": 1})
    found = {t.protocol["seed"]: t for t in tracks(results)}
    assert text.decided_by(found[0]) == "calibrated by sigmoid, threshold sens@0.95, patients by share"
    assert text.decided_by(found[1]) == ""
    in_full = " ".join(text.protocol_in_words(found[0]))
    for words in ("a sigmoid of the log-odds", "a patient-weighted sensitivity of 0.95", "decided positive"):
        assert words in in_full
    usual = " ".join(text.protocol_in_words(found[1]))
    for words in ("those of the classifier", "highest patient-mean balanced accuracy", "mean probability"):
        assert words in usual


def test_three_classes_have_no_threshold_to_speak_of(results: Results, add: Add) -> None:
    add(classes=("a", "b", "c"), protocol={"threshold": "sens@0.9"})
    (track,) = tracks(results)
    assert text.decided_by(track) == ""
    assert "Threshold: none: a cell goes to its most probable class." in text.protocol_in_words(track)


def test_the_method_of_the_intervals_is_the_one_that_was_kept(results: Results, add: Add) -> None:
    add()
    (track,) = tracks(results)
    assert text.intervals(track) == text.INTERVALS
    folder = results.experiments()[0].folder
    scores = pd.read_parquet(folder / "scores.parquet")
    scores.loc[scores["metric"] == "auroc_patient", "method"] = "U-statistic, logit"
    scores.to_parquet(folder / "scores.parquet")
    assert text.intervals(tracks(results)[0]).endswith("patient-weighted AUROC by the U-statistic on the logit scale")
