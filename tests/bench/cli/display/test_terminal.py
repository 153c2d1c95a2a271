"""Progress without a terminal."""

from __future__ import annotations

import pytest

from bench.cli.display import terminal


def test_without_a_terminal_only_lines_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.messages, "_force_terminal", False)
    with terminal.live_progress() as observer:
        observer.progress("draw cells", 0, 2)
        observer.notice("linked patients [H2]")
        observer.finished("size x knn", "AUROC 0.71")
        observer.progress("draw cells", 2, 2)
    assert capsys.readouterr().err == "note linked patients [H2]\n• size x knn: AUROC 0.71\n"


def test_control_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.live_progress() as observer:
        observer.notice("no patient \x1b[31mx\x9b\udcff, Zürich")
        observer.finished("size x knn", "failed: \x1b]0;title\x07")
    assert capsys.readouterr().err == (
        "note no patient \\x1b[31mx\\x9b\\udcff, Zürich\n• size x knn: failed: \\x1b]0;title\\x07\n"
    )
