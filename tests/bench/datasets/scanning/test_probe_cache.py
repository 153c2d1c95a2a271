from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.datasets.scanning.file_probe import Look
from bench.datasets.scanning.probe_cache import Key, get_probe, key_of, put_probe
from extractors.cells import CellFile

LOOK = Look("sha", "", "", "pixels", "picture", 4, 5, 6)

WRITER = """
import sys
from pathlib import Path
from bench.datasets.scanning.file_probe import Look
from bench.datasets.scanning.probe_cache import Key, put_probe
for i in range(60):
    put_probe(Path(sys.argv[1]), {Key(f"{sys.argv[2]}-{i}", "", "", "r", "s"): Look("a", "", "", "b", "c", i, 2, 3)})
"""


def test_what_is_remembered_comes_back_for_its_key_only(tmp_path: Path) -> None:
    store, key = tmp_path / "s", Key("/p", "/m", "/n", "r", "1:2:3")
    assert get_probe(store, [key]) == {}
    put_probe(store, {key: LOOK})
    assert get_probe(store, [key]) == {key: LOOK}
    for name in Key._fields:
        assert get_probe(store, [key._replace(**{name: "other"})]) == {}


def test_a_new_state_replaces_the_old(tmp_path: Path) -> None:
    store, key = tmp_path / "s", Key("/p", "", "", "r", "old")
    put_probe(store, {key: LOOK})
    put_probe(store, {key._replace(state="new"): replace(LOOK, sha256="other")})
    assert get_probe(store, [key]) == {}
    assert get_probe(store, [key._replace(state="new")]) == {key._replace(state="new"): replace(LOOK, sha256="other")}


def test_thousands_of_keys(tmp_path: Path) -> None:
    keys = [Key(f"/{i}", "", "", "r", "s") for i in range(2000)]
    looks = {key: replace(LOOK, height=i) for i, key in enumerate(keys)}
    put_probe(tmp_path / "s", looks)
    assert get_probe(tmp_path / "s", keys) == looks


def test_the_key_follows_the_files_times_and_the_way_they_are_read(tmp_path: Path) -> None:
    image, mask, nucleus = (tmp_path / name for name in "imn")
    for path in (image, mask, nucleus):
        path.write_bytes(b"1")
    file = CellFile("x", str(image), str(mask), nucleus_path=str(nucleus))
    first = key_of(file)
    assert key_of(replace(file, id="y", um_per_px=2.0)) == first
    assert key_of(replace(file, white_level=4095)) != first
    assert key_of(replace(file, mask_path=None)) != key_of(replace(file, mask_path=None, mask_by="whole"))
    assert key_of(replace(file, nucleus_path=None)) != first
    for path in (nucleus, mask):
        before = key_of(file)
        os.utime(path, ns=(5, 5))
        assert key_of(file) != before
    mask.unlink()
    assert key_of(file) is None


def test_two_processes_write_at_a_time(tmp_path: Path) -> None:
    store = tmp_path / "s"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(store), name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    keys = [Key(f"{name}-{i}", "", "", "r", "s") for name in ("a", "b") for i in range(60)]
    assert set(get_probe(store, keys)) == set(keys)


@pytest.mark.parametrize("damage", ["head", "middle"])
def test_a_damaged_store_is_discarded_with_a_warning(tmp_path: Path, damage: str) -> None:
    store = tmp_path / "s"
    keys = [Key(f"/{i}", "", "", "r", "s") for i in range(2000)]
    put_probe(store, dict.fromkeys(keys, LOOK))
    content = bytearray(store.read_bytes())
    start = 0 if damage == "head" else 4096
    content[start:] = b"\xa5" * (len(content) - start)
    store.write_bytes(content)
    with pytest.warns(UserWarning, match="was damaged"):
        get_probe(store, keys)
    assert not store.exists()
    put_probe(store, {keys[0]: LOOK})
    assert get_probe(store, keys) == {keys[0]: LOOK}


def test_a_locked_store_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.datasets.scanning.probe_cache._TIMEOUT_S", 0.05)
    store, key = tmp_path / "s", Key("/p", "", "", "r", "s")
    put_probe(store, {key: LOOK})
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.warns(UserWarning, match="cannot be remembered .* database is locked"):
        put_probe(store, {key._replace(path="/q"): LOOK})
    other.close()
    assert get_probe(store, [key]) == {key: LOOK}
