"""A store is listed as it is: whole, unfinished, stale, damaged and foreign things are told apart."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store.chunks import CHUNKS, Made, write_made
from bench.features.store.entry import entry_record, write_entry
from bench.features.store.inventory import Kind, contents, size_of
from bench.features.store.keys import entry_of, software
from bench.features.store.layout import Layout, agree
from bench.features.store.listing import list_store
from bench.features.store.staleness import outdated
from bench.plugins.registry import extractor
from bench.storage.fingerprints import digest

NAMES = ("area", "width")


def put(store: Path, folder: str, components: dict[str, Any], cells: int = 3, **fields: Any) -> Path:
    """Write an entry of made-up features."""
    place = store / "features" / folder
    write_entry(place, np.zeros((cells, len(NAMES)), np.float32), NAMES, components=components, **fields)
    return place


@pytest.fixture
def now() -> dict[str, Any]:
    """The components of an entry that the installed software would make."""
    return dict(entry_of(Path(), extractor("size"), ["00" * 32], weights_dir=None, threads=1).components)


def test_names_are_as_long_as_they_have_to_be(tmp_path: Path) -> None:
    """The keys of the first two begin with the same eight digits."""
    for n, number in enumerate((7335, 13654, 0)):
        put(tmp_path, f"x-{n:016x}/{n:016x}", {"n": number})
    listing = list_store(tmp_path)
    keys = {digest({"n": number}) for number in (7335, 13654, 0)}
    assert {entry.key for entry in listing.entries} == keys
    assert {entry.name for entry in listing.entries} == {"8e3265b96", "8e3265b9b", digest({"n": 0})[:8]}


def test_an_entry_is_found_by_the_beginning_of_its_key_or_by_its_folder(tmp_path: Path) -> None:
    places = [put(tmp_path, f"x-{n:016x}/{n:016x}", {"n": number}) for n, number in enumerate((7335, 13654))]
    listing = list_store(tmp_path)
    assert listing.find("8e3265b96").folder == places[0]
    assert listing.find(digest({"n": 13654})).folder == places[1]
    assert listing.find(str(places[1])).folder == places[1]
    assert listing.find(f"x-{1:016x}").folder == places[1]
    with pytest.raises(BenchError, match=r"'8e' stands for 2 entries: 8e3265b96 \(x\), 8e3265b9b \(x\)"):
        listing.find("8e")
    with pytest.raises(BenchError, match=r"no entry in .* is called '8e3265b98'. Did you mean 8e3265b9"):
        listing.find("8e3265b98")
    with pytest.raises(BenchError, match="is called ''"):
        listing.find("")
    with pytest.raises(BenchError, match="holds no entry, so none is called 'x'"):
        list_store(tmp_path / "nowhere").find("x")


def test_an_unfinished_entry_tells_how_far_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "features" / f"size-{1:016x}" / f"{2:016x}.partial"
    (folder / CHUNKS).mkdir(parents=True)
    (bare,) = list_store(tmp_path).entries
    assert (bare.state, bare.extractor) == ("unfinished (no chunk yet)", "size")
    layout = Layout(150, NAMES, status=False)
    agree(folder, layout, "size", 0)
    for number in (0, 2):
        write_made(folder, Made(number, "00" * 32, extracted=64, reused=0))
    (entry,) = list_store(tmp_path).entries
    assert entry.state == "unfinished (2 of 3 chunks)"


@pytest.mark.parametrize("name", ["code", "reading", "libraries", "preparation"])
def test_what_the_installed_software_would_make_otherwise_is_stale(
    tmp_path: Path, now: dict[str, Any], name: str
) -> None:
    put(tmp_path, f"size-{1:016x}/{1:016x}", now)
    put(tmp_path, f"size-{2:016x}/{2:016x}", {**now, name: "another"})
    states = {entry.folder.name[-1]: entry.state for entry in list_store(tmp_path).entries}
    assert states == {"1": "whole", "2": f"stale ({name})"}


def test_what_a_person_chooses_does_not_make_an_entry_stale(now: dict[str, Any]) -> None:
    chosen = {"weights": "0" * 64, "device": "cuda", "threads": 8, "cells": "1" * 64}
    assert outdated({**now, **chosen}) == ()
    module = str(now["extractor"]).partition("[")[0].rpartition(".")[0]
    assert outdated({**now, "prepare": "crop", **software(module, "crop")}) == ()
    assert outdated({**now, "prepare": "no_such_step"}) == ("preparation",)
    assert outdated({**now, "prepare": "crop[" + "a=b[" * 3000 + "]" * 3001}) == ("preparation",)


@pytest.mark.parametrize("name", ["os.path", "gone.Extractor[a=1]", None, 3, "", "a[" * 5000])
def test_an_extractor_that_is_not_installed_is_not_looked_for(now: dict[str, Any], name: object) -> None:
    assert outdated({**now, "extractor": name}) == ("extractor",)


def test_an_older_layout_is_listed_and_stale(tmp_path: Path) -> None:
    old = tmp_path / "features" / f"size-{3:016x}"
    old.mkdir(parents=True)
    (old / "entry.json").write_text(json.dumps({"components": {"format": 1}, "cells": 7, "names": ["a"]}))
    (entry,) = list_store(tmp_path).entries
    assert (entry.extractor, entry.state, entry.record["cells"]) == ("size", "stale (format)", 7)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 2}', '{"format": 99}', "[" * 5000, '{"cells": 1e999}', "\x1b[31m"]
)
def test_a_record_that_cannot_be_read_is_told_and_passed_over(tmp_path: Path, text: str) -> None:
    good = put(tmp_path, f"x-{1:016x}/{1:016x}", {"n": 1})
    bad = put(tmp_path, f"x-{2:016x}/{2:016x}", {"n": 2})
    (bad / "entry.json").write_text(text)
    entries = {entry.folder: entry for entry in list_store(tmp_path).entries}
    assert set(entries) == {good, bad}
    assert entries[bad].state == "damaged"
    assert "entry.json" in entries[bad].problem
    assert entry_record(good)["cells"] == 3


def test_foreign_things_and_links_are_named_and_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path / "other", f"x-{1:016x}/{1:016x}", {"n": 1})
    room = tmp_path / "store" / "features"
    (room / f"x-{1:016x}").mkdir(parents=True)
    (room / f"x-{1:016x}" / f"{1:016x}").symlink_to(outside)
    (room / f"y-{1:016x}").symlink_to(outside.parent)
    (room / "notes.txt").write_text("mine")
    (room / "folder").mkdir()
    (tmp_path / "store" / "fitted").symlink_to(tmp_path / "other" / "features")
    listing = list_store(tmp_path / "store")
    assert listing.entries == ()
    assert {str(path.relative_to(tmp_path / "store")) for path in listing.foreign} == {
        f"features/x-{1:016x}/{1:016x}", f"features/y-{1:016x}", "features/notes.txt", "features/folder", "fitted",
    }  # fmt: skip


def test_each_thing_is_called_what_it_is(tmp_path: Path) -> None:
    room = tmp_path / "features"
    place = room / f"x-{1:016x}"
    for folder in (f"{1:016x}", f"{2:016x}.partial", ".unfinished-ab", "else"):
        (place / folder).mkdir(parents=True)
    for file in (f"{1:016x}.lock", "file"):
        (place / file).touch()
    (room / f"old-{1:016x}.shards").mkdir()
    (room / f"old-{1:016x}.lock").touch()
    (room / f"bare-{1:016x}").mkdir()
    found = {thing.path.name: thing.kind for thing in contents(tmp_path)}
    assert found == {
        f"{1:016x}": Kind.entry, f"{2:016x}.partial": Kind.partial, f"{1:016x}.lock": Kind.lock,
        ".unfinished-ab": Kind.remnant, "else": Kind.foreign, "file": Kind.foreign,
        f"old-{1:016x}.shards": Kind.old, f"old-{1:016x}.lock": Kind.old, f"bare-{1:016x}": Kind.empty,
    }  # fmt: skip
    locks = {thing.path.name: thing.lock.name for thing in contents(tmp_path) if thing.kind in (Kind.partial, Kind.old)}
    assert locks == {
        f"{2:016x}.partial": f"{2:016x}.lock", f"old-{1:016x}.shards": f"old-{1:016x}.lock",
        f"old-{1:016x}.lock": f"old-{1:016x}.lock",
    }  # fmt: skip


def test_sizes_count_what_lies_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "a").write_bytes(b"1" * 1000)
    (tmp_path / "x" / "y" / "b").write_bytes(b"2" * 234)
    (tmp_path / "x" / "link").symlink_to(Path(__file__))
    with (tmp_path / "x" / "sparse").open("wb") as file:
        file.truncate(10**9)
    link = (tmp_path / "x" / "link").lstat().st_size
    assert 1234 <= size_of(tmp_path / "x") <= 1234 + link


def test_a_store_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "features").mkdir()

    def refuse(self: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(BenchError, match=r"the feature store cannot be read .Permission denied: .*features"):
        list_store(tmp_path)
