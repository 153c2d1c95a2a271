"""Standard streams that are closed, full or without a reader end a command without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.experiments.refit import disk_errors_as_bench_error

FULL = "Error: standard output cannot be written (No space left on device)\n"


def _bench(arguments: str, redirections: str, *, unbuffered: bool = False) -> tuple[int, str, str]:
    command = f"{sys.executable} {'-u' * unbuffered} -m bench {arguments} {redirections}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    ended = subprocess.run(["/bin/bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], **pipes, check=False, text=True)
    return ended.returncode, ended.stdout, ended.stderr.lstrip("\n")


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
def test_a_full_output_is_a_sentence(unbuffered: bool) -> None:
    assert _bench("list extractors", "> /dev/full", unbuffered=unbuffered) == (2, "", FULL)
    assert _bench("list --help", "> /dev/full", unbuffered=unbuffered) == (2, "", FULL)
    assert _bench("list extractors", "> /dev/full 2> /dev/full", unbuffered=unbuffered) == (2, "", "")


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
def test_an_output_without_a_reader_ends_quietly(unbuffered: bool) -> None:
    assert _bench("list extractors", "| true", unbuffered=unbuffered) == (1, "", "")


@pytest.mark.parametrize("stream", ["2> /dev/full", "2>&-"], ids=["full", "closed"])
def test_an_error_keeps_its_exit_code_without_standard_error(stream: str) -> None:
    assert _bench("list nothing", stream) == (2, "", "")
    assert _bench("data phantom cells --size 1", stream) == (2, "", "")


def test_closed_streams_are_not_taken_by_other_files() -> None:
    script = "import os; from bench.cli.streams import checked_output\nwith checked_output(): os._exit(os.dup(2))"
    ended = subprocess.run(["/bin/bash", "-c", f"{sys.executable} -c '{script}' >&- 2>&- <&-"], check=False)
    assert ended.returncode > 2


def test_a_message_without_a_reader_is_not_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), disk_errors_as_bench_error(tmp_path, tmp_path):
        raise BrokenPipeError
