"""Rows that the store holds already are copied by their cell's digest; each distinct cell is extracted once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench.features.store.entry import CHUNK, entry_record, open_features, open_status

Workshop = Any
"""What the fixture `workshop` gives."""

N = 3 * CHUNK + 5


def truth(numbers: Any) -> npt.NDArray[np.float32]:
    """What the features of numbered cells are, by another route than the extractor's."""
    rows = [[n, n * n, np.nan if n % 7 == 6 else n**0.5] for n in numbers]
    return np.array(rows, dtype=np.float32)


def check(workshop: Workshop, numbers: Any, *, extracted: set[int]) -> None:
    """Extract, and compare what was asked of the extractor, each cell once, and what is stored."""
    entry = workshop.extract(numbers)
    asked = [n for call in workshop.asked() for n in call]
    assert sorted(asked) == sorted(extracted)
    values, status = open_features(entry.folder), open_status(entry.folder)
    np.testing.assert_array_equal(values, truth(numbers))
    assert status is not None
    np.testing.assert_array_equal(status == 3, np.isnan(values))
    assert entry_record(entry.folder)["extracted"] == len(extracted)


SETS: dict[str, tuple[Any, set[int]]] = {
    "a part": (range(10, 100), set()),
    "more": (range(N + 70), set(range(N, N + 70))),
    "another order": (np.random.default_rng(0).permutation(N).tolist(), set()),
    "some new ones between": ([0, 1000, *range(90, 200), 1001, 5], {1000, 1001, *range(N, 200)}),
    "others": (range(500, 600), set(range(500, 600))),
}


@pytest.mark.parametrize("name", SETS)
def test_only_cells_that_no_entry_holds_are_extracted(workshop: Workshop, name: str) -> None:
    numbers, new = SETS[name]
    check(workshop, range(N), extracted=set(range(N)))
    check(workshop, numbers, extracted=new)


def test_rows_come_from_several_entries(workshop: Workshop) -> None:
    check(workshop, range(70), extracted=set(range(70)))
    check(workshop, range(100, 180), extracted=set(range(100, 180)))
    check(workshop, range(60, 190), extracted={*range(70, 100), *range(180, 190)})
    told = entry_record(workshop.entry(range(60, 190)).folder)
    assert (told["reused"], told["extracted"], told["cells"]) == (90, 40, 130)


def test_a_cell_that_comes_again_is_extracted_once(workshop: Workshop) -> None:
    """Twice in one chunk, in two chunks, and a last chunk that has nothing of its own."""
    numbers = [*range(40), 7, 7, *range(40, 100), 3, 99, *range(100, 130)]
    numbers = [*numbers, *numbers[: 3 * CHUNK - len(numbers)], 5, 5, 120]
    assert len(numbers) == 3 * CHUNK + 3
    check(workshop, numbers, extracted=set(numbers))


def test_entries_of_other_components_give_nothing(workshop: Workshop) -> None:
    workshop.extract(range(70))
    workshop.asked()
    workshop.extract(range(80), prepare="crop")
    assert [n for call in workshop.asked() for n in call] == list(range(80))


def test_an_entry_under_anothers_folder_gives_nothing(workshop: Workshop) -> None:
    """A copied or renamed folder: what counts is what it says of itself."""
    other = workshop.extract(range(70), prepare="crop").folder
    ours = workshop.entry(range(80)).folder.parent
    ours.mkdir(parents=True)
    other.rename(ours / other.name)
    workshop.asked()
    check(workshop, range(80), extracted=set(range(80)))


def test_rows_of_a_damaged_chunk_are_not_copied(workshop: Workshop) -> None:
    values = workshop.extract(range(N)).folder / "values.npy"
    workshop.asked()
    data = bytearray(values.read_bytes())
    data[128 + 12 * (CHUNK + 10)] ^= 4  # a row of the second chunk
    values.write_bytes(data)
    check(workshop, range(50, 80), extracted=set(range(64, 80)))


@pytest.mark.parametrize("name", ["rows.npy", "checksums.npy", "entry.json", "values.npy"])
def test_an_entry_with_a_damaged_file_gives_nothing_wrong(workshop: Workshop, name: str) -> None:
    path = workshop.extract(range(70)).folder / name
    workshop.asked()
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    entry = workshop.extract(range(80))
    np.testing.assert_array_equal(open_features(entry.folder), truth(range(80)))
    assert len([n for call in workshop.asked() for n in call]) == (16 if name == "values.npy" else 80)


def test_digests_that_begin_alike_are_not_confused(workshop: Workshop) -> None:
    """The search goes by eight bytes; a cell whose digest shares them with another is extracted."""
    from bench.features.store.reuse import _rows_of  # noqa: PLC0415 - the one function that could confuse them

    rows = np.zeros((3, 32), np.uint8)
    rows[:, 31] = 1, 2, 3
    rows[2, 0] = 9
    wanted = rows[[2, 1, 0, 2]]
    wanted[3, 30] = 7
    found = _rows_of(rows, wanted)
    assert found[0] == 2
    assert found[3] == -1
    for row, want in zip(found, wanted, strict=True):
        assert row == -1 or (rows[row] == want).all()
