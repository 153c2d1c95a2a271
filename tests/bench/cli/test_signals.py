"""Signals: the first one stops a command in order, a second one at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

COMMAND = """
import signal, sys, time, types
from bench.cli.app import main

def work(*values, **options):
    try:
        print("started", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)

sys.modules["bench.api"] = types.SimpleNamespace(run=work)  # a start without the imports of the real one
sys.argv = ["bench", {command!r}]
{before}
main()
"""

LISTING = "from bench.plugins import listing; listing.plugins_of = work; sys.argv.append('extractors')"

STUBBORN = """
import hashlib, os, signal, time
from bench.cli import signals
from bench.errors import Interrupted

with signals.interrupting_signals():
    try:
        print("started", flush=True)
        {work}
    except Interrupted:
        print("first", flush=True)
        time.sleep(60)
"""


@contextmanager
def _started(script: str) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=str,
)
def test_a_signal_stops_a_command_in_order(number: signal.Signals, code: int) -> None:
    with _started(COMMAND.format(command="run", before="")) as process:
        for _ in range(2):  # `timeout` and programs that forward a signal send it twice
            process.send_signal(number)
        output = process.communicate(timeout=30)
    message = "Stopped. Finished parts are stored; run the same command again to continue.\n"
    assert (output, process.returncode) == (("cleaned up\n", message), code)


def test_a_command_that_cannot_be_continued_stops_with_the_same_exit_code() -> None:
    with _started(COMMAND.format(command="list", before=LISTING)) as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == ("cleaned up\n", "Stopped.\n")
    assert process.returncode == 143


def test_an_ignored_signal_stays_ignored() -> None:
    """`nohup bench run` continues after the terminal is closed."""
    with _started(COMMAND.format(command="run", before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143


@pytest.mark.parametrize(
    "work",
    ["time.sleep(60)", "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"],
    ids=["in Python", "in a long call of a library"],
)
def test_a_second_signal_ends_the_process_at_once_without_a_traceback(work: str) -> None:
    with _started(STUBBORN.format(work=work)) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.6)  # two presses, not one signal that was forwarded
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=5)[1] == ""
    assert process.returncode == 130


def test_signals_of_forked_processes_do_not_count() -> None:
    work = """
        signals._REPEAT_S = 0.0
        for _ in range(3):
            if not (child := os.fork()):
                time.sleep(60)
            os.kill(child, signal.SIGTERM)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
            time.sleep(0.01)
        print("done", flush=True)
"""
    with _started(STUBBORN.format(work=work.strip())) as process:
        assert process.communicate(timeout=30) == ("done\n", "")
    assert process.returncode == 0
