from __future__ import annotations

import pytest

from bench.datasets.readers.groups import groups_without_patients, ignored_pattern
from bench.datasets.table import ReadOptions
from bench.errors import BenchError

FILES = ["a/s1_1.png", "a/s1_2.png", "b/s2_1.png"]


def test_without_a_pattern_each_cell_has_its_own_name() -> None:
    groups = groups_without_patients("X", FILES, ReadOptions(), root="cells")
    assert groups.grouping == "cell"
    assert list(groups.names) == ["cell 1", "cell 2", "cell 3"]
    (notice,) = groups.notices
    assert notice.startswith("X has no patient ids, so a score on unseen patients is impossible: --split image runs")


def test_units_of_the_reader_and_of_the_user() -> None:
    units = ["s1", "s1", "s2"]
    own = groups_without_patients("X", FILES, ReadOptions(), root="cells", units=units, unit="slide")
    assert (own.names, own.grouping) == (units, "unit")
    assert own.notices[0].startswith("X has no patient ids: the split units are slides, cells of one patient may be in")
    matched = groups_without_patients("X", FILES, ReadOptions(unit_pattern="^(.)/"), root="cells", units=units)
    assert (matched.names, matched.grouping) == (["a", "a", "b"], "unit")
    with pytest.raises(BenchError, match=r"cells/a/s1_1\.png: --unit-pattern '\^\(b\)' does not match"):
        groups_without_patients("X", FILES, ReadOptions(unit_pattern="^(b)"), root="cells")


def test_a_pattern_beside_patient_ids_is_reported() -> None:
    assert ignored_pattern("X", ReadOptions()) == ()
    assert ignored_pattern("X", ReadOptions(unit_pattern="(x)")) == (
        "--unit-pattern is ignored: X has patient ids, which are the split units",
    )
