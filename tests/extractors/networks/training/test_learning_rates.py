from __future__ import annotations

import re

import numpy as np
import pytest

from extractors.networks.training.learning_rates import check_learning_rate, group_rates, uses_finder


def test_one_rate_for_all_groups() -> None:
    assert group_rates(0.01, 3) == [0.01] * 3
    assert group_rates(1, 2) == [1.0, 1.0]


def test_a_range_is_geometric() -> None:
    # fastai 1: slice(1e-5, 1e-3) over 3 groups is 1e-5, 1e-4, 1e-3.
    assert group_rates((1e-5, 1e-3), 3) == pytest.approx([1e-5, 1e-4, 1e-3], rel=1e-12)
    assert group_rates([1e-5, 2e-3], 5) == pytest.approx(np.geomspace(1e-5, 2e-3, 5), rel=1e-12)
    assert group_rates("1e-5+1e-3", 3) == group_rates((1e-5, 1e-3), 3)
    assert group_rates("1e-1+1e+1", 2) == [0.1, 10.0]
    assert group_rates((1e-5, 1e-3), 1) == [1e-3]


def test_a_slice_gives_all_but_the_head_a_tenth() -> None:
    assert group_rates("slice:3e-3", 3) == pytest.approx([3e-4, 3e-4, 3e-3])
    assert group_rates("slice:3e-3", 1) == [3e-3]


def test_the_finder_gives_the_rate() -> None:
    assert group_rates("find", 3, suggestion=0.02) == [0.02] * 3
    assert group_rates("slice:find", 3, suggestion=0.02) == pytest.approx([0.002, 0.002, 0.02])
    assert [uses_finder(value) for value in ("find", "slice:find", 0.1, (1e-5, 1e-3), "slice:1e-3")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(ValueError, match="learning_rate=find needs the suggestion"):
        group_rates("find", 3)


@pytest.mark.parametrize("value", [1e-3, (1e-5, 1e-3), [1e-5, 1e-3], "1e-5+1e-3", "slice:3e-3", "find", "slice:find"])
def test_good_values(value: object) -> None:
    check_learning_rate(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        "fast",
        "",
        "slice:",
        "slice:x",
        "1e-5+",
        "1e-5+1e-4+1e-3",
        (1e-5,),
        (1e-5, None),
        (True, 1),
        {},
        "nan",
    ],
)
def test_values_of_another_form(value: object) -> None:
    with pytest.raises(ValueError, match=f"learning_rate={re.escape(str(value))} is not of the form"):
        check_learning_rate(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1e-3, 1001, float("inf"), (0.0, 1e-3), "slice:-1", "1e-5+1e4"])
def test_rates_out_of_range(value: object) -> None:
    with pytest.raises(ValueError, match="a rate is above 0 and at most 1000"):
        check_learning_rate(value)  # type: ignore[arg-type]
