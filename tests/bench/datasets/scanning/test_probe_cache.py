from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.datasets.scanning.file_probe import FileProbe
from bench.datasets.scanning.probe_cache import Key, get_probes, key_of, put_probes
from extractors.cells import CellFile

PROBE = FileProbe("sha", "", "", "pixels", "picture", 4, 5, 6, 0, 0, 0, 0, 0, "nonzero: 0, 255", "")

WRITER = """
import sys
from pathlib import Path
from bench.datasets.scanning.file_probe import FileProbe
from bench.datasets.scanning.probe_cache import Key, put_probes
for i in range(60):
    key = Key(f"{sys.argv[2]}-{i}", "", "", "r", "s")
    put_probes(Path(sys.argv[1]), {key: FileProbe("a", "", "", "b", "c", i, 2, 3, 0, 0, 0, 0, 0, "", "")})
"""


def test_a_probe_is_returned_for_its_key_only(tmp_path: Path) -> None:
    store, key = tmp_path / "s", Key("/p", "/m", "/n", "r", "1:2:3")
    assert get_probes(store, [key]) == {}
    put_probes(store, {key: PROBE})
    assert get_probes(store, [key]) == {key: PROBE}
    for name in Key._fields:
        assert get_probes(store, [key._replace(**{name: "other"})]) == {}


def test_a_new_state_replaces_the_old(tmp_path: Path) -> None:
    store, key = tmp_path / "s", Key("/p", "", "", "r", "old")
    put_probes(store, {key: PROBE})
    put_probes(store, {key._replace(state="new"): replace(PROBE, sha256="other")})
    assert get_probes(store, [key]) == {}
    assert get_probes(store, [key._replace(state="new")]) == {key._replace(state="new"): replace(PROBE, sha256="other")}


def test_thousands_of_keys(tmp_path: Path) -> None:
    keys = [Key(f"/{i}", "", "", "r", "s") for i in range(2000)]
    probes = {key: replace(PROBE, height=i) for i, key in enumerate(keys)}
    put_probes(tmp_path / "s", probes)
    assert get_probes(tmp_path / "s", keys) == probes


def test_the_key_depends_on_file_times_and_reading_options(tmp_path: Path) -> None:
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
    assert set(get_probes(store, keys)) == set(keys)


@pytest.mark.parametrize("damage", ["head", "middle"])
def test_a_damaged_store_is_discarded_with_a_warning(tmp_path: Path, damage: str) -> None:
    store = tmp_path / "s"
    keys = [Key(f"/{i}", "", "", "r", "s") for i in range(2000)]
    put_probes(store, dict.fromkeys(keys, PROBE))
    content = bytearray(store.read_bytes())
    start = 0 if damage == "head" else 4096
    content[start:] = b"\xa5" * (len(content) - start)
    store.write_bytes(content)
    with pytest.warns(UserWarning, match="was damaged"):
        get_probes(store, keys)
    assert not store.exists()
    put_probes(store, {keys[0]: PROBE})
    assert get_probes(store, keys) == {keys[0]: PROBE}


def test_a_locked_store_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.datasets.scanning.probe_cache._TIMEOUT_S", 0.05)
    store, key = tmp_path / "s", Key("/p", "", "", "r", "s")
    put_probes(store, {key: PROBE})
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.warns(UserWarning, match="cannot be cached .* database is locked"):
        put_probes(store, {key._replace(path="/q"): PROBE})
    other.close()
    assert get_probes(store, [key]) == {key: PROBE}
