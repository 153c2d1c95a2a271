"""One process extracts what a store lacks; another that wants it waits, and nobody leaves a lock behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import extraction
from bench.extraction import begin, extract
from bench.locks import try_lock
from bench.observer import Observer
from bench.options import Options
from bench.plugins import extractor
from bench.store.entry import Entry
from extractors.cells import CellFile, Cells


class Heard(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """An empty place in a store."""
    return Entry(tmp_path / "features" / "x", {})


def _never(*_: Any) -> Any:
    raise AssertionError("nothing is to be extracted")


def test_while_another_process_extracts_it_is_waited_for(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock's holder finishes while we wait: what it stored is taken."""
    plugin, heard = extractor("size"), Heard()
    lock = try_lock(entry.folder.with_name("x.lock"))
    assert lock is not None
    assert begin(entry, plugin, Cells([]), _never, {}) is None

    def finished(_: float) -> None:
        entry.folder.mkdir()
        (entry.folder / "entry.json").write_text("{}")
        lock.release()

    monkeypatch.setattr(extraction.time, "sleep", finished)
    assert extract(entry, plugin, Cells([]), pool=None, options=Options(), observer=heard) == 0  # type: ignore[arg-type]
    assert heard.notices == ["another process extracts size; waiting for it"]
    assert begin(entry, plugin, Cells([]), _never, {}) is None, "stored by now"
    assert try_lock(entry.folder.with_name("x.lock")) is not None, "and not left locked"


def test_a_task_that_cannot_be_given_out_leaves_no_lock(entry: Entry) -> None:
    with pytest.raises(AssertionError, match="nothing is to be extracted"):
        begin(entry, extractor("size"), Cells([CellFile("a", "a.png")]), _never, {})
    assert try_lock(entry.folder.with_name("x.lock")) is not None
