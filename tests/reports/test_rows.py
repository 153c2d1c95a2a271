from __future__ import annotations

import math

from reports.rows import Score


def test_score_has_interval_and_two_decimals() -> None:
    assert str(Score(0.87654, 0.7449, 0.9951)) == "0.88 [0.74, 1.00]"
    assert str(Score(0.9, math.nan, math.nan)) == "0.90 (no interval)"
    assert str(Score(math.nan, math.nan, math.nan)) == "undefined"


def test_share_of_patients_is_a_count_if_it_is_an_integer() -> None:
    assert Score(25 / 28, 0.73, 0.96, n=28).share == "25/28"
    assert Score(0.9, 0.73, 0.96, n=28).share == ""
    assert Score(0.9, 0.73, 0.96).share == ""
    assert Score(math.nan, math.nan, math.nan, n=28).share == ""
