"""Formatted numbers, names and counts."""

from __future__ import annotations

import math

import pytest

from bench.evidence.text import (
    count,
    difference_text,
    drawn_share_text,
    list_names,
    p_text,
    rank_text,
    share_text,
    signed,
)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "<0.001"), (0.0009, "<0.001"), (0.0123, "0.012"), (0.04961, "0.0496"), (0.05041, "0.0504"), (0.05, "0.050"),
     (0.234, "0.23"), (1.0, "1.00"), (math.nan, "-")],
)  # fmt: skip
def test_p_values_keep_their_side_of_the_level(p: float, text: str) -> None:
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.00"), (1.0, "1.00"), (0.004, "<0.01"), (0.9999, ">0.99"), (0.5, "0.50"), (math.nan, "-")],
)
def test_probabilities_are_never_rounded_to_certainty(share: float, text: str) -> None:
    assert share_text(share) == text


def test_differences_carry_signs_and_intervals() -> None:
    assert difference_text(-0.031, -0.05, 0.0041) == "-0.03 [-0.05, 0.00]"
    assert difference_text(0.031, math.nan, math.nan) == "+0.03"
    assert (signed(-0.004), signed(0.006)) == ("0.00", "+0.01")
    assert (rank_text(1.5, 1, 3), rank_text(math.nan, 1, 3)) == ("1.5 [1, 3]", "-")


def test_long_lists_are_cut_and_counted() -> None:
    assert list_names([str(i) for i in range(10)], 8) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
    assert list_names("abc") == "a, b, c"


def test_counts_have_a_noun() -> None:
    assert (count(1, "cell"), count(1234, "cell"), count(2, "pair is", "pairs are")) == (
        "1 cell",
        "1,234 cells",
        "2 pairs are",
    )


def test_a_share_of_draws_is_never_certain() -> None:
    assert [drawn_share_text(share) for share in (0.0, 0.004, 0.5, 0.994, 1.0)] == [
        "<0.01", "<0.01", "0.50", ">0.99", ">0.99"
    ]  # fmt: skip
    assert drawn_share_text(float("nan")) == "-"
