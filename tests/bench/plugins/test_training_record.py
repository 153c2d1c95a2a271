"""Training records: what a network reports of its training, as JSON and as tables."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.features.store.record import record_problem
from bench.plugins.training_record import joined_tables, training_record, training_tables

EPOCHS = pd.DataFrame(
    {
        "stage": [0, 0],
        "epoch": np.array([0, 1]),
        "size": [32, 64],
        "training_loss": np.float32([0.75, 0.5]),
        "validation_loss": [0.75, 0.625],
        "validation_auroc": [np.nan, 0.75],
        "learning_rate": [1e-3, 1e-4],
        "seconds": [2.0, 3.0],
        "extra": ["a", "b"],
    }
)
SUMMARY = {"chosen_epoch": np.int64(1), "seconds": 6, "peak_memory": np.float32(8), "optimiser": "adam", "limit": None}


def _network(**changes: Any) -> Any:
    finder = pd.DataFrame({"learning_rate": [1e-4], "loss": [0.5]})
    return SimpleNamespace(**{"curves_": EPOCHS, "finder_": finder, "training_": SUMMARY, **changes})


def test_a_record_is_json_and_gives_the_tables() -> None:
    record = json.loads(json.dumps(training_record(_network()), allow_nan=False))
    assert record["curves"][0]["validation_auroc"] is None
    inner, outer = (training_tables(record, "classifier", fit) for fit in ("inner 0", "outer"))
    pd.testing.assert_frame_equal(
        outer["curves"],
        EPOCHS.assign(estimator="classifier", fit="outer", stage=["0", "0"])[
            ["estimator", "fit", *EPOCHS.columns.drop(["seconds", "extra"])]
        ].astype({"training_loss": float}),
    )
    assert outer["training"].to_dict(orient="records") == [
        {"estimator": "classifier", "fit": "outer", "chosen_epoch": 1, "optimiser": "adam", "limit": None}
    ]
    assert not len(inner["training"]), "of the outer fit only"
    assert outer["fit_times"][["name", "epoch", "value"]].to_numpy().tolist() == [
        ["seconds", 0, 2.0],
        ["seconds", 1, 3.0],
        ["seconds", -1, 6.0],
        ["peak_memory", -1, 8.0],
    ]
    joined = joined_tables([inner, outer], repeat=1, fold=2)
    assert {name: len(table) for name, table in joined.items()} == {
        "curves": 4,
        "finder": 2,
        "training": 1,
        "fit_times": 8,
    }
    assert joined["curves"][["repeat", "fold"]].drop_duplicates().to_numpy().tolist() == [[1, 2]]


def test_an_estimator_without_curves_has_no_record_and_a_finder_is_optional() -> None:
    assert training_record(SimpleNamespace()) is None
    record = training_record(SimpleNamespace(curves_=EPOCHS))
    assert record is not None
    assert (record["finder"], record["summary"]) == ([], {})
    assert list(joined_tables([training_tables(record, "extractor", "inner 0")])) == ["curves", "fit_times"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"curves_": EPOCHS.drop(columns="size")}, "its training record has no column 'size'"),
        ({"curves_": EPOCHS.assign(training_loss=np.inf)}, "a number is infinite"),
        ({"curves_": EPOCHS.assign(epoch="first")}, "its training record is invalid"),
        ({"curves_": [1, 2]}, "its training record is invalid"),
        ({"training_": {"fold": 3}}, "'fold' is not a name of a value"),
        ({"training_": {"a b": 3}}, "'a b' is not a name of a value"),
        ({"training_": {"history": [1]}}, "history is a list, not a number or a text"),
        ({"training_": {"seconds": "long"}}, "its training record is invalid"),
    ],
)
def test_invalid_records_name_the_class(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BenchError, match=f"SimpleNamespace: .*{complaint}"):
        training_record(_network(**change))


def test_a_record_of_a_stranger_is_checked() -> None:
    entry = {
        **{"components": {}, "cells": 1, "names": ["a"], "status": False, "checksums_sha256": "", "written": ""},
        **{"environment": {}, "seconds": 0.0, "wall_s": 0.0, "cells_per_s": 0.0, "extracted": 1, "reused": 0},
        **{"notices": [], "threads": 1, "jobs": 1},
    }
    record = json.loads(json.dumps(training_record(_network())))
    assert record_problem({**entry, "training": record}) == ""
    first = record["curves"][0]
    for damaged in (
        {**record, "curves": [{**first, "epoch": "x"}]},
        {**record, "curves": [{**first, "training_loss": float("inf")}]},
        {**record, "curves": [{key: value for key, value in first.items() if key != "size"}]},
        {**record, "summary": {"deep": {"deeper": 1}}},
        {**record, "more": 1},
        [],
    ):
        assert "training" in record_problem({**entry, "training": damaged})
