"""The counts of each fold are those of a table counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.splits.fold_counts import count_folds, spread
from bench.splits.fold_manifest import Folds, manifest_of

# Patient, split unit, label, fold of each cell; p5 holds cells of both classes.
CELLS = [
    ("p1", "p1", "a", 0), ("p1", "p1", "a", 0), ("p1", "p1", "a", 0), ("p2", "p2", "b", 0),
    ("p3", "p3+p4", "a", 1), ("p4", "p3+p4", "a", 1), ("p5", "p5", "a", 1), ("p5", "p5", "b", 1), ("p5", "p5", "b", 1),
    ("p6", "p6", "b", -1),
]  # fmt: skip


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [(f"c{i}", patient, unit, label) for i, (patient, unit, label, _) in enumerate(CELLS)]
    return pd.DataFrame(rows, columns=["cell", "patient", "unit", "label"]).astype("str")


def test_folds_are_counted_by_unit_and_by_cell(table: pd.DataFrame) -> None:
    folds = Folds(manifest_of(table, {0: np.array([fold for *_, fold in CELLS])}))
    counts = count_folds(folds, table, positive="a")
    first, second = counts.to_dict(orient="records")
    assert first == {
        "repeat": 0, "fold": 0, "a units": 1, "a cells": 3, "b units": 1, "b cells": 1, "train units": 3,
        "train cells": 6, "unit prevalence": 0.5, "cell prevalence": 0.75,
    }  # fmt: skip
    assert second == {
        "repeat": 0, "fold": 1, "a units": 2, "a cells": 3, "b units": 1, "b cells": 2, "train units": 3,
        "train cells": 5, "unit prevalence": pytest.approx((1 + 1 / 3) / 2), "cell prevalence": 0.6,
    }  # fmt: skip
    assert spread(counts, "cell prevalence") == pytest.approx(0.15)
    assert spread(counts, "unit prevalence") == pytest.approx(1 / 6)


def test_more_than_two_classes_have_no_prevalence(table: pd.DataFrame) -> None:
    table = table.assign(label=[*"aab", *table["label"][3:-1], "c"])
    folds = Folds(manifest_of(table, {0: np.array([*[0] * 5, *[1] * 5])}))
    counts = count_folds(folds, table, positive=None)
    assert list(counts.columns) == [
        "repeat", "fold", "a units", "a cells", "b units", "b cells", "c units", "c cells", "train units", "train cells"
    ]  # fmt: skip
    assert counts["c cells"].tolist() == [0, 1]


def test_the_spread_is_averaged_over_the_repeats(table: pd.DataFrame) -> None:
    apart = {0: np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 1]), 1: np.array([0, 1] * 5)}
    counts = count_folds(Folds(manifest_of(table, apart)), table, positive="a")
    by_repeat = [part["cell prevalence"].max() - part["cell prevalence"].min() for _, part in counts.groupby("repeat")]
    assert by_repeat[0] == 1
    assert spread(counts, "cell prevalence") == pytest.approx(np.mean(by_repeat))
