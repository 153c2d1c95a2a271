"""How the commands end by Ctrl-C: exit code 130, and a true word on what is kept."""

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
def test_what_keeps_nothing_does_not_promise_to_go_on(
    place: str, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(place, _interrupted)
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 130
    assert "Stopped. No result was written." in ended.stderr
    assert "goes on" not in ended.stderr


def test_what_resumes_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, stoppable():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "What was finished is kept; the same command goes on from there." in capsys.readouterr().err


def test_the_help_of_split_keeps_every_name_on_one_line() -> None:
    """Choices beside each other as a metavar were cut inside a name at 80 columns."""
    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "80"}, color=False).stdout
    for name in ("patient;", "image,", "official:", "official-linked:", "lopo:", "held-out:"):
        assert name in text, name
