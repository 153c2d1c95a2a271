"""The report's comparison of a track holds what bench compare finds, and is left out where there is none."""

from __future__ import annotations

import re
from typing import Any

import bench
from bench.experiments.results import Results
from reports.page import write_report
from reports.sections.comparison import compared
from reports.sections.leaderboard import tracks

Add = Any


def _rows(html: str) -> list[list[str]]:
    """The cells of the body of the comparison, tags left out."""
    (table,) = re.findall(r'<table class="comparison.*?</table>', html, re.DOTALL)
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", table.partition("<tbody>")[2], re.DOTALL)
    ]


def test_the_table_holds_the_tests_against_the_best(results: Results, add: Add) -> None:
    add(classifier="svm[C=10]", skill=2.0, repeats=5, seed=1)
    add(classifier="knn", skill=1.7, repeats=5, seed=2)
    add(classifier="prior", skill=0.0, repeats=5, seed=3, flags=["BASELINE"])
    found = bench.compare(results)
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    best, close, guess = _rows(html)
    assert best[0] == "handcrafted × svm[C=10]"
    assert best[1:-2] == ["–"] * 6
    assert guess[0] == "handcrafted × prior BASELINE"
    row = next(r for r in found.table.itertuples() if r.pipeline == "handcrafted x knn")
    assert close[1] == f"{row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
    assert guess[3] == "&lt;0.001"
    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    for sentence in (
        "handcrafted × svm[C=10] scores highest (AUROC, patient-weighted",
        "Lower: handcrafted × prior.",
        "unit of the test: fold of patients (20 folds, 6 split units tested in each)",
        "Holm&#39;s correction is over 2 comparisons, all against handcrafted × svm[C=10]",
        "P(best) is the share of the draws",
    ):
        assert sentence in text
    assert "significant" not in text


def test_one_repeat_shows_the_second_test(results: Results, add: Add) -> None:
    add(classifier="svm", skill=2.0)
    add(classifier="knn", skill=0.0)
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    assert "Second test <small>Holm p</small>" in html
    assert len(_rows(html)[0]) == 10


def test_one_pipeline_or_a_leak_has_no_comparison(results: Results, add: Add) -> None:
    add(classifier="svm")
    add(classifier="svm", flags=["LEAKY"], protocol={"split": "image"})
    add(classifier="knn", flags=["LEAKY"], protocol={"split": "image"})
    assert [compared(track) for track in tracks(results)] == [None, None]
    assert "told apart" not in write_report(results, results.path / "report.html").read_text(encoding="utf-8")


def test_namesakes_keep_their_marks(results: Results, add: Add) -> None:
    first = add(classifier="svm", skill=2.0)
    second = add(classifier="svm", skill=1.0, protocol={"threads": 2})
    (track,) = tracks(results)
    view = compared(track)
    assert view is not None
    assert {line.row.mark for line in view.lines} == {first["key"][:8], second["key"][:8]}
