"""Printed plans and flags."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.console import Console

from bench.cli.display import tables as display
from bench.cli.display.terminal import positive_text

PLANNED = ["prepare", "extractor", "classifier", "state", "features", "why"]


def test_plan_prints_each_reason_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "console", Console(width=80))
    rows = [
        ("none", "size", "knn", "done", "stored", "same"),
        ("none", "size", "svm", "to run", "stored", "no result yet"),
        ("none", "color", "svm", "to run", "to extract", "no result yet"),
    ]
    display.show_states(pd.DataFrame(rows, columns=PLANNED))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["extractor", "classifier", "state", "features"]
    assert printed[-3:] == [
        "3 experiments: 2 to run, 1 done",
        "done size x knn: same",
        "to run size x svm, color x svm: no result yet",
    ]


def test_plan_shows_the_preparation_if_any(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "console", Console(width=80))
    rows = [
        ("crop+clahe", "size", "knn", "to run", "to extract", "no result yet"),
        ("none", "stain", "lightgbm", "to run", "to extract", "no result yet"),
    ]
    display.show_states(pd.DataFrame(rows, columns=PLANNED))
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in printed[:3]] == [
        ["prepare", "extractor"],
        ["crop+clahe", "size"],
        ["none", "stain"],
    ]
    assert printed[-1] == "to run crop+clahe > size x knn, stain x lightgbm: no result yet"


def test_baseline_is_not_a_warning(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert display._flags(()) == ""
    assert display._flags(("RANDOM WEIGHTS", "BASELINE")) == " [red]RANDOM WEIGHTS[/], [dim]BASELINE[/]"
    monkeypatch.setattr(display, "console", Console(width=80))
    display.console.print("size x lightgbm" + display._flags(("BASELINE",)))
    assert capsys.readouterr().out == "size x lightgbm BASELINE\n"


@pytest.mark.parametrize(
    ("positive", "text"), [("ALL", "; positive class ALL"), ("[b]", "; positive class \\[b]"), (None, ""), ("", "")]
)
def test_the_positive_class_ends_the_first_line(positive: str | None, text: str) -> None:
    assert positive_text({"positive": positive}) == text
