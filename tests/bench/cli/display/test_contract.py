"""Printed outcomes of contract tests, at several terminal widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.cli.display import contract as display_contract
from bench.cli.display import terminal
from bench.contract.outcomes import Check, NotApplicable, Step, Violation

LONG = "its StratifiedKFold puts cells of one patient on both sides (patient 00); take a parameter cv [and use it]"


def _raise(error: Exception) -> str:
    raise error


STEPS = [
    Step("a check that holds", lambda: None),
    Step("a check with a remark", lambda: "asks cv 1 time"),
    Step("a check that does not hold", lambda: _raise(Violation(LONG))),
    Step("a check that does not concern it", lambda: _raise(NotApplicable("it consumes cells"))),
    Step("a check that it stumbles over", lambda: _raise(ZeroDivisionError("by zero"))),
    Step("another check that it stumbles over", lambda: _raise(ZeroDivisionError("by zero"))),
]


def _printed(columns: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Check], list[str]]:
    paper = io.StringIO()
    console = Console(file=paper, width=columns)
    for module in (terminal, display_contract):
        monkeypatch.setattr(module, "console", console)
    checks = display_contract.run_shown(STEPS)
    display_contract.show_outcome(checks, "0.42 M parameters")
    return checks, [line.rstrip() for line in paper.getvalue().splitlines()]


def test_each_check_is_printed_with_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, lines = _printed(200, monkeypatch)
    assert [c.outcome for c in checks] == ["passed", "passed", "failed", "skipped", "failed", "failed"]
    assert lines == [
        "passed  a check that holds",
        "passed  a check with a remark (asks cv 1 time)",
        "failed  a check that does not hold",
        f"        {LONG}",
        "skipped a check that does not concern it: it consumes cells",
        "failed  a check that it stumbles over",
        "        ZeroDivisionError: by zero (test_contract.py, line 18)",
        "failed  another check that it stumbles over",
        "        as above",
        "cost: 0.42 M parameters",
        "2 passed, 3 failed, 1 skipped",
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_long_lines_are_indented(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = _printed(columns, monkeypatch)
    assert max(map(len, lines)) <= columns
    assert {line[:8] for line in lines[:-2]} == {"passed  ", "failed  ", "skipped ", "        "}
    assert LONG in " ".join(line.strip() for line in lines)
