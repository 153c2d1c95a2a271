from __future__ import annotations

import pytest

from bench.datasets.readers.quoting import joins_rows, quoted_value


@pytest.mark.parametrize(
    "text", ['"P1"', "'P1'", '="007"', ' "P1"', "\u201cP1\u201d", "\u2018P1\u2019", "\u201eP1\u201c", "'007", "'1.5"]
)
def test_values_in_quotes_are_recognised(text: str) -> None:
    found = quoted_value({"path": ["x", "y"], "patient": ["P1", text]})
    assert found is not None
    assert found[:2] == (1, "patient")


@pytest.mark.parametrize("text", ["", "P1", 'q"#', "O'Brien", "'t Hooft", '5"', "=1", "P'", "'"])
def test_quotes_within_a_value_are_allowed(text: str) -> None:
    assert quoted_value({"patient": [text]}) is None


@pytest.mark.parametrize(
    "lines",
    [
        ['p1,a,x,"oops', "p2,b,y,", 'p3,c,z,end"'],
        ['p1,a,x,"oops', 'p2,b,y,end"'],
        ['p1,"oops,a,x', 'p2,ok",b,y'],
        ['"oops', "p2,b,y,", 'end",b,c,d'],
        ['p1,a,x,"a', "b", "p2,b,y,z", 'c"'],
    ],
)
def test_rows_between_two_stray_quotes_are_recognised(lines: list[str]) -> None:
    assert joins_rows(lines, ",", 4)


@pytest.mark.parametrize(
    "lines", [["p1,a,x,y"], ['p1,a,x,"two', 'lines, here"'], ['"two', 'lines",a,x,y'], ['p1,"a', "b, c", 'd",x,y']]
)
def test_line_breaks_within_a_field_are_allowed(lines: list[str]) -> None:
    assert not joins_rows(lines, ",", 4)
