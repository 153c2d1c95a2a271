"""A byte that changes on the disk is found before anybody computes with it, and mended where that can be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench.errors import BenchError
from bench.features.store import verify
from bench.features.store.entry import CHUNK, entry_record, feature_names, open_features
from bench.features.store.verify import damaged_chunks, examine, usable
from bench.storage.fingerprints import digest

Workshop = Any
"""What the fixture `workshop` gives."""

N = 4 * CHUNK + 5
HEADER = 128
WIDTH = 3


def truth(numbers: Any) -> npt.NDArray[np.float32]:
    """What the features of numbered cells are, by another route than the extractor's."""
    rows = [[n, n * n, np.nan if n % 7 == 6 else n**0.5] for n in numbers]
    return np.array(rows, dtype=np.float32)


def flip(path: Path, *places: int) -> None:
    """Change a bit of each of some bytes; the times of the file stay, as when a disk decays."""
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] ^= 16
    path.write_bytes(data)


@pytest.fixture(autouse=True)
def fresh() -> None:
    """As a process begins, which has looked at nothing."""
    verify._WHOLE.clear()
    verify._DAMAGED.clear()


@pytest.fixture
def folder(workshop: Workshop) -> Path:
    """A whole entry; nothing is noted."""
    found: Path = workshop.extract(range(N)).folder
    workshop.asked()
    return found


def _mended(workshop: Workshop) -> tuple[list[int], list[str]]:
    """Extract again: the chunks that were, and what was told but for the extractor's own notice."""
    heard = workshop.heard()
    entry = workshop.extract(range(N), heard)
    np.testing.assert_array_equal(open_features(entry.folder), truth(range(N)))
    assert feature_names(entry.folder) == ["number", "square", "root"]
    assert examine(entry.folder, key=entry.key).whole
    told = [text for text in heard.notices if text != "numbers are numbers"]
    return [call[0] // CHUNK for call in workshop.asked()], told


def test_a_whole_entry_is_found_whole(workshop: Workshop, folder: Path) -> None:
    assert damaged_chunks(folder) == []
    assert usable(workshop.entry(range(N)))
    assert _mended(workshop) == ([], [])


@pytest.mark.parametrize("name", ["values.npy", "status.npy"])
@pytest.mark.parametrize("row", [0, CHUNK - 1, CHUNK, 3 * CHUNK + 7, N - 1])
def test_every_flipped_byte_is_found_and_its_chunk_extracted_again(
    workshop: Workshop, folder: Path, name: str, row: int
) -> None:
    size = WIDTH * (4 if name == "values.npy" else 1)
    flip(folder / name, HEADER + row * size + 1)
    number = row // CHUNK
    assert damaged_chunks(folder) == [number]
    assert not usable(workshop.entry(range(N)))
    inode = (folder / name).stat().st_ino
    last = min((number + 1) * CHUNK, N) - 1
    assert _mended(workshop) == (
        [number],
        [f"numbers: rows {number * CHUNK}-{last} were damaged on disk and are extracted again ({folder})"],
    )
    assert (folder / name).stat().st_ino == inode, "in place, so that who reads the rest goes on"


def test_several_damaged_chunks_are_told_as_runs(workshop: Workshop, folder: Path) -> None:
    flip(folder / "values.npy", *(HEADER + row * 12 for row in (0, CHUNK, 4 * CHUNK)))
    chunks, (told,) = _mended(workshop)
    assert chunks == [0, 1, 4]
    assert "rows 0-127, 256-260 were damaged on disk" in told


@pytest.mark.parametrize(("length", "chunks"), [(HEADER + 130 * 12, [2, 3, 4]), (40, [0, 1, 2, 3, 4]), (0, None)])
def test_a_matrix_that_was_cut_off_is_mended(
    workshop: Workshop, folder: Path, length: int, chunks: list[int] | None
) -> None:
    path = folder / "values.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BenchError, match=r"damaged: values\.npy; the next run that needs it mends it"):
        damaged_chunks(folder)
    with pytest.raises(BenchError, match=r"values\.npy: the stored features cannot be read"):
        open_features(folder)
    if not length:
        path.unlink()
    asked, (told,) = _mended(workshop)
    assert asked == (chunks or [0, 1, 2, 3, 4])
    assert "values.npy damaged on disk and written again" in told


@pytest.mark.parametrize(
    ("name", "place"),
    [("values.npy", 60), ("status.npy", 3), ("rows.npy", 300), ("rows.npy", 60), ("checksums.npy", 9)],
)
def test_a_header_or_row_ids_are_written_again_and_nothing_is_extracted(
    workshop: Workshop, folder: Path, name: str, place: int
) -> None:
    before = (folder / name).read_bytes()
    flip(folder / name, place)
    with pytest.raises(BenchError, match="damaged"):
        damaged_chunks(folder)
    chunks, (told,) = _mended(workshop)
    assert chunks == ([] if name != "checksums.npy" else [0, 1, 2, 3, 4]), "without checksums, nothing vouches"
    assert f"{name} damaged on disk and written again" in told
    assert (folder / name).read_bytes() == before


def test_a_flipped_checksum_costs_its_chunk(workshop: Workshop, folder: Path) -> None:
    before = (folder / "checksums.npy").read_bytes()
    flip(folder / "checksums.npy", HEADER + 3 * 32)
    chunks, _ = _mended(workshop)
    assert chunks == [3]
    assert (folder / "checksums.npy").read_bytes() == before


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return edit


RECORDS: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda path: flip(path, 100),
    "cut off": lambda path: path.write_text(path.read_text()[:200]),
    "empty": lambda path: path.write_text(""),
    "no object": lambda path: path.write_text("[]"),
    "nothing": lambda path: path.write_text("{}"),
    "other names": _edited(lambda record: record["names"].reverse()),
    "other rows": _edited(lambda record: record.update(cells=2**62)),
    "odd kinds": _edited(lambda record: record.update(names=5, cells="many")),
    "endless": _edited(lambda record: record.update(seconds=float("inf"))),
    "another format": _edited(lambda record: record.update(format=99)),
    "nested": lambda path: path.write_text("[" * 100_000),
    "not text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("damage", RECORDS)
def test_an_entry_whose_record_is_damaged_is_made_anew(workshop: Workshop, folder: Path, damage: str) -> None:
    RECORDS[damage](folder / "entry.json")
    with pytest.raises(BenchError, match=r"entry\.json"):
        entry_record(folder)
    with pytest.raises(BenchError, match=r"entry\.json"):
        damaged_chunks(folder)
    chunks, (told,) = _mended(workshop)
    assert chunks == [0, 1, 2, 3, 4]
    assert "its features were damaged on disk and are extracted again" in told


def test_an_entry_of_another_key_is_not_taken(workshop: Workshop, folder: Path) -> None:
    """Whoever copies a folder onto another's name: the key in the clear decides."""
    other = workshop.extract(range(5, N + 5))
    workshop.asked()
    for path in folder.iterdir():
        path.unlink()
    for path in other.folder.iterdir():
        path.rename(folder / path.name)
    other.folder.rmdir()
    chunks, (told,) = _mended(workshop)
    assert chunks == [0, 1, 2, 3, 4]
    assert "is expected" in told


def _sealed(**changes: Any) -> Callable[[Path], None]:
    """Edit a record with a digest that fits, as somebody would who means it."""

    def edit(path: Path) -> None:
        record = {**json.loads(path.read_text()), **changes}
        del record["digest"]
        path.write_text(json.dumps({**record, "digest": digest(record)}))

    return edit


@pytest.mark.parametrize("cells", [1, 100, N + CHUNK, 10**15])
def test_a_sealed_record_of_another_number_of_rows_is_not_believed(
    workshop: Workshop, folder: Path, cells: int
) -> None:
    """No file bears it out, so that nothing is looked for in rows, or reserved for rows, that are not there."""
    _sealed(cells=cells)(folder / "entry.json")
    assert "every file of it is damaged or of another size" in examine(folder).problem
    chunks, (told,) = _mended(workshop)
    assert chunks == [0, 1, 2, 3, 4]
    assert "are extracted again" in told


@pytest.mark.parametrize("changes", [{"rows_sha256": "zz"}, {"checksums_sha256": ""}])
def test_a_sealed_record_with_other_digests_is_mended_once(
    workshop: Workshop, folder: Path, changes: dict[str, Any]
) -> None:
    _sealed(**changes)(folder / "entry.json")
    assert len(_mended(workshop)[1]) == 1
    assert _mended(workshop) == ([], [])


def test_what_cannot_be_mended_ends_with_a_sentence(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that needs it does not go round in circles."""
    flip(folder / "rows.npy", 300)
    monkeypatch.setattr("bench.features.store.repair.write_array", lambda path, array: path.write_bytes(b""))
    with pytest.raises(BenchError, match="cannot be mended; remove this folder"):
        workshop.extract(range(N))


@pytest.mark.parametrize("field", ["cells_per_s", "reused", "wall_s"])
@pytest.mark.parametrize("number", [10**400, -1])
def test_numbers_that_cannot_be_are_damage(folder: Path, field: str, number: int) -> None:
    _sealed(**{field: number})(folder / "entry.json")
    with pytest.raises(BenchError, match=r"entry\.json: damaged"):
        entry_record(folder)


KINDS: dict[str, Callable[[Path, Path], object]] = {
    "folder": lambda path, outside: path.mkdir(),
    "link": lambda path, outside: path.symlink_to(outside),
    "pipe": lambda path, outside: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["values.npy", "status.npy", "rows.npy", "checksums.npy", "entry.json", "used"])
def test_what_is_no_plain_file_gives_way_and_is_not_waited_for(
    workshop: Workshop, folder: Path, name: str, kind: str
) -> None:
    outside = workshop.store.parent / "outside"
    outside.write_bytes(b"somebody's")
    os.utime(outside, (1, 1))
    before = (folder / "values.npy").read_bytes()
    (folder / name).unlink(missing_ok=True)
    KINDS[kind](folder / name, outside)
    told = _mended(workshop)[1]
    assert len(told) == (name != "used")
    assert (outside.read_bytes(), outside.stat().st_mtime) == (b"somebody's", 1)
    assert (folder / "values.npy").read_bytes() == before


def test_an_extractor_that_gives_other_bits_than_before_is_told(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is mended counts as what it is now, and whoever repeats an old result knows why it does not come out."""
    flip(folder / "values.npy", HEADER + 5)
    workshop.plugin = replace(workshop.plugin, params={**workshop.plugin.params, "fault": "varies once"})
    monkeypatch.setenv("VARIES", "1")
    heard = workshop.heard()
    workshop.extract(range(N), heard)
    assert any("1 mended chunks have come out otherwise than they once did" in text for text in heard.notices)
    assert open_features(folder)[0, 0] == 1000
    assert examine(folder).whole


def test_a_disk_that_does_not_keep_what_is_written_ends_the_run(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(folder / "values.npy", HEADER + 5)
    monkeypatch.setattr("bench.features.store.layout.write_at", lambda *_: None)
    with pytest.raises(BenchError, match="rows 0-63 were written again and do not read back"):
        workshop.extract(range(N))


def test_an_entry_is_read_once_in_a_process(workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verify._WHOLE.clear()  # who writes an entry has read it back
    looked = []
    monkeypatch.setattr(verify, "examine", lambda place, **_: looked.append(place) or examine(place))
    entry = workshop.entry(range(N))
    assert [usable(entry), usable(entry)] == [True, True]
    assert looked == [folder]
    flip(folder / "values.npy", HEADER + 5)
    assert [usable(entry), usable(entry)] == [False, False]
    assert looked == [folder, folder]
