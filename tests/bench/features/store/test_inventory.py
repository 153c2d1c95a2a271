"""The inventory of a store: kinds of files, names and states of entries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store.entry import entry_record, write_entry, write_record
from bench.features.store.inventory import Kind, read_inventory, stale_components
from bench.features.store.keys import entry_of, software
from bench.plugins.registry import extractor
from bench.storage.fingerprints import digest


def put(store: Path, folder: str, components: dict[str, Any]) -> Path:
    """Write an entry of two features and three cells."""
    path = store / "features" / folder
    write_entry(path, np.zeros((3, 2), np.float32), ["area", "width"], components=components)
    return path


@pytest.fixture
def now() -> dict[str, Any]:
    """Components of an entry made by the installed software."""
    return dict(entry_of(Path(), extractor("size"), ["00" * 32], weights_dir=None, threads=1).components)


def test_names_are_as_long_as_necessary(tmp_path: Path) -> None:
    """The keys of two of the entries start with the same eight digits."""
    paths = [put(tmp_path, f"x-{n:016x}/{n:016x}", {"n": number}) for n, number in enumerate((7335, 13654, 0))]
    inventory = read_inventory(tmp_path)
    names = {entry.path: inventory.name(entry) for entry in inventory.entries}
    assert names == dict(zip(paths, ("8e3265b96", "8e3265b9b", digest({"n": 0})[:9]), strict=True))


def test_find_by_the_start_of_key_or_path(tmp_path: Path) -> None:
    one, other = (put(tmp_path, f"x-{n:016x}/{n:016x}", {"n": k}) for n, k in enumerate((7335, 13654)))
    inventory = read_inventory(tmp_path)
    assert inventory.find("8e3265b96").path == one
    for name in (digest({"n": 13654}), str(other), f"x-{1:016x}"):
        assert inventory.find(name).path == other
    with pytest.raises(BenchError, match=r"'8e' matches 2 entries: 8e3265b96 \(x\), 8e3265b9b \(x\)"):
        inventory.find("8e")
    with pytest.raises(BenchError, match=r"no entry in .* is called '8e3265b98'. Did you mean 8e3265b9"):
        inventory.find("8e3265b98")
    with pytest.raises(BenchError, match="is called ''"):
        inventory.find("")


def test_states_of_entries(tmp_path: Path, now: dict[str, Any]) -> None:
    put(tmp_path, f"size-{1:016x}/{1:016x}", now)
    put(tmp_path, f"size-{1:016x}/{2:016x}", {**now, "code": "another"})
    (put(tmp_path, f"size-{1:016x}/{3:016x}", now) / "entry.json").write_text("\x1b[31m")
    partial = tmp_path / "features" / f"size-{1:016x}" / f"{4:016x}.partial"
    partial.mkdir()
    (partial / "000007.chunk").touch()
    entries = read_inventory(tmp_path).entries
    assert {entry.extractor for entry in entries} == {"size"}
    assert {int(entry.path.stem, 16): entry.state for entry in entries} == {
        1: "stored", 2: "stale (code)", 3: "damaged", 4: "unfinished (1 chunk)",
    }  # fmt: skip


def test_an_entry_whose_record_is_invalid_is_listed_as_damaged(tmp_path: Path, now: dict[str, Any]) -> None:
    """Also where the digest of the record is right."""
    folder = put(tmp_path, f"size-{1:016x}/{1:016x}", now)
    write_record(folder, {**entry_record(folder), "names": 5, "cells": "51"})
    (entry,) = read_inventory(tmp_path).entries
    assert (entry.state, dict(entry.record), entry.extractor) == ("damaged", {}, "size")
    assert "entry.json: damaged ('cells': Input should be a valid integer)" in entry.problem


@pytest.mark.parametrize("name", ["code", "reading", "libraries", "preparation"])
def test_entries_of_other_software_are_stale(now: dict[str, Any], name: str) -> None:
    assert stale_components(now) == ()
    assert stale_components({**now, name: "another"}) == (name,)


def test_choices_of_the_user_do_not_make_an_entry_stale(now: dict[str, Any]) -> None:
    chosen = {"weights": "0" * 64, "device": "cuda", "threads": 8, "cells": "1" * 64}
    assert stale_components({**now, **chosen}) == ()
    assert stale_components({**now, "prepare": "crop", **software("extractors.handcrafted.size", "crop")}) == ()
    assert stale_components({**now, "prepare": "no_such_step"}) == ("preparation",)
    assert stale_components({**now, "prepare": "crop[" + "a=b[" * 3000 + "]" * 3001}) == ("preparation",)


def test_a_network_is_compared_with_the_code_of_embeddings() -> None:
    plugin = extractor("test_vit[weights=random]")
    network = entry_of(Path(), plugin, ["00" * 32], weights_dir=None, threads=1).components
    assert stale_components(network) == ()
    assert stale_components({**network, "code": "another"}) == ("code",)


@pytest.mark.parametrize("name", ["os.path", "gone.Extractor[a=1]", None, 3, "", "a[" * 5000])
def test_an_extractor_that_is_not_installed_is_not_imported(now: dict[str, Any], name: object) -> None:
    assert stale_components({**now, "extractor": name}) == ("extractor",)


def test_kinds_of_files(tmp_path: Path) -> None:
    room = tmp_path / "features"
    place = room / f"x-{1:016x}"
    for folder in (f"{1:016x}", f"{2:016x}.partial", ".unfinished-ab", "else"):
        (place / folder).mkdir(parents=True)
    for path in (place / f"{1:016x}.lock", place / "file", room / "notes.txt"):
        path.write_bytes(b"123")
    for folder in (f"empty-{1:016x}", "folder"):
        (room / folder).mkdir()
    inventory = read_inventory(tmp_path)
    assert {item.path.name: item.kind for item in inventory.items} == {
        f"{1:016x}": Kind.entry, f"{2:016x}.partial": Kind.unfinished, f"{1:016x}.lock": Kind.lock,
        ".unfinished-ab": Kind.temporary, "else": Kind.unknown, "file": Kind.unknown, "notes.txt": Kind.unknown,
        "folder": Kind.unknown, f"empty-{1:016x}": Kind.empty,
    }  # fmt: skip
    assert {path.name for path in inventory.unknown} == {"else", "file", "notes.txt", "folder"}
    locks = {item.lock.name for item in inventory.entries}
    assert locks == {f"{1:016x}.lock", f"{2:016x}.lock"}
    (place / f"{1:016x}" / "values.npy").write_bytes(bytes(1000))
    assert next(item.bytes for item in inventory.items if item.kind is Kind.entry) == 1000
    assert read_inventory(tmp_path / "nowhere").items == ()


def test_a_store_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "features").mkdir()

    def refuse(self: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(BenchError, match=r"the feature store cannot be read .Permission denied: .*features"):
        read_inventory(tmp_path)
