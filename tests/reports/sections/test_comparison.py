from __future__ import annotations

import re
from typing import Any

from markupsafe import escape

import bench
from bench.evidence.comparison.text import describe_ranks, describe_tests, verdict
from bench.experiments.results import Results
from reports.sections.comparison import comparison_view


def _rows(html: str) -> list[list[str]]:
    """Text of the body cells of the comparison."""
    (table,) = re.findall(r'<table class="comparison.*?</table>', html, re.DOTALL)
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", table.partition("<tbody>")[2], re.DOTALL)
    ]


def test_table_shows_the_tests_against_the_best_pipeline(
    results: Results, add: Any, data: Any, section: Any, section_text: Any
) -> None:
    add(classifier="svm[C=10]", skill=2.0, repeats=5, seed=1)
    add(classifier="knn", skill=1.7, repeats=5, seed=2)
    add(classifier="prior", skill=0.0, repeats=5, seed=3, flags=["BASELINE"])
    comparison = bench.compare(results)
    html = section("comparison")
    best, close, guess = _rows(html)
    assert best[0] == "handcrafted × svm[C=10]"
    assert best[1:-2] == ["–"] * 7
    assert guess[0] == "handcrafted × prior BASELINE"
    row = next(r for r in comparison.table.itertuples() if r.pipeline == "handcrafted x knn")
    assert close[1] == "5"
    assert close[2] == f"{row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
    assert guess[4] == "&lt;0.001"
    (shown,) = data().comparisons
    text = section_text("comparison")
    for sentence in (*verdict(shown), *describe_tests(shown), describe_ranks(shown), *shown.notes):
        assert str(escape(sentence)) in text
    assert f"unit of the test: {shown.table['unit'].iloc[0]}" in text


def test_second_test_is_shown_with_one_repeat(add: Any, section: Any) -> None:
    add(classifier="svm", skill=2.0)
    add(classifier="knn", skill=0.0)
    html = section("comparison")
    assert "Second test <small>Holm p</small>" in html
    assert len(_rows(html)[0]) == 11


def test_no_comparison_of_single_pipelines_or_leaky_groups(add: Any, data: Any, section: Any) -> None:
    add(classifier="svm")
    add(classifier="svm", flags=["LEAKY"], protocol={"split": "image"})
    add(classifier="knn", flags=["LEAKY"], protocol={"split": "image"})
    assert data().comparisons == (None, None)
    assert section("comparison") == ""


def test_ambiguous_names_have_short_keys(add: Any, data: Any) -> None:
    first = add(classifier="svm", skill=2.0)
    second = add(classifier="svm", skill=1.0, protocol={"threads": 2})
    report = data()
    (comparison,) = report.comparisons
    assert comparison is not None
    view = comparison_view(1, report.groups[0], comparison)
    assert {row.short_key for row, _, _ in view["lines"]} == {first["key"][:8], second["key"][:8]}
