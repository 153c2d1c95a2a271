from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bench.experiments.results import Results
from bench.scores.intervals import NONE_AT_LIMIT
from reports import text


def test_counts_include_split_units_of_linked_patients() -> None:
    assert text.counts({"cells": 1, "patients": 2, "split_units": 1}) == "1 cell of 2 patients (1 split unit)"
    assert text.counts({"cells": 5, "patients": 2, "split_units": 2}) == "5 cells of 2 patients"


def test_without_patient_ids_no_patients_are_named() -> None:
    data = {"cells": 5, "patients": 2, "split_units": 2, "grouping": "unit"}
    assert text.counts(data) == "5 cells of 2 split units, no patient ids"
    assert text.counts(data | {"grouping": "block"}) == "5 cells, no patient ids"
    names = {
        split: text.split_name({"split": split, "folds": 5, "repeats": 1}, (), data)
        for split in ("patient", "lopo", "held-out")
    }
    assert names == {
        "patient": "5 folds by split unit",
        "lopo": "leave-one-split-unit-out, 5 folds",
        "held-out": "held-out split units, evaluated once",
    }


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ({"split": "image", "folds": 4, "repeats": 2}, "4 folds by image, 2 repeats"),
        ({"split": "official", "folds": 3, "repeats": 1}, "3 official folds"),
        ({"split": "lopo", "folds": 24, "repeats": 1}, "leave-one-patient-out, 24 folds"),
    ],
)
def test_split_names(protocol: dict[str, Any], name: str) -> None:
    assert text.split_name(protocol) == name


def test_interval_methods_are_the_stored_ones(results: Results, add: Any, groups: Any) -> None:
    add()
    folder = results.experiments()[0].folder
    scores = pd.read_parquet(folder / "scores.parquet")

    def described(*methods: str) -> str:
        cycle = [methods[i % len(methods)] for i in range(len(scores))]
        scores.assign(method=cycle).to_parquet(folder / "scores.parquet")
        return text.interval_method(groups()[0])

    assert described("patient bootstrap", "Wilson") == text.INTERVALS
    assert described("patient bootstrap", "U-statistic, logit").endswith("patients the U-statistic on the logit scale")
    assert described("one-sided bound of a score at its limit").endswith(
        "a one-sided bound, which covers at least 95 %"
    )
    assert "a score without interval does not vary" in described(NONE_AT_LIMIT, "patient bootstrap")
    assert described("patient bootstrap, approximate").endswith("because a class has fewer than 10 patients")
