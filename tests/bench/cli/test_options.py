"""Options of the command line, and the message on Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.options import stoppable


def _interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("bench.api.compare", ["compare", "results"]),
        ("bench.experiments.rescoring.score", ["score", "results"]),
        ("bench.evidence.audit.auditing.audit", ["audit", "phantom"]),
        ("bench.cli.display.contract.run_shown", ["check", "knn"]),
    ],
)
def test_interrupted_command_that_stores_nothing(
    place: str, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(place, _interrupted)
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 130
    assert "Stopped. No result was written." in ended.stderr
    assert "continue" not in ended.stderr


def test_interrupted_command_that_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, stoppable():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "Finished parts are stored; run the same command again to continue." in capsys.readouterr().err


def test_help_of_split_does_not_break_names() -> None:
    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "80"}, color=False).stdout
    for name in ("patient:", "image:", "official:", "official-linked:", "lopo:", "held-out:"):
        assert name in text, name
