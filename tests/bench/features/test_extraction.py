"""One process extracts an entry, others wait for it, and no lock outlives its process."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.executors.executor import Tasks
from bench.executors.inline import InlineExecutor
from bench.features import extraction
from bench.features.extraction import Extractions, FeatureRequest, extract
from bench.features.store.entry import Entry, open_features, write_entry
from bench.observer import Observer
from bench.options import Options
from bench.plugins.registry import extractor
from bench.storage.locks import try_lock
from extractors.cells import CellFile, Cells

SIZE = extractor("size")
DIGEST = hashlib.sha256(b"a").hexdigest()


class Recorder(Observer):
    """Records notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """An entry that is not stored."""
    return Entry(tmp_path / "features" / "x" / "0", {})


class Idle(InlineExecutor):
    """Takes no task."""

    def submit(self, function: Callable[..., Any], *args: Any, fit_time: Any = None) -> Any:
        raise AssertionError("nothing should be extracted")


def _request(entry: Entry) -> FeatureRequest:
    return FeatureRequest(entry, SIZE, Cells([CellFile("a", "a.png")]), [DIGEST], Options(), "size")


def _start(entry: Entry) -> bool:
    return Extractions(Tasks(Idle(1)), Observer()).start(_request(entry))


def test_another_process_is_waited_for(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of the lock finishes meanwhile, and its entry is used."""
    recorder = Recorder()
    lock = try_lock(entry.lock_path)
    assert lock is not None
    assert not _start(entry)

    def finished(_: float) -> None:
        write_entry(entry.folder, np.zeros((1, 1), np.float32), ["f"], components={})
        lock.release()

    monkeypatch.setattr(extraction.time, "sleep", finished)
    assert extract(_request(entry), Idle(1), recorder) == 0
    assert recorder.notices == ["another process extracts size; waiting for it"]
    assert _start(entry), "stored by now"
    assert try_lock(entry.lock_path) is not None, "and not left locked"


def test_a_task_that_cannot_be_submitted_leaves_no_lock(entry: Entry) -> None:
    with pytest.raises(AssertionError, match="nothing should be extracted"):
        _start(entry)
    assert try_lock(entry.lock_path) is not None


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("in the way")
    with pytest.raises(BenchError, match=r"the feature store cannot be written .*features.*--store"):
        _start(Entry(tmp_path / "features" / "x" / "0", {}))


PROCESS = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import bench.features.extraction as extraction
from conftest import Recorder, ScratchStore

class Printer(Recorder):
    def notice(self, text):
        print(text, flush=True)

store, log = Path(sys.argv[2]), Path(sys.argv[3])
if sys.argv[4] == "first":
    extract = extraction.extract_chunk
    def gated(path, *args, **weights):
        info = extract(path, *args, **weights)
        if path.name == "000001.chunk":
            print("one is finished", flush=True)
            sys.stdin.readline()
        return info
    extraction.extract_chunk = gated
ScratchStore(store, log).extract(range(300), Printer())
print("done", flush=True)
"""


def _started(tmp_path: Path, which: str) -> subprocess.Popen[str]:
    (tmp_path / "lib").mkdir(exist_ok=True)
    room = Path(__file__).parent / "store"
    module = (room / "conftest.py").read_text().split("MODULE = '''")[1].split("'''")[0]
    (tmp_path / "lib" / "counted_numbers.py").write_text(module.replace("\\\\n", "\\n"))
    arguments = [str(room), str(tmp_path / "store"), str(tmp_path / "log"), which]
    lib = {"PYTHONPATH": str(tmp_path / "lib"), "COUNTED": str(tmp_path / "log")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", PROCESS, *arguments], env={**os.environ, **lib}, **pipes)  # type: ignore[call-overload, no-any-return]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _chunks(log: Path) -> Counter[int]:
    return Counter(int(line.split()[0]) // 64 for line in log.read_text().splitlines())


@pytest.mark.parametrize("death", [False, True], ids=["finishes", "is killed"])
def test_two_processes_do_the_work_once(tmp_path: Path, death: bool) -> None:
    """The second waits; if the first is killed, the kernel releases its lock, and the second resumes."""
    with _started(tmp_path, "first") as first:
        assert [_line(first), _line(first)] == ["numbers are numbers", "one is finished"]
        with _started(tmp_path, "second") as second:
            assert _line(second) == "another process extracts numbers; waiting for it"
            if death:
                first.send_signal(signal.SIGKILL)
                assert _line(second) == "numbers are numbers"
            else:
                assert first.stdin is not None
                first.stdin.write("\n")
                first.stdin.flush()
                assert _line(first) == "done"
            assert _line(second) == "done"
    assert _chunks(tmp_path / "log") == dict.fromkeys(range(5), 1), "each chunk was extracted once"
    (values,) = (tmp_path / "store").glob("features/*/*/values.npy")
    np.testing.assert_array_equal(open_features(values.parent)[:, 1], np.arange(300, dtype=np.float32) ** 2)
    (lock,) = (tmp_path / "store").glob("features/*/*.lock")
    assert lock.stat().st_size == 0
