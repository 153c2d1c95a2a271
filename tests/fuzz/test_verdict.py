"""The fuzzer finds each violation of its criteria; without these it would pass on anything."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.plugins.importing import installed
from fuzz.child import Ending
from fuzz.fuzzer import Fuzzer
from fuzz.inputs import Command
from fuzz.kinds import KINDS
from fuzz.sandbox import Sandbox, differences
from fuzz.verdict import Observation, problems_of

COMMAND = Command(("data", "describe", "cells"), ("manifest.csv",))
GOOD = "Error: manifest.csv, row 3: 'label' is empty"


def refused(message: str = GOOD, code: int = 2, **ending: object) -> Observation:
    return Observation(
        ending=Ending(code, **ending), signal=0, killed="", cpu_s=0.1, memory=0, leftover=[], stdout="", stderr=message
    )


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox(tmp_path)
    sandbox.create()
    return sandbox


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (refused("Error: this file cannot be used for anything"), "the refusal names neither file nor option"),
        (refused("Error: manifest.csv"), "the refusal gives no cause"),
        (refused(GOOD + " (KeyError)"), "the refusal names the exception KeyError"),
        (refused(GOOD + "x" * 9000), f"the refusal has {len(GOOD) + 9000} characters"),
        (refused(GOOD + "\x1b[2J"), "'\\x1b' on stderr"),
        (refused(GOOD + "\u202e"), "'\\u202e' on stderr"),
        (refused(code=1), "exit code 1"),
        (refused(code=130), "exit code 130"),
        (refused(code=70, error="KeyError", trace="..."), "traceback: KeyError"),
        (refused("Traceback (most recent call last):\nmanifest.csv: failed"), "printed a traceback"),
        (refused(executed=["os.system ('id',)"]), "executed: os.system ('id',)"),
        (refused(written=["open /etc/x"]), "wrote outside its folder: open /etc/x"),
        (refused(requested=["socket.connect x"]), "network: socket.connect x"),
        (replace(refused(), memory=3 << 30), "3072 MB of memory"),
        (replace(refused(), ending=None, signal=signal.SIGXCPU), "more than 20 s of CPU"),
        (replace(refused(), ending=None, signal=11), "the process ended by signal 11 or without an exit code"),
        (replace(refused(), ending=None, killed="still running after 60 s"), "still running after 60 s"),
        (replace(refused(), leftover=["python"]), "left processes: ['python']"),
        (replace(refused(), changes=["created outside/mark"]), "outside its folder: created outside/mark"),
    ],
)
def test_each_violation_is_a_problem(seen: Observation, problem: str, box: Sandbox) -> None:
    assert problems_of(COMMAND, refused(), box) == []
    assert problems_of(COMMAND, seen, box) == [problem]


def test_documented_failures_may_exit_with_1(box: Sandbox) -> None:
    assert problems_of(Command(("matrix", "--data", "cells"), ("cells",)), refused(code=1), box) == []


def test_exports_of_hostile_text(box: Sandbox) -> None:
    (box.own / "page.html").write_text("<script>document.title='mark'</script>")
    (box.own / "scores.csv").write_text("# bench score\npipeline,value\n=1+2,-0.5\n")
    assert problems_of(COMMAND, refused(), box) == [
        "page.html contains markup of the input",
        "scores.csv contains the formula '=1+2'",
    ]


def test_changes_of_watched_files(box: Sandbox) -> None:
    (box.given / "a.csv").write_text("1")
    before = box.listing()
    (box.given / "a.csv").write_text("22")
    (box.outside / "precious.txt").unlink()
    (box.base / "home" / "new").symlink_to("/etc")
    (box.own / "allowed").mkdir()
    assert differences(before, box.listing()) == [
        "created home/new", "removed outside/precious.txt", "changed given/a.csv",
    ]  # fmt: skip


HOSTILE = """
import os, subprocess, sys
os.system("touch {mark}")
subprocess.Popen(["sleep", "60"])
open("{given}/written", "w").close()
class Plugin:
    pass
raise {error}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and leftovers are read from /proc")
@pytest.mark.parametrize("error", ["AssertionError('x')", "SystemExit(0)"])
def test_a_process_that_does_everything_wrong(error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hostile(_: object, box: Sandbox, template: Path) -> Command:
        source = HOSTILE.format(mark=box.mark, given=box.given, error=error)
        (box.plugins / "hostile_plugin.py").write_text(source)
        info = box.plugins / "hostile_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile_plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[bench.classifiers]\nhostile = hostile_plugin:Plugin\n")
        return Command(("check", "hostile"), ("hostile",), plugin=True)

    template = tmp_path / "template"
    (template / "cache").mkdir(parents=True)
    (template / "modules").write_text("bench.cli.app\n")
    monkeypatch.setitem(KINDS, "hostile", hostile)
    monkeypatch.setattr("fuzz.fuzzer.GRACE_S", 0.2)
    installed.cache_clear()  # other tests of this process have listed the plugins
    outcome = Fuzzer(tmp_path / "boxes", template).run("hostile", 0)
    text = "\n".join(outcome.problems)
    for expected in (
        "left processes: ['sleep 60 ']",
        "outside its folder: created given/written",
        "outside its folder: created outside/mark",
        "executed: os.system",
        "executed: subprocess.Popen",
        "wrote outside its folder: open",
    ):
        assert expected in text
