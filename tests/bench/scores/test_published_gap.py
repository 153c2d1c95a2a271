"""Differences of published metrics between two tables of predictions, which may be of different patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.scores.published_metrics import parse_published_metric, published_gap

CLASSES: dict[str, Any] = {"classes": ["ALL", "HEM"], "positive": "ALL"}
ACCURACY = parse_published_metric("accuracy")


def predictions(
    labels: Any, probabilities: Any, units: Any = None, *, threshold: float = 0.5, fold: Any = 0
) -> pd.DataFrame:
    p = np.asarray(probabilities, dtype=np.float64)
    units = np.arange(len(p)).astype(str) if units is None else np.asarray(units)
    columns = {"cell": np.arange(len(p)).astype(str), "unit": units, "patient": units, "label": np.asarray(labels)}
    return pd.DataFrame({**columns, "repeat": 0, "fold": fold, "threshold": threshold, "p_ALL": p, "p_HEM": 1 - p})


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(300) < 0.6, "ALL", "HEM")
    p = np.clip(rng.normal(np.where(labels == "ALL", 0.6, 0.4), 0.25), 0, 1)
    return predictions(labels, p, rng.integers(0, 40, 300).astype(str))


def test_the_gap_of_equal_tables_is_0_without_an_interval(table: pd.DataFrame) -> None:
    gap = published_gap(table, table, ACCURACY, **CLASSES)
    assert gap.value == 0
    assert np.isnan(gap.low)


def test_the_gap_pairs_patients_of_both_tables(table: pd.DataFrame) -> None:
    noisy = table.assign(p_ALL=1 - table["p_HEM"].to_numpy() * 0.97, p_HEM=table["p_HEM"] * 0.97)
    other = noisy.assign(unit="x" + noisy["unit"])
    metric = ACCURACY
    paired, unpaired = (published_gap(table, one, metric, **CLASSES) for one in (noisy, other))
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_the_interval_of_a_gap_of_other_patients_is_that_of_independent_scores() -> None:
    rng = np.random.default_rng(1)

    def scored(share: float, start: int) -> pd.DataFrame:
        labels = np.repeat(["ALL", "HEM"], 200)
        right = rng.random(400) < share
        return predictions(
            labels, np.where((labels == "ALL") == right, 0.9, 0.1), np.arange(start, start + 400).astype(str)
        )

    first, second = scored(0.9, 0), scored(0.7, 400)
    gap = published_gap(first, second, ACCURACY, **CLASSES)
    shares = [np.mean((t["p_ALL"] > 0.5) == (t["label"] == "ALL")) for t in (first, second)]
    error = np.sqrt(sum(p * (1 - p) / 400 for p in shares))
    assert gap.value == pytest.approx(shares[0] - shares[1])
    assert (gap.high - gap.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_a_patient_with_other_labels_in_the_other_table_is_refused(table: pd.DataFrame) -> None:
    pure = table.assign(unit=table["label"] + table["unit"])
    swapped = pure.assign(label=pure["label"].map({"ALL": "HEM", "HEM": "ALL"}))
    with pytest.raises(BenchError, match="other labels in the other table"):
        published_gap(pure, swapped, ACCURACY, **CLASSES)
