"""Whoever checks a store sees how far it is, in one large entry as in many small ones."""

from __future__ import annotations

from typing import Any

from bench.features.store.entry import CHUNK
from bench.features.store.inspect import inspect
from bench.features.store.listing import list_store

Workshop = Any
"""What the fixture `workshop` gives."""


def test_progress_is_told_chunk_by_chunk(workshop: Workshop) -> None:
    workshop.extract(range(3 * CHUNK))
    workshop.extract(range(2 * CHUNK + 1, 4 * CHUNK))
    heard = workshop.heard()
    found = inspect(list_store(workshop.store).entries, heard)
    assert sorted(one.chunks for one in found) == [2, 3]
    assert all(one.whole for one in found)
    assert [done for done, _ in heard.steps] == [0, 0, 1, 2, 3, 4, 5]
    assert {total for _, total in heard.steps} == {5}
