from __future__ import annotations

import pytest

from bench.datasets.table import Dataset, Grouping, cell_table
from bench.errors import BenchError
from bench.splits.grouping import check_grouping


def dataset(grouping: Grouping) -> Dataset:
    table = cell_table(cell=["x", "y"], path=["/x", "/y"], label=["a", "b"], patient=["p", "q"])
    return Dataset("set", "reader", table, None, grouping=grouping)


@pytest.mark.parametrize("split", ["patient", "lopo", "official", "official-linked"])
def test_splits_by_patient_need_patients_or_units(split: str) -> None:
    with pytest.raises(
        BenchError, match=f"--split {split}: set has no patient ids, .* --unit-pattern .* --split image"
    ):
        check_grouping(dataset("block"), split)
    check_grouping(dataset("unit"), split)
    check_grouping(dataset("patient"), split)


@pytest.mark.parametrize("split", ["image", "held-out"])
def test_other_splits_need_none(split: str) -> None:
    check_grouping(dataset("block"), split)
