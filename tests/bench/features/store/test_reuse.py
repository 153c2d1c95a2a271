"""Rows of stored entries are copied by the digest of the cell; each distinct cell is extracted once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store import chunks
from bench.features.store.entry import CHUNK, entry_record

Scratch = Any
"""The fixture `scratch`."""

N = 3 * CHUNK + 5


def check(scratch: Scratch, numbers: Any, *, extracted: set[int]) -> dict[str, Any]:
    """Extract, and compare the calls of the extractor and the stored rows; return the record."""
    entry = scratch.extract(numbers)
    assert sorted(n for call in scratch.calls() for n in call) == sorted(extracted)
    scratch.check(numbers)
    record = entry_record(entry.folder)
    assert record["extracted"] == len(extracted)
    return record


SETS: dict[str, tuple[Any, set[int]]] = {
    "a part": (range(10, 100), set()),
    "more": (range(N + 70), set(range(N, N + 70))),
    "another order": (np.random.default_rng(0).permutation(N).tolist(), set()),
    "some new ones between": ([0, 1000, *range(90, 200), 1001, 5], {1000, 1001, *range(N, 200)}),
    "others": (range(500, 600), set(range(500, 600))),
}


@pytest.mark.parametrize("name", SETS)
def test_only_cells_that_no_entry_contains_are_extracted(scratch: Scratch, name: str) -> None:
    numbers, new = SETS[name]
    check(scratch, range(N), extracted=set(range(N)))
    check(scratch, numbers, extracted=new)


def test_rows_are_copied_from_several_entries(scratch: Scratch) -> None:
    check(scratch, range(70), extracted=set(range(70)))
    check(scratch, range(100, 180), extracted=set(range(100, 180)))
    record = check(scratch, range(60, 190), extracted={*range(70, 100), *range(180, 190)})
    assert (record["reused"], record["extracted"], record["cells"]) == (90, 40, 130)
    assert record["notices"] == ["numbers are numbers"]


def test_a_repeated_cell_is_extracted_once(scratch: Scratch) -> None:
    """Twice in one chunk, in two chunks, and a last chunk of repeated cells."""
    numbers = [*range(40), 7, 7, *range(40, 100), 3, 99, *range(100, 130)]
    numbers = [*numbers, *numbers[: 3 * CHUNK - len(numbers)], 5, 5, 120]
    assert len(numbers) == 3 * CHUNK + 3
    check(scratch, numbers, extracted=set(numbers))


def test_entries_with_other_components_are_not_used(scratch: Scratch) -> None:
    """Also where their folder was copied or renamed: the record decides, not the path."""
    check(scratch, range(70), extracted=set(range(70)))
    other = scratch.extract(range(90), prepare="crop").folder
    assert [n for call in scratch.calls() for n in call] == list(range(90))
    other.rename(scratch.entry(range(90)).folder)
    check(scratch, range(80), extracted=set(range(70, 80)))


@pytest.mark.parametrize(("name", "width"), [("values.npy", 12), ("rows.npy", 32)])
def test_rows_of_a_damaged_chunk_are_not_copied(scratch: Scratch, name: str, width: int) -> None:
    values = scratch.extract(range(N)).folder / name
    scratch.calls()
    data = bytearray(values.read_bytes())
    data[128 + width * (CHUNK + 10)] ^= 4  # a row of the second chunk
    values.write_bytes(data)
    check(scratch, range(50, 80), extracted=set(range(64, 80)))


@pytest.mark.parametrize("name", ["checksums.npy", "entry.json"])
def test_an_entry_with_a_damaged_file_is_not_used(scratch: Scratch, name: str) -> None:
    path = scratch.extract(range(70)).folder / name
    scratch.calls()
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    check(scratch, range(80), extracted=set(range(80)))


def test_an_entry_that_vanishes_during_the_extraction_ends_the_run(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are searched again before they are copied; the next run extracts those that are gone."""

    source: Path = scratch.extract(range(70)).folder
    with monkeypatch.context() as patch:
        write = chunks.write_chunk
        patch.setattr(chunks, "write_chunk", lambda *args: (write(*args), shutil.rmtree(source)))
        with pytest.raises(BenchError, match="an entry whose rows are copied has changed; run the same command again"):
            scratch.extract(range(80))
    scratch.calls()
    check(scratch, range(80), extracted=set(range(80)))
