"""Entries are built from chunk files, resume after a kill at any point, and never contain a damaged chunk."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store import build, chunks, entry
from bench.features.store.chunks import chunk_path, read_chunk
from bench.features.store.entry import CHUNK, entry_record, open_checksums
from extractors.files import atomic

Scratch = Any
"""The fixture `scratch`."""

N = 3 * CHUNK + 5
NUMBERS = range(N)
FILES = {"checksums.npy", "entry.json", "rows.npy", "status.npy", "values.npy"}


def test_chunks_become_one_matrix_in_the_order_of_the_cells(scratch: Scratch) -> None:
    recorder = scratch.recorder()
    built = scratch.extract(NUMBERS, recorder)
    scratch.check(NUMBERS)
    assert scratch.calls() == [list(NUMBERS[a : a + CHUNK]) for a in range(0, N, CHUNK)]
    assert recorder.steps == [(0, 4), *((n, 4) for n in range(1, 5))]
    assert recorder.notices == ["numbers are numbers"], "once, not for each chunk"
    assert {path.name for path in built.folder.iterdir()} == {*FILES, "used"}
    assert sorted(path.name for path in built.folder.parent.iterdir()) == [built.folder.name, built.lock_path.name]
    scratch.extract(NUMBERS)
    assert scratch.calls() == [], "stored features are not extracted again"


def test_the_record_describes_the_extraction(scratch: Scratch) -> None:
    built = scratch.extract([1, 2, 3, 2])
    record = entry_record(built.folder)
    assert (record["key"], record["components"]) == (built.key, dict(built.components))
    assert (record["cells"], record["extracted"], record["reused"]) == (4, 3, 0)
    assert (record["selector"], record["notices"]) == ("numbers", ["numbers are numbers"])
    assert 3 / record["cells_per_s"] == pytest.approx(record["wall_s"], abs=1e-3)
    assert record["environment"]["numpy"] == np.__version__


def test_checksums_are_sha256_of_the_bytes_in_the_files(scratch: Scratch) -> None:
    folder = scratch.extract(NUMBERS).folder
    arrays = [np.load(folder / name) for name in ("rows.npy", "values.npy", "status.npy")]
    for number, row in enumerate(open_checksums(folder)):
        part = slice(number * CHUNK, (number + 1) * CHUNK)
        assert hashlib.sha256(b"".join(array[part].tobytes() for array in arrays)).digest() == bytes(row)


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for some calls, then the end of the process."""
    left = iter(range(calls))
    return lambda *args, **kwargs: _die() if next(left, None) is None else function(*args, **kwargs)


SEAMS: dict[str, tuple[int, Callable[[], None]]] = {
    "in a chunk": (2, lambda: setattr(Path, "replace", _after(2, Path.replace))),
    "between chunks": (2, lambda: setattr(chunks, "write_chunk", _after(2, chunks.write_chunk))),
    "in the matrix": (4, lambda: setattr(entry, "block_checksum", _after(2, entry.block_checksum))),
    "before the record": (4, lambda: setattr(entry, "write_record", _die)),
    "before the rename": (4, lambda: setattr(Path, "rename", _die)),
    "before the clean-up": (4, lambda: setattr(build, "discard", _die)),
}
"""Where a process is killed, and the number of chunks that are finished by then."""


@pytest.mark.parametrize("seam", SEAMS)
def test_a_killed_process_leaves_its_finished_chunks(scratch: Scratch, seam: str) -> None:
    numbers = [*NUMBERS[:-2], 3, 70]  # the last chunk repeats two cells of earlier ones
    finished, patch = SEAMS[seam]

    def extract() -> None:
        patch()
        scratch.extract(numbers)

    process = multiprocessing.get_context("fork").Process(target=extract)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    built = scratch.entry(numbers)
    assert built.stored == (seam == "before the clean-up")
    assert len(scratch.calls()) == min(finished + (seam in ("in a chunk", "between chunks")), 4)
    scratch.extract(numbers)
    assert [call[0] // CHUNK for call in scratch.calls()] == list(range(finished, 4)), "finished chunks are kept"
    scratch.check(numbers)
    undisturbed = replace(scratch, store=scratch.store.with_name("undisturbed")).extract(numbers).folder
    for name in FILES - {"entry.json"}:
        assert (built.folder / name).read_bytes() == (undisturbed / name).read_bytes()


def test_files_are_flushed_before_the_entry_is_renamed(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: set[str] = set()
    monkeypatch.setattr(atomic, "_flush", lambda path: flushed.add(path.name))
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail(str(flushed)) if not flushed >= FILES else rename(*_))
    rename = os.rename
    scratch.extract(NUMBERS)
    scratch.check(NUMBERS)


@pytest.fixture
def interrupted(scratch: Scratch) -> Any:
    """An entry whose first two chunks are finished; the log is empty."""
    with pytest.raises(BenchError, match=r"^the extraction failed: numbers: broken on purpose$"):
        scratch.with_params(fault="full").extract(NUMBERS)
    scratch.calls()
    partial = scratch.entry(NUMBERS).partial
    assert sorted(path.name for path in partial.iterdir()) == ["000000.chunk", "000001.chunk"]
    return partial


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "nonsense", "other cells"])
def test_a_damaged_chunk_is_extracted_again(scratch: Scratch, interrupted: Path, damage: str) -> None:
    path = chunk_path(interrupted, 0)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    elif damage == "other cells":
        content = bytearray(chunk_path(interrupted, 1).read_bytes())
    nonsense = hashlib.sha256(b"nonsense").digest() + b"nonsense"
    path.write_bytes({"cut": content[:100], "empty": b"", "nonsense": nonsense}.get(damage, content))
    assert (read_chunk(chunk_path(interrupted, 0)) is None) == (damage != "other cells")
    scratch.extract(NUMBERS)
    assert [call[0] // CHUNK for call in scratch.calls()] == [0, 2, 3]
    scratch.check(NUMBERS)


def test_a_chunk_that_is_damaged_while_others_are_extracted_ends_the_run(
    scratch: Scratch, interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_and_damage(path: Path, chunk: Any) -> None:
        write(path, chunk)
        chunk_path(path.parent, 0).write_bytes(b"")

    write = chunks.write_chunk
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "write_chunk", write_and_damage)
        with pytest.raises(BenchError, match=r"chunk 0 is damaged.*run the same command again"):
            scratch.extract(NUMBERS)
    scratch.calls()
    scratch.extract(NUMBERS)
    assert [call[0] // CHUNK for call in scratch.calls()] == [0]


def test_chunks_of_different_features_are_refused(scratch: Scratch) -> None:
    with pytest.raises(BenchError, match=r"chunk [0-3] has other features than another one"):
        scratch.with_params(fault="varies", status=False).extract(NUMBERS)
    assert not scratch.entry(NUMBERS).stored


def test_reused_rows_of_different_features_are_refused(scratch: Scratch) -> None:
    scratch.with_params(status=False).extract(range(10))
    with pytest.raises(BenchError, match="some cells have other features than others"):
        scratch.extract(range(20))
    assert not scratch.entry(range(20)).stored


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of 512 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)


def test_a_full_disk_keeps_finished_chunks(scratch: Scratch, small_disk: Path) -> None:
    """It may be full while chunks are written, or while the matrix is."""
    scratch.store, numbers = small_disk / "store", range(2000)
    for ballast, matrix in ((400, False), (200, True)):
        (small_disk / "ballast").write_bytes(bytes(ballast * 1024))
        with pytest.raises(
            BenchError, match=r"cannot be written \(No space left on device: .*make room there.*--store"
        ):
            scratch.extract(numbers)
        finished = len(list(scratch.entry(numbers).partial.glob("*.chunk")))
        assert (finished == 32) == matrix
        assert finished > 0
        scratch.calls()
    (small_disk / "ballast").unlink()
    scratch.extract(numbers)
    assert scratch.calls() == []
    scratch.check(numbers)


def test_a_full_disk_is_reported(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without a file system of its own."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for module, name in ((chunks, "write_chunk"), (build, "write_blocks")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(BenchError, match=r"No space left on device: .*store.*finished chunks are kept"):
                scratch.extract(NUMBERS)
    scratch.calls()
    scratch.extract(NUMBERS)
    assert scratch.calls() == []


def test_features_of_no_cells_are_an_error(scratch: Scratch) -> None:
    with pytest.raises(BenchError, match="at least one cell is needed"):
        scratch.extract([])
