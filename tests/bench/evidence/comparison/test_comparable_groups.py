"""Comparable groups, and errors for experiments that cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.evidence.comparison.comparable_groups import (
    by_comparable_group,
    check_comparable,
    common_repeats,
    largest_comparable_group,
    unique_names,
)
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results

Keep = Callable[..., ExperimentResult]

TABLE = pd.DataFrame(
    {
        "cell": ["d0-0", "n0-0", "d1-0", "n1-0"],
        "unit": ["d0", "n0", "d1", "n1"],
        "label": ["diseased", "normal"] * 2,
        "repeat": 0,
        "fold": [0, 0, 1, 1],
        "p_diseased": [0.8, 0.3, 0.6, 0.4],
        "p_normal": [0.2, 0.7, 0.4, 0.6],
    }
)


def test_groups_differ_by_protocol_folds_and_data_but_not_by_threads(keep: Keep, kept: Results) -> None:
    keep("a", TABLE)
    keep("b", TABLE, protocol={"threads": 4})
    keep("c", TABLE, protocol={"tune": 20})
    keep("d", TABLE.assign(fold=[1, 0, 0, 1]))
    keep("e", TABLE, data={"positive": "normal"})
    groups = [sorted(str(e.record["classifier"]) for e in group) for group in by_comparable_group(kept.experiments())]
    assert sorted(groups) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert [e.record["classifier"] for e in largest_comparable_group(kept.experiments())] == ["a", "b"]


def test_pipelines_of_a_group_may_differ_in_preparation(keep: Keep, kept: Results) -> None:
    ours = [keep("svm", TABLE, key="a"), keep("svm", TABLE, key="b", prepare="crop+clahe")]
    assert [len(group) for group in by_comparable_group(kept.experiments())] == [2]
    assert unique_names(ours) == ["made_up x svm", "crop+clahe > made_up x svm"]
    check_comparable(ours)


def test_leaky_groups_are_never_the_largest(keep: Keep, kept: Results) -> None:
    for name in "abc":
        keep(name, TABLE, split="image", flags=["LEAKY"])
    assert largest_comparable_group(kept.experiments()) == []
    keep("d", TABLE)
    assert [e.record["classifier"] for e in largest_comparable_group(kept.experiments())] == ["d"]


def test_duplicate_names_get_their_keys(keep: Keep) -> None:
    first, second, other = keep("svm", TABLE), keep("svm", TABLE, key="new weights"), keep("knn", TABLE)
    assert unique_names([first, second, other]) == [
        f"made_up x svm ({first.key[:8]})",
        f"made_up x svm ({second.key[:8]})",
        "made_up x knn",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"digest": "f" * 64}}, r"differ in cells, labels, patients or split units .*ffffffffffff in"),
        ({"data": {"positive": "normal"}}, r"differ in positive class \(diseased in .*normal in"),
        ({"folds_hash": "e" * 64}, r"differ in folds .*--seed.*eeeeeeeeeeee in"),
        ({"split": "official"}, r"differ in --split \(patient in .*official in"),
        ({"flags": ["LEAKY"], "split": "image"}, r"is LEAKY \(--split image\).*--split patient"),
    ],
)
def test_differences_are_named(keep: Keep, changes: dict[str, Any], message: str) -> None:
    first, second = keep("first", TABLE), keep("second", TABLE, **changes)
    with pytest.raises(BenchError, match=message):
        check_comparable([first, second])


def test_single_and_duplicate_experiments_raise(keep: Keep) -> None:
    only = keep("only", TABLE)
    with pytest.raises(BenchError, match="is one"):
        check_comparable([only])
    with pytest.raises(BenchError, match="is none"):
        check_comparable([])
    with pytest.raises(BenchError, match=r"made_up x only .* was given twice"):
        check_comparable([only, only])


def test_another_tuning_budget_may_be_compared(keep: Keep) -> None:
    check_comparable([keep("first", TABLE), keep("second", TABLE, protocol={"tune": 20})])


def _record(repeats: int, hashes: list[str] | None, folds_hash: str = "f") -> dict[str, Any]:
    listed = {} if hashes is None else {"repeat_hashes": hashes}
    return {"protocol": {"repeats": repeats}, "folds_hash": folds_hash, **listed}


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        (_record(5, list("abcde")), _record(1, ["a"]), 1),
        (_record(5, list("abcde")), _record(3, list("abc")), 3),
        (_record(3, list("abx")), _record(3, list("aby")), 2),
        (_record(2, list("ba")), _record(2, list("aa")), 0),
        (_record(1, None, "a"), _record(5, list("abcde")), 1),
        (_record(5, None), _record(5, None), 5),
        (_record(5, None), _record(5, None, "g"), 0),
    ],
)
def test_common_repeats_are_the_leading_ones_with_equal_folds(
    first: dict[str, Any], second: dict[str, Any], common: int
) -> None:
    assert common_repeats(first, second) == common_repeats(second, first) == common


def test_experiments_that_share_the_first_repeat_are_one_group(keep: Keep, kept: Results) -> None:
    twice = pd.concat([TABLE, TABLE.assign(repeat=1, fold=[1, 1, 0, 0])], ignore_index=True)
    one = keep("network", TABLE)
    keep("svm", twice, repeat_hashes=[one.record["folds_hash"], "another"])
    assert [len(group) for group in by_comparable_group(kept.experiments())] == [2]
    check_comparable(kept.experiments())
