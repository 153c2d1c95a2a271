from __future__ import annotations

from collections import Counter

import pytest

from bench.datasets.readers.groups import blocks, groups_without_patients, ignored_pattern
from bench.datasets.table import ReadOptions
from bench.errors import BenchError

FILES = ["a/s1_1.png", "a/s1_2.png", "b/s2_1.png"]
LABELS = ["a", "a", "b"]


def test_blocks_are_runs_of_equal_length_of_one_class_and_set() -> None:
    labels = ["a"] * 1000 + ["b"] * 130 + ["c"] * 3
    names = blocks(labels)
    sizes = Counter(names)
    assert [sizes[f"block 1-{n}"] for n in range(1, 51)] == [20] * 50
    assert {sizes[f"block 2-{n}"] for n in range(1, 51)} == {2, 3}
    assert names[-3:] == ["block 3-1", "block 3-2", "block 3-3"]
    assert names == sorted(names, key=lambda name: [int(part) for part in name.split()[1].split("-")])
    assert len({(label, name) for label, name in zip(labels, names, strict=True)}) == len(sizes) == 103


def test_a_set_has_its_own_blocks_and_classes_may_be_mixed() -> None:
    names = blocks(["x", "y", "x", "x"], ["train", "train", "held-out", "train"])
    assert names == ["train block 1-1", "train block 2-1", "held-out block 1-1", "train block 1-2"]


def test_without_a_pattern_cells_are_in_blocks() -> None:
    groups = groups_without_patients("X", FILES, LABELS, ReadOptions(), root="cells")
    assert groups.grouping == "block"
    assert list(groups.names) == ["block 1-1", "block 1-2", "block 2-1"]
    (notice,) = groups.notices
    assert notice.startswith("X has no patient ids, so a score on unseen patients is impossible: --split image runs")


def test_units_of_the_reader_and_of_the_user() -> None:
    units = ["s1", "s1", "s2"]
    own = groups_without_patients("X", FILES, LABELS, ReadOptions(), root="cells", units=units, unit="slide")
    assert (own.names, own.grouping) == (units, "unit")
    assert own.notices[0].startswith("X has no patient ids: the split units are slides, cells of one patient may be in")
    matched = groups_without_patients("X", FILES, LABELS, ReadOptions(unit_pattern="^(.)/"), root="cells", units=units)
    assert (matched.names, matched.grouping) == (["a", "a", "b"], "unit")
    with pytest.raises(BenchError, match=r"cells/a/s1_1\.png: --unit-pattern '\^\(b\)' does not match"):
        groups_without_patients("X", FILES, LABELS, ReadOptions(unit_pattern="^(b)"), root="cells")


def test_a_pattern_beside_patient_ids_is_reported() -> None:
    assert ignored_pattern("X", ReadOptions()) == ()
    assert ignored_pattern("X", ReadOptions(unit_pattern="(x)")) == (
        "--unit-pattern is ignored: X has patient ids, which are the split units",
    )
