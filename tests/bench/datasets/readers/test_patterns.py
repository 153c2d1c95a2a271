from __future__ import annotations

import pytest

from bench.datasets.readers.patterns import with_pattern_notices
from bench.datasets.table import Dataset, ReadOptions, cell_table


@pytest.mark.parametrize(
    ("reader", "source"),
    [("manifest", "a manifest"), ("frame", "a DataFrame"), ("cnmc", "a C-NMC archive"), ("phantom", "synthetic cells")],
)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (ReadOptions(patient_pattern="(x)"), "--patient-pattern is"),
        (ReadOptions(label_pattern="(x)"), "--label-pattern is"),
        (ReadOptions(patient_pattern="(x)", label_pattern="(x)"), "--patient-pattern and --label-pattern are"),
    ],
)
def test_readers_without_patterns_ignore_them_with_a_notice(
    reader: str, source: str, options: ReadOptions, named: str
) -> None:
    table = cell_table(cell=["x"], path=["x"], label=["a"], patient=["p"])
    (notice,) = with_pattern_notices(Dataset("d", reader, table, None, options)).notices
    assert notice.startswith(f"{named} ignored: d is read as {source}")
    assert with_pattern_notices(Dataset("d", reader, table, None)).notices == ()
    assert with_pattern_notices(Dataset("d", "folder", table, None, options)).notices == ()
