from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.experiments.results import Results
from bench.scores.metrics import METRICS
from reports.sections.protocol import protocol_sentences
from reports.text import evaluated_on


def test_rows_are_ranked_with_stored_intervals_of_all_metrics(add: Any, groups: Any) -> None:
    add(classifier="weak", skill=0.2)
    add(classifier="strong", skill=2.0)
    add(classifier="middling", skill=0.8)
    (group,) = groups()
    assert [row.classifier for row in group.rows] == ["strong", "middling", "weak"]
    assert group.best is group.rows[0]
    stored = group.rows[0].result.scores.set_index("metric")
    for metric in group.metrics:
        score = group.rows[0].scores[metric.name]
        expected = stored.loc[metric.name, ["value", "low", "high"]].tolist()
        np.testing.assert_array_equal([score.value, score.low, score.high], expected)
    assert [m.name for m in group.metrics] == list(METRICS)
    assert [m.title for m in group.headline] == [
        "AUROC, patient-weighted",
        "Balanced accuracy, patient mean",
        "Sensitivity, patient mean",
        "Specificity, patient mean",
        "Weighted F1, cell level",
        "AUROC, per patient",
    ]
    assert list(group.levels) == ["Patient-weighted", "Cell level", "Per patient"]
    assert sum(map(len, group.levels.values())) == len(group.metrics)


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
def test_different_data_protocol_or_folds_form_another_group(add: Any, other: dict[str, Any], groups: Any) -> None:
    add(classifier="svm")
    add(classifier="knn", **other)
    assert [len(g.rows) for g in groups()] == [1, 1]


def test_threads_do_not_split_a_group(add: Any, groups: Any) -> None:
    add(classifier="svm")
    add(classifier="knn", protocol={"threads": 2})
    assert [len(g.rows) for g in groups()] == [2]


def test_leaky_groups_come_last(add: Any, groups: Any) -> None:
    add(classifier="svm", skill=0.1, data={"name": "z"})
    add(classifier="svm", skill=4.0, data={"name": "a"}, flags=["LEAKY"], protocol={"split": "image"})
    assert [(g.data["name"], g.leaky) for g in groups()] == [("z", False), ("a", True)]


def test_ambiguous_names_have_short_keys(add: Any, groups: Any) -> None:
    first = add(classifier="svm", protocol={"threads": 1})
    second = add(classifier="svm", protocol={"threads": 2}, seed=5)
    add(classifier="knn")
    (group,) = groups()
    short_keys = {row.result.key: row.short_key for row in group.rows if row.classifier == "svm"}
    assert short_keys == {r["key"]: r["key"][:8] for r in (first, second)}
    assert [row.short_key for row in group.rows if row.classifier == "knn"] == [""]


def test_preparation_is_part_of_the_name(add: Any, groups: Any) -> None:
    add(classifier="svm", skill=0.5)
    assert not groups()[0].prepared
    add(classifier="svm", skill=2.0, prepare="crop+clahe")
    (group,) = groups()
    assert group.prepared
    assert [row.name for row in group.rows] == ["crop+clahe > handcrafted × svm", "handcrafted × svm"]
    assert [(row.prepare, row.short_key) for row in group.rows] == [("crop+clahe", ""), ("none", "")]


def test_undefined_scores_are_ranked_last_and_never_best(results: Results, add: Any, groups: Any) -> None:
    record = add(classifier="undefined")
    path = results.experiment_folder(f"e{record['key'][:12]}") / "scores.parquet"
    scores = pd.read_parquet(path)
    scores[["value", "low", "high"]] = np.nan
    scores.to_parquet(path, index=False)
    assert groups()[0].best is None
    add(classifier="poor", skill=-1.0)
    (group,) = groups()
    assert [row.classifier for row in group.rows] == ["poor", "undefined"]
    assert group.best is not None
    assert group.best.classifier == "poor"


def test_seconds_sum_all_folds_and_steps(results: Results, add: Any, groups: Any) -> None:
    record = add()
    assert groups()[0].rows[0].seconds == 0.5 + 2.0 + 0.25 + 1.0
    (results.experiment_folder(f"e{record['key'][:12]}") / "timing.json").unlink()
    assert math.isnan(groups()[0].rows[0].seconds)


def test_full_selectors_come_from_the_components(add: Any, groups: Any) -> None:
    add()
    row = groups()[0].rows[0]
    assert (row.full["extractor"], row.full["classifier"]) == ("handcrafted[bin_width=null]", "svm[C=1]")
    assert row.full["prepare"] == "none"
    features = {"extractor": "size", "prepare": "crop[margin=0]"}
    add(prepare="crop", components={"classifier": "svm", "features": features})
    prepare = {row.prepare: row.full["prepare"] for row in groups()[0].rows}
    assert prepare == {"none": "none", "crop": "crop[margin=0]"}


def test_unreadable_scores_are_named(results: Results, add: Any, groups: Any, data: Any) -> None:
    record = add()
    folder = results.experiment_folder(f"e{record['key'][:12]}")
    (folder / "scores.parquet").write_bytes(b"no parquet")
    (damage,) = data().damaged
    assert f"{folder.name}/scores.parquet: Parquet magic bytes not found" in damage.reason
    assert groups() == ()
    shutil.rmtree(folder)
    assert groups() == ()


def test_pipelines_with_fewer_repeats_are_in_the_same_group(add: Any, groups: Any) -> None:
    hashes = ["first", "second"]
    add(classifier="svm", repeats=2, repeat_hashes=hashes)
    add(classifier="cnn", repeats=1, repeat_hashes=hashes[:1])
    (group,) = groups()
    assert {row.classifier: row.repeats for row in group.rows} == {"svm": 2, "cnn": 1}
    assert group.repeats == (1, 2)
    assert evaluated_on(group).endswith(", 4 folds by patient, 1 or 2 repeats")
    assert protocol_sentences(group)[0] == (
        "Split: each patient is held out once in 4 folds, repeated 1 or 2 times; linked patients are held out "
        "together. "
        "All pipelines of this table use the same folds; those with fewer repeats use the first ones."
    )
