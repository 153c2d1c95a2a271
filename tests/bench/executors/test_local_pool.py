"""Workers that die, hang or leave processes behind: the task fails with a reason, its processes end, others go on."""

from __future__ import annotations

import importlib
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.executors import fit_time, task_queue
from bench.executors.executor import open_executor
from bench.executors.failures import death_reason, failure_reason
from bench.executors.fit_time import FitTime
from bench.executors.local_pool import LocalPool

TASKS = '''
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def leave(code):
    os._exit(code)


def vanish():
    os.kill(os.getpid(), signal.SIGKILL)


def disconnect():
    """Close the connection to the parent process, and every other file."""
    os.closerange(3, 100)
    time.sleep(60)


def vanish_once(folder, value):
    mark = Path(folder, f"tried-{value}")
    if not mark.exists():
        mark.touch()
        vanish()
    return value


def descend(folder, end):
    """Start a program and fork a process, both endless, and end in one of several ways."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child = os.fork()
    if not child:
        time.sleep(60)
    Path(folder, "pids").write_text(f"{program.pid} {child} {os.getpid()}")
    {"return": str, "exit": lambda: os._exit(0), "kill": vanish, "hang": lambda: time.sleep(60)}[end]()


def both_return(value):
    """Fork a process that goes on as if it were the worker."""
    if not os.fork():
        return "of the child"
    os.wait()
    return value


def fail(error):
    raise error


def unsendable():
    return lambda: None


def overlap(folder, name, seconds):
    """Note the tasks that run at the same time; the first attempt of `name` "dies" is the last one of its worker."""
    Path(folder, f"runs-{name}").touch()
    time.sleep(seconds)
    beside = sorted(path.name for path in Path(folder).glob("runs-*") if path.name != f"runs-{name}")
    if name == "dies" and not Path(folder, "died").exists():
        Path(folder, "died").touch()
        Path(folder, "runs-dies").unlink()
        os._exit(0)
    Path(folder, f"runs-{name}").unlink()
    return beside
'''


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that workers can import, too."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "pool_tasks.py").write_text(TASKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("pool_tasks")
    del sys.modules["pool_tasks"]


@pytest.fixture(scope="module")
def pool(tasks: ModuleType) -> Iterator[LocalPool]:
    with open_executor(2, 1) as opened:
        assert isinstance(opened, LocalPool)
        yield opened


def _reason(future: Future[Any]) -> str:
    wait_for([future], timeout=30)
    assert future.done()
    return failure_reason(future)


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while alive := [pid for pid in pids if _is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("name", "args", "how"),
    [
        ("leave", (0,), "exit code 0"),
        ("leave", (9,), "exit code 9"),
        ("vanish", (), "SIGKILL; out of memory?"),
        ("disconnect", (), "SIGKILL; out of memory?"),
    ],
)
def test_a_task_whose_workers_die_fails_and_the_next_one_runs(
    pool: LocalPool, tasks: ModuleType, name: str, args: tuple[Any, ...], how: str
) -> None:
    beside = pool.submit(operator.add, 1, 1)
    reason = f"the worker process died twice ({how}), the second time while no other task ran"
    assert _reason(pool.submit(getattr(tasks, name), *args)) == reason
    assert (beside.result(), pool.submit(operator.add, 1, 2).result(30)) == (2, 3)


def test_the_name_of_a_signal_without_a_name_is_its_number() -> None:
    assert death_reason(-signal.SIGSEGV) == (
        "the worker process died twice (SIGSEGV), the second time while no other task ran"
    )
    assert "(signal 40)" in death_reason(-40)


def test_tasks_whose_workers_died_once_succeed(pool: LocalPool, tasks: ModuleType, tmp_path: Path) -> None:
    futures = [pool.submit(tasks.vanish_once, str(tmp_path), value) for value in range(3)]
    assert [future.result(60) for future in futures] == [0, 1, 2]


def test_the_second_attempt_runs_alone(pool: LocalPool, tasks: ModuleType, tmp_path: Path) -> None:
    """The first attempt has company, of which some ends later than it."""
    names = {"dies": 0.1, "before": 0.3, "after": 0.01, "last": 0.01}
    futures = {name: pool.submit(tasks.overlap, str(tmp_path), name, seconds) for name, seconds in names.items()}
    assert futures["dies"].result(30) == []
    assert not any("runs-dies" in futures[name].result(30) for name in ("after", "last"))


@pytest.mark.parametrize("end", ["exit", "kill", "hang"])
def test_the_processes_of_a_task_end_with_it(pool: LocalPool, tasks: ModuleType, tmp_path: Path, end: str) -> None:
    limit = FitTime(0.5 if end == "hang" else None, str)
    reason = _reason(pool.submit(tasks.descend, str(tmp_path), end, fit_time=limit))
    assert reason == "timed out after 0.5 s (--fit-time)" if end == "hang" else "died twice" in reason
    _wait_until_gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_the_processes_of_a_task_end_with_the_pool(tasks: ModuleType, tmp_path: Path) -> None:
    with open_executor(2, 1) as pool:
        assert _reason(pool.submit(tasks.descend, str(tmp_path), "return")) == ""
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(_is_alive, pids))
    _wait_until_gone(pids)


def test_the_processes_of_a_task_end_when_it_is_cancelled(pool: LocalPool, tasks: ModuleType, tmp_path: Path) -> None:
    future = pool.submit(tasks.descend, str(tmp_path), "hang")
    while not (tmp_path / "pids").is_file():
        time.sleep(0.01)
    pool.cancel(future)
    assert _reason(future) == "cancelled"
    _wait_until_gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_the_processes_of_a_task_end_when_the_run_is_killed(tmp_path: Path, tasks: ModuleType) -> None:
    script = (
        "from pool_tasks import descend\nfrom bench.executors.executor import open_executor\n"
        f"with open_executor(2, 1) as pool:\n    pool.submit(descend, {str(tmp_path)!r}, 'hang').result()\n"
    )
    paths = os.pathsep.join([str(Path(str(tasks.__file__)).parent), *filter(None, sys.path)])
    with subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}) as process:
        while not (tmp_path / "pids").is_file():
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    _wait_until_gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_a_forked_process_that_returns_from_the_task_sends_nothing(pool: LocalPool, tasks: ModuleType) -> None:
    futures = [pool.submit(tasks.both_return, value) for value in range(4)]
    assert [future.result(30) for future in futures] == [0, 1, 2, 3]


def test_a_time_out_of_the_task_itself_is_not_that_of_the_option(pool: LocalPool, tasks: ModuleType) -> None:
    assert _reason(pool.submit(tasks.fail, TimeoutError("no answer"))).startswith("TimeoutError: no answer (pool_tasks")


def test_values_that_cannot_be_sent_are_reasons(pool: LocalPool, tasks: ModuleType) -> None:
    assert "pickle" in _reason(pool.submit(tasks.unsendable))
    assert "cannot be sent to a worker process: " in _reason(pool.submit(operator.add, lambda: None, 1))


def test_a_fit_without_a_limit_is_reported_once(
    pool: LocalPool, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_time, "NOTICE_S", 0.05)
    reports: list[str] = []
    with open_executor(1, 1) as inline:
        for executor in (pool, inline):
            for name, seconds, limit in (("long", 0.2, None), ("limited", 0.2, 30.0), ("short", 0.0, None)):
                rules = FitTime(limit, lambda name=name: reports.append(name))
                executor.wait([executor.submit(time.sleep, seconds, fit_time=rules)])
    assert reports == ["long", "long"]


def test_the_start_of_a_worker_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.6)\ndef task():\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    function: Callable[..., Any] = importlib.import_module("slow_to_import").task
    with open_executor(1, 1, fit_time=0.3) as pool:
        assert pool.submit(function, fit_time=FitTime(0.3, str)).result(30) == 1


def test_a_task_that_runs_alone_waits_for_the_others_and_others_wait_for_it() -> None:
    queue = task_queue.TaskQueue()
    first, second, third = (task_queue.Task(abs, (n,)) for n in range(3))
    for task in (first, second, third):
        queue.put(task)
    assert [queue.get(), queue.get()] == [first, second]
    first.alone = True
    queue.put(first)
    queue.done(first)
    order: list[Any] = []
    taker = threading.Thread(target=lambda: order.extend([queue.get(), queue.get()]))
    taker.start()
    assert not order  # the second task still runs
    queue.done(second)
    while len(queue._running) == 0:
        time.sleep(0.001)
    assert queue._running == {first}
    queue.done(first)
    taker.join()
    assert order == [first, third]
    queue.close()
    assert queue.get() is None
