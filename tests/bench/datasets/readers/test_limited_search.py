"""Searches of user patterns: as `re` finds them, and stopped when they do not end."""

from __future__ import annotations

import re
import time

import pytest

from bench.datasets.readers import limited_search
from bench.datasets.readers.limited_search import search_each
from bench.datasets.readers.patterns import path_pattern
from bench.errors import BenchError

TEXTS = ["all/P1_1.png", "hem/P\u00fc12_x.png", "", "a\nb", "\U0001f9ec/H7.png"]


@pytest.mark.parametrize(
    ("pattern", "group"),
    [(r"([PH]\w?\d+)", 1), (r"(?P<a>.)/(?P<patient>\w+)", "patient"), (r"^(x)?", 1), (r"(?<=/)(.)(?=.*g$)", 1)],
)
def test_spans_are_those_of_re(pattern: str, group: str | int) -> None:
    matches = [re.search(pattern, text) for text in TEXTS]
    assert search_each(pattern, group, TEXTS) == [None if match is None else match.span(group) for match in matches]


@pytest.mark.parametrize("pattern", [r"((a+)+)(?P<patient>$)", r"^((?:.*)*,)$"])
def test_a_search_that_does_not_end_is_stopped(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_search, "LIMIT_S", 1)
    begin = time.monotonic()
    with pytest.raises(
        BenchError, match=r"the search in 2 paths takes more than 1 s; write it without a repetition in a"
    ):
        path_pattern("patient", pattern, ["x/1.png", f"x/{'a' * 60}!.png"])
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(" + "a" * 1000 + ")", r"'\(a{76}\.\.\.' has 1002 characters; at most 1000 are read"),
        ("(" * 400 + ")" * 400, "has 400 groups; expected one"),
        (r"(a{99999999999})", "is too complex"),
        ("(a", "is not a regular expression"),
    ],
)
def test_patterns_that_cannot_be_compiled(pattern: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"--label-pattern .*{message}"):
        path_pattern("label", pattern, ["a/b.png"])
