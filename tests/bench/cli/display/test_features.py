"""Printed shares of missing values."""

from __future__ import annotations

import pytest

from bench.cli.display.features import percent, turned


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"), (0.9999, "over 99 %"), (0.995, "over 99 %"), (0.994, "99 %"), (0.5, "50 %"), (0.125, "12 %"),
        (0.0996, "10 %"), (0.099, "9.9 %"), (0.01, "1 %"), (0.00123, "0.12 %"), (1e-7, "1e-05 %"),
    ],
)  # fmt: skip
def test_percent_has_two_digits_and_no_exponent_for_large_shares(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_change_by_the_size_of_a_feature_is_100_percent() -> None:
    assert [turned(1.0), turned(2.5), turned(0.0), turned(0.034)] == ["100 %", "250 %", "exact", "3.4 %"]
