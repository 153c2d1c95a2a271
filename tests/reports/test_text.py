from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bench.experiments.results import Results
from reports import text


def test_counts_include_split_units_of_linked_patients() -> None:
    assert text.counts({"cells": 1, "patients": 2, "split_units": 1}) == "1 cell of 2 patients (1 split unit)"
    assert text.counts({"cells": 5, "patients": 2, "split_units": 2}) == "5 cells of 2 patients"


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


def test_interval_method_is_the_stored_one(results: Results, add: Any, groups: Any) -> None:
    add()
    assert text.interval_method(groups()[0]) == text.INTERVALS
    folder = results.experiments()[0].folder
    scores = pd.read_parquet(folder / "scores.parquet")
    scores.loc[scores["metric"] == "auroc_patient", "method"] = "U-statistic, logit"
    scores.to_parquet(folder / "scores.parquet")
    assert text.interval_method(groups()[0]).endswith("patient-weighted AUROC the U-statistic on the logit scale")
