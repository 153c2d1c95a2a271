"""Entries come into being chunk by chunk, survive any death on the way, and never hold a chunk that is not whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench.errors import BenchError
from bench.features.store import layout
from bench.features.store.entry import (
    CHUNK,
    FILES,
    USED,
    entry_record,
    feature_names,
    open_checksums,
    open_features,
    open_rows,
    open_status,
)
from bench.plugins.registry import Plugin

Workshop = Any
"""What the fixture `workshop` gives."""

N = 3 * CHUNK + 5
NUMBERS = range(N)


def truth(numbers: Any) -> npt.NDArray[np.float32]:
    """What the features of numbered cells are, by another route than the extractor's."""
    rows = [[n, n * n, np.nan if n % 7 == 6 else n**0.5] for n in numbers]
    return np.array(rows, dtype=np.float32)


def test_chunks_become_one_matrix_in_the_order_of_the_cells(workshop: Workshop) -> None:
    heard = workshop.heard()
    entry = workshop.extract(NUMBERS, heard)
    values, status = open_features(entry.folder), open_status(entry.folder)
    assert isinstance(values, np.memmap)
    np.testing.assert_array_equal(values, truth(NUMBERS))
    assert status is not None
    np.testing.assert_array_equal(status == 3, np.isnan(values))
    assert feature_names(entry.folder) == ["number", "square", "root"]
    assert [bytes(row).hex() for row in open_rows(entry.folder)] == workshop.digests(NUMBERS)
    assert workshop.asked() == [list(NUMBERS[a : a + CHUNK]) for a in range(0, N, CHUNK)]
    assert heard.steps == [(0, 4), *((n, 4) for n in range(1, 5))]
    assert heard.notices == ["numbers are numbers"], "told once, not by each chunk"
    assert sorted(p.name for p in entry.folder.iterdir()) == [
        "checksums.npy", "entry.json", "rows.npy", "status.npy", "used", "values.npy",
    ]  # fmt: skip
    assert not entry.partial.exists()


def test_plain_numpy_reads_what_is_stored(workshop: Workshop) -> None:
    folder = workshop.extract(NUMBERS).folder
    np.testing.assert_array_equal(np.load(folder / "values.npy", mmap_mode="r"), truth(NUMBERS))
    assert np.load(folder / "checksums.npy").shape == (4, 32)


def test_an_entry_says_how_it_came_into_being(workshop: Workshop) -> None:
    entry = workshop.extract([1, 2, 3, 2])
    told = entry_record(entry.folder)
    assert (told["key"], told["components"]) == (entry.key, dict(entry.components))
    assert (told["cells"], told["extracted"], told["reused"]) == (4, 3, 0)
    assert told["selector"] == "numbers"
    assert told["notices"] == ["numbers are numbers"]
    assert told["wall_s"] > 0
    assert 3 / told["cells_per_s"] == pytest.approx(told["wall_s"], abs=1e-3)
    assert told["environment"]["numpy"] == np.__version__


def test_what_is_stored_is_not_extracted_again(workshop: Workshop) -> None:
    workshop.extract(NUMBERS)
    workshop.asked()
    workshop.extract(NUMBERS)
    assert workshop.asked() == []


def test_checksums_are_sha256_of_the_bytes_in_the_files(workshop: Workshop) -> None:
    import hashlib  # noqa: PLC0415 - the source of the number

    folder = workshop.extract(NUMBERS).folder
    values, status = np.load(folder / "values.npy"), np.load(folder / "status.npy")
    for number, row in enumerate(open_checksums(folder)):
        part = slice(number * CHUNK, (number + 1) * CHUNK)
        assert hashlib.sha256(values[part].tobytes() + status[part].tobytes()).digest() == bytes(row)


CHILD = """
import os, signal, sys
from pathlib import Path
from bench.features.store import build, chunks, layout
sys.path.insert(0, sys.argv[1])
from conftest import Workshop

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def after(calls, function, then):
    left = [calls]
    def called(*args, **kwargs):
        left[0] -= 1
        return then(*args, **kwargs) if left[0] < 0 else function(*args, **kwargs)
    return called

def half(descriptor, data, offset):
    os.pwrite(descriptor, bytes(data)[: len(data) // 2], offset)
    die()

seam = sys.argv[4]
if seam == "layout":
    layout.write_json = die
if seam == "values":
    layout.write_at = after(4, layout.write_at, half)
if seam == "status":
    layout.write_at = after(5, layout.write_at, half)
if seam == "record":
    chunks.write_made = after(2, chunks.write_made, die)
if seam == "filling":
    making.write_made = die
if seam == "checksums":
    making.write_array = after(1, making.write_array, die)
if seam == "entry":
    making.write_record = die
if seam == "clearing":
    making.discard = after(1, making.discard, die)
if seam == "renaming":
    Path.rename = lambda self, target: die() if self.suffix == ".partial" else os.rename(self, target)
numbers = [int(n) for n in sys.argv[5].split(",")]
Workshop(Path(sys.argv[2]), Path(sys.argv[3])).extract(numbers)
"""

SEAMS = {
    "layout": 0,
    "values": 2,
    "status": 2,
    "record": 2,
    "filling": 4,
    "checksums": 4,
    "entry": 4,
    "clearing": 4,
    "renaming": 4,
}
"""Where a process is killed, and how many chunks are whole by then."""


@pytest.mark.parametrize("seam", SEAMS)
def test_a_process_killed_anywhere_leaves_its_finished_chunks(workshop: Workshop, seam: str) -> None:
    numbers = [*NUMBERS[:-2], 3, 70]  # the last chunk has two cells of earlier ones
    arguments = [str(Path(__file__).parent), str(workshop.store), str(workshop.log), seam, ",".join(map(str, numbers))]
    lib = {"PYTHONPATH": str(workshop.log.parent / "lib"), "COUNTED": str(workshop.log)}
    died = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False, env={**os.environ, **lib})
    assert died.returncode == -signal.SIGKILL
    entry = workshop.entry(numbers)
    assert not entry.stored
    before = [call[0] // CHUNK for call in workshop.asked()]
    assert before == list(range(min(SEAMS[seam] + 1, 4)))
    workshop.extract(numbers)
    assert [call[0] // CHUNK for call in workshop.asked()] == list(range(SEAMS[seam], 4)), "whole chunks are kept"
    plain = replace(workshop, store=workshop.store.with_name("uninterrupted"))
    whole = plain.extract(numbers).folder
    for name in ("values.npy", "status.npy", "rows.npy", "checksums.npy"):
        assert (entry.folder / name).read_bytes() == (whole / name).read_bytes()
    np.testing.assert_array_equal(open_features(entry.folder), truth(numbers))
    assert [p.name for p in entry.folder.parent.iterdir() if p.name.startswith(".")] == []
    assert {p.name for p in entry.folder.iterdir()} == {*FILES, USED}, "nothing half-written is kept in it"
    assert not entry.partial.exists()


def test_matrices_are_on_the_disk_before_a_record_vouches_for_them(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are waited for once and not for each chunk."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    folder = workshop.extract(NUMBERS).folder
    names = {path.stat().st_ino: path.name for path in folder.iterdir()}
    order = [names[inode] for inode in flushed if inode in names]
    assert sorted(order) == sorted(FILES)
    assert order[-1] == "entry.json"


def test_a_chunk_that_decays_before_the_last_is_there_is_extracted_again(workshop: Workshop) -> None:
    entry = _interrupted(workshop)
    values = entry.partial / "values.npy"
    data = bytearray(values.read_bytes())
    data[128 + 5] ^= 1
    values.write_bytes(data)
    workshop.extract(NUMBERS)
    assert [call[0] // CHUNK for call in workshop.asked()] == [0, 2, 3]
    np.testing.assert_array_equal(open_features(entry.folder), truth(NUMBERS))


@pytest.mark.parametrize("damage", ["cut", "header", "layout", "names", "record"])
def test_an_unfinished_entry_that_is_damaged_is_begun_again_where_it_must(workshop: Workshop, damage: str) -> None:
    entry = _interrupted(workshop)
    values, told = entry.partial / "values.npy", entry.partial / "layout.json"
    if damage == "cut":
        values.write_bytes(values.read_bytes()[:1000])
    elif damage == "header":
        values.write_bytes(values.read_bytes().replace(b"(197, 3)", b"(197, 4)"))
    elif damage == "layout":
        told.write_text("{")
    elif damage == "names":
        told.write_text(told.read_text().replace("square", "sqvare"))
    else:
        (entry.partial / "chunks" / "000001.json").write_text('{"number": 1, "waiting": 5}')
    workshop.extract(NUMBERS)
    assert [c[0] // CHUNK for c in workshop.asked()] == ([1, 2, 3] if damage == "record" else [0, 1, 2, 3])
    assert feature_names(entry.folder) == ["number", "square", "root"]
    np.testing.assert_array_equal(open_features(entry.folder), truth(NUMBERS))


def test_two_that_write_one_chunk_write_the_same_bytes(workshop: Workshop) -> None:
    """A worker that outlives its run by a moment writes into what the next run makes, even after that is stored."""
    entry = _interrupted(workshop)
    late = layout.read_layout(entry.partial)
    assert late is not None
    parts = late.read(entry.partial, 1)
    descriptor = os.open(entry.partial / "values.npy", os.O_WRONLY)
    workshop.extract(NUMBERS)
    before = (entry.folder / "values.npy").read_bytes()
    os.pwrite(descriptor, parts["values.npy"], 128 + CHUNK * 3 * 4)
    os.close(descriptor)
    assert (entry.folder / "values.npy").read_bytes() == before
    with pytest.raises(OSError, match="No such file"):
        late.write(entry.partial, 1, parts)
    assert not entry.partial.exists(), "and makes nothing anew"


def test_chunks_of_different_features_are_not_joined(workshop: Workshop) -> None:
    workshop.plugin = _with(workshop.plugin, fault="varies", status=False)
    with pytest.raises(BenchError, match=r"cells (64|128|192) and following have other features than the first ones"):
        workshop.extract(NUMBERS)
    assert not workshop.entry(NUMBERS).stored


def test_a_full_disk_is_told_and_what_is_finished_is_kept(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([True] * 5)

    def full(descriptor: int, data: Any, offset: int) -> int:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        return write(descriptor, data, offset)

    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(BenchError, match=r"No space left on device: .*store.*make room there.*--store"):
            workshop.extract(NUMBERS)
    workshop.asked()
    entry = workshop.extract(NUMBERS)
    assert [call[0] // CHUNK for call in workshop.asked()] == [2, 3]
    np.testing.assert_array_equal(open_features(entry.folder), truth(NUMBERS))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)


def test_a_real_full_disk(workshop: Workshop, small_disk: Path) -> None:
    workshop.store = small_disk / "store"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(188 * 1024))
    numbers = range(2000)
    with pytest.raises(BenchError, match="No space left on device"):
        workshop.extract(numbers)
    kept = len(list((workshop.entry(numbers).partial / "chunks").glob("0*.json")))
    assert 0 < kept < 32
    workshop.asked()
    ballast.unlink()
    entry = workshop.extract(numbers)
    assert [call[0] // CHUNK for call in workshop.asked()] == list(range(kept, 32))
    np.testing.assert_array_equal(open_features(entry.folder), truth(numbers))


def test_an_error_of_the_extractor_names_it_and_not_the_store(workshop: Workshop) -> None:
    workshop.plugin = _with(workshop.plugin, fault="full")
    with pytest.raises(BenchError, match=r"^the extraction failed: numbers: its own trouble$"):
        workshop.extract(NUMBERS)
    assert (workshop.entry(NUMBERS).partial / "chunks" / "000000.json").is_file()


def test_a_folder_without_a_record_gives_way(workshop: Workshop) -> None:
    entry = workshop.entry(NUMBERS)
    entry.folder.mkdir(parents=True)
    (entry.folder / "values.npy").write_bytes(b"a copy that was cut off")
    assert not entry.stored
    heard = workshop.heard()
    workshop.extract(NUMBERS, heard)
    assert "its features were damaged on disk and are extracted again" in heard.notices[0]
    np.testing.assert_array_equal(open_features(entry.folder), truth(NUMBERS))


def test_features_of_nothing_are_an_error(workshop: Workshop) -> None:
    with pytest.raises(BenchError, match="of one cell at least"):
        workshop.extract([])


def _with(plugin: Plugin, **params: Any) -> Plugin:
    return replace(plugin, params={**plugin.params, **params})


def _interrupted(workshop: Workshop) -> Any:
    """An entry whose first two chunks are there; nothing is noted."""
    plain, workshop.plugin = workshop.plugin, _with(workshop.plugin, fault="full")
    # Options are part of an entry's identity here, so the place is that of the plain extractor.
    entry = workshop.entry(NUMBERS)
    with pytest.raises(BenchError, match="its own trouble"):
        workshop.extract(NUMBERS)
    workshop.plugin = plain
    made = json.loads((entry.partial / "chunks" / "000000.json").read_text())
    assert made["number"] == 0
    workshop.asked()
    return entry


def test_a_link_that_lies_in_an_unfinished_entry_is_not_followed(workshop: Workshop) -> None:
    entry = workshop.entry(NUMBERS)
    outside = workshop.store.parent / "outside.npy"
    outside.write_bytes(b"somebody's")
    (entry.partial / "chunks").mkdir(parents=True)
    (entry.partial / "values.npy").symlink_to(outside)
    workshop.extract(NUMBERS)
    assert outside.read_bytes() == b"somebody's"
    np.testing.assert_array_equal(open_features(entry.folder), truth(NUMBERS))
