from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.results import Results
from bench.scores.metrics import METRICS
from reports.sections.leaderboard import Score, tracks

Add = Any


def test_best_first_and_every_metric_with_the_interval_that_was_kept(results: Results, add: Add) -> None:
    add(classifier="weak", skill=0.2)
    add(classifier="strong", skill=2.0)
    add(classifier="middling", skill=0.8)
    (track,) = tracks(results)
    assert [row.classifier for row in track.rows] == ["strong", "middling", "weak"]
    assert track.best is track.rows[0]
    kept = track.rows[0].result.scores.set_index("metric")
    for metric in track.metrics:
        score = track.rows[0].scores[metric.name]
        assert (score.value, score.low, score.high) == tuple(kept.loc[metric.name, ["value", "low", "high"]])
    assert [m.name for m in track.metrics] == list(METRICS)
    assert [m.title for m in track.headline] == [
        "AUROC, patient-weighted",
        "Balanced accuracy, patient mean",
        "Sensitivity, patient mean",
        "Specificity, patient mean",
        "Weighted F1, cell level",
        "AUROC, per patient",
    ]
    assert list(track.levels) == ["Patient-weighted", "Cell level", "Per patient"]
    assert sum(map(len, track.levels.values())) == len(track.metrics)


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": {"seed": 1}},
        {"protocol": {"tune": 20}},
        {"data": {"digest": "another"}},
        {"data": {"positive": "normal"}},
        {"folds_hash": "another"},
        {"flags": ["LEAKY"]},
    ],
    ids=str,
)
def test_what_is_not_comparable_stands_in_another_track(results: Results, add: Add, other: dict[str, Any]) -> None:
    add(classifier="svm")
    add(classifier="knn", **other)
    assert [len(t.rows) for t in tracks(results)] == [1, 1]


def test_threads_do_not_split_a_track(results: Results, add: Add) -> None:
    add(classifier="svm")
    add(classifier="knn", protocol={"threads": 2})
    assert [len(t.rows) for t in tracks(results)] == [2]


def test_leaky_tracks_come_last_however_well_they_score(results: Results, add: Add) -> None:
    add(classifier="svm", skill=0.1, data={"name": "z"})
    add(classifier="svm", skill=4.0, data={"name": "a"}, flags=["LEAKY"], protocol={"split": "image"})
    assert [(t.data["name"], t.leaky) for t in tracks(results)] == [("z", False), ("a", True)]


def test_namesakes_are_told_apart_by_their_keys(results: Results, add: Add) -> None:
    first = add(classifier="svm", protocol={"threads": 1})
    second = add(classifier="svm", protocol={"threads": 2}, seed=5)
    add(classifier="knn")
    (track,) = tracks(results)
    marks = {row.result.key: row.mark for row in track.rows if row.classifier == "svm"}
    assert marks == {r["key"]: r["key"][:8] for r in (first, second)}
    assert [row.mark for row in track.rows if row.classifier == "knn"] == [""]


def test_a_preparation_is_part_of_the_name_and_shown_where_there_is_any(results: Results, add: Add) -> None:
    add(classifier="svm", skill=0.5)
    assert not tracks(results)[0].prepared
    add(classifier="svm", skill=2.0, prepare="crop+clahe")
    (track,) = tracks(results)
    assert track.prepared
    assert [row.name for row in track.rows] == ["crop+clahe > handcrafted × svm", "handcrafted × svm"]
    assert [(row.prepare, row.mark) for row in track.rows] == [("crop+clahe", ""), ("none", "")]


def test_an_undefined_score_stands_last_and_is_never_the_best(results: Results, add: Add) -> None:
    record = add(classifier="undefined")
    path = results.experiment_folder(f"e{record['key'][:12]}") / "scores.parquet"
    scores = pd.read_parquet(path)
    scores[["value", "low", "high"]] = np.nan
    scores.to_parquet(path, index=False)
    assert tracks(results)[0].best is None
    add(classifier="poor", skill=-1.0)
    (track,) = tracks(results)
    assert [row.classifier for row in track.rows] == ["poor", "undefined"]
    assert track.best is not None
    assert track.best.classifier == "poor"


def test_seconds_are_those_of_all_folds_and_steps(results: Results, add: Add) -> None:
    record = add()
    assert tracks(results)[0].rows[0].seconds == 0.5 + 2.0 + 0.25 + 1.0
    (results.experiment_folder(f"e{record['key'][:12]}") / "timing.json").unlink()
    assert math.isnan(tracks(results)[0].rows[0].seconds)


def test_parameters_in_full_are_read_from_the_components(results: Results, add: Add) -> None:
    add()
    row = tracks(results)[0].rows[0]
    assert (row.extractor_in_full, row.classifier_in_full) == ("extractors.Handcrafted[]", "classifiers.svm.Svm[C=1]")
    assert row.prepare_in_full == "none", "an old record tells of no preparation"
    features = {"extractor": "size", "prepare": "crop[margin=0]"}
    add(prepare="crop", components={"classifier": "svm", "features": features})
    found = {row.prepare: row.prepare_in_full for row in tracks(results)[0].rows}
    assert found == {"none": "none", "crop": "crop[margin=0]"}


def test_scores_that_cannot_be_read_are_an_error_that_names_the_folder(results: Results, add: Add) -> None:
    record = add()
    folder = results.experiment_folder(f"e{record['key'][:12]}")
    (folder / "scores.parquet").write_bytes(b"no parquet")
    with pytest.raises(BenchError, match=f"{folder.name}.*delete this folder"):
        tracks(results)
    shutil.rmtree(folder)
    assert tracks(results) == []


def test_a_score_reads_with_its_interval_and_two_decimals() -> None:
    assert str(Score(0.87654, 0.7449, 0.9951)) == "0.88 [0.74, 1.00]"
    assert str(Score(0.9, math.nan, math.nan)) == "undefined"


def test_a_share_of_patients_is_shown_in_patients_where_it_is_a_whole_number() -> None:
    assert Score(25 / 28, 0.73, 0.96, n=28).share == "25/28"
    assert Score(0.9, 0.73, 0.96, n=28).share == ""
    assert Score(0.9, 0.73, 0.96).share == ""
    assert Score(math.nan, math.nan, math.nan, n=28).share == ""
