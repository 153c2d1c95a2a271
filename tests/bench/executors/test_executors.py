"""Both executors run tasks with a fixed number of threads, in order, and report failures in the same words."""

from __future__ import annotations

import concurrent.futures
import importlib
import operator
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from bench.executors.executor import Executor, open_executor
from bench.executors.failures import failure_reason
from bench.executors.fit_time import FitTime
from bench.executors.inline import InlineExecutor
from bench.executors.local_pool import LocalPool

TASKS = '''
import os

import numpy as np
from threadpoolctl import threadpool_info

from bench.errors import BenchError


def fail(kind):
    class Mute(Exception):
        def __str__(self):
            raise KeyError("text")

    errors = {"mute": Mute(), "bench": BenchError("the cell is empty"), "value": ValueError("no luck today")}
    raise errors.get(kind, SystemExit(3))


def threads():
    """The variable that libraries read, and the limits of the libraries that are loaded."""
    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    return os.environ["OMP_NUM_THREADS"], {int(info["num_threads"]) for info in threadpool_info()}
'''


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that workers can import, too."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "executor_tasks.py").write_text(TASKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("executor_tasks")
    del sys.modules["executor_tasks"]


@pytest.fixture(scope="module", params=[1, 2], ids=["inline", "pool"])
def executor(request: pytest.FixtureRequest, tasks: ModuleType) -> Iterator[Executor]:
    with open_executor(request.param, 1) as opened:
        yield opened


def _result(executor: Executor, task: Callable[..., Any], *args: Any) -> Future[Any]:
    future = executor.submit(task, *args)
    while not future.done():
        executor.wait([future], 0.1)
    return future


def test_results_come_back(executor: Executor) -> None:
    futures = [executor.submit(operator.add, n, 1) for n in range(5)]
    left = set(futures)
    while left:
        left -= executor.wait(left)
    assert [future.result() for future in futures] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bench", "the cell is empty"),
        ("value", r"ValueError: no luck today (executor_tasks.py, line "),
        ("mute", "Mute: without a message (KeyError) (executor_tasks.py, line "),
        ("exit", "SystemExit: 3 (executor_tasks.py, line "),
    ],
)
def test_a_failure_is_a_sentence_with_its_place(executor: Executor, tasks: ModuleType, kind: str, reason: str) -> None:
    assert failure_reason(_result(executor, tasks.fail, kind)).startswith(reason)


def test_a_cancelled_task_does_not_run(executor: Executor) -> None:
    first, second = executor.submit(time.sleep, 0.2), executor.submit(time.sleep, 60)
    third = executor.submit(time.sleep, 60)
    assert third.cancel()
    second.cancel()
    while not first.done():
        executor.wait([first], 0.1)
    assert failure_reason(third) == "cancelled"
    assert failure_reason(_result(executor, operator.add, 1, 1)) == ""


def test_threads_are_limited_and_the_process_is_left_as_it_was(executor: Executor, tasks: ModuleType) -> None:
    variable, limits = _result(executor, tasks.threads).result()
    assert (variable, limits) == ("1", {1})


def test_the_limits_of_this_process_end_with_the_executor(monkeypatch: pytest.MonkeyPatch, tasks: ModuleType) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = {info["filepath"]: info["num_threads"] for info in threadpool_info()}
    with open_executor(1, 1) as executor:
        _result(executor, tasks.threads)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert before == {info["filepath"]: info["num_threads"] for info in threadpool_info() if info["filepath"] in before}


def test_one_job_runs_in_this_process_unless_a_task_may_have_to_be_killed() -> None:
    with open_executor(1, 1) as inline:
        assert isinstance(inline, InlineExecutor)
        assert _result(inline, os.getpid).result() == os.getpid()
    with open_executor(1, 1, fit_time=0.5) as pool:
        assert isinstance(pool, LocalPool)
        future = pool.submit(time.sleep, 60, fit_time=FitTime(0.5, str))
        concurrent.futures.wait([future])
        assert failure_reason(future) == "timed out after 0.5 s (--fit-time)"


SCRIPT = """
import operator
from bench.executors.executor import open_executor
print("started", flush=True)
with open_executor(2, 1) as executor:
    future = executor.submit(operator.add, 1, 1)
    while not future.done():
        executor.wait([future])
print(future.result())
"""


@pytest.mark.parametrize("from_stdin", [False, True], ids=["a file", "standard input"])
def test_a_script_without_a_main_guard_runs_once(from_stdin: bool, tmp_path: Path) -> None:
    """Workers do not run the script."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "-" if from_stdin else script],
        input=SCRIPT if from_stdin else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("started\n2\n", "", 0)


def test_ctrl_c_inside_a_task_ends_the_run() -> None:
    executor = InlineExecutor(1)

    def interrupt() -> None:
        raise KeyboardInterrupt

    future = executor.submit(interrupt)
    with pytest.raises(KeyboardInterrupt):
        executor.wait([future])


def test_a_debugger_stops_inside_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A breakpoint in a task sees the caller's frames: no other process is between them."""
    stops = []
    monkeypatch.setattr(sys, "breakpointhook", lambda *_: stops.append(sys._getframe(1).f_code.co_name))
    executor = InlineExecutor(1)

    def task() -> None:
        breakpoint()

    executor.wait([executor.submit(task)])
    assert stops == ["task"]
