"""The commands of the feature store, through the real command line, on a store that real extractions made."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.features.extract import extract_features
from bench.features.store.entry import entry_record, open_features
from bench.features.store.listing import Listing, list_store
from bench.plugins.preparation import canonical, parse_prepare
from bench.storage.fingerprints import digest

Command = Callable[..., Result]
COLOR = "handcrafted[families=size+color]"
DAY_S = 24 * 3600


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten phantom patients with about eight small cells each: two chunks."""
    folder = tmp_path_factory.mktemp("looked_after") / "cells"
    write_phantom(PhantomSpec(patients=5, cells=8, spread=0.2, size=64, seed=11), folder)
    return folder


@pytest.fixture(scope="session")
def made(cells: Path) -> Path:
    """A store with two entries of these cells."""
    store = cells.parent / "store"
    for extractor in ("size", COLOR):
        extract_features(str(cells), extractor, store=store, jobs=1)
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def command(store: Path) -> Command:
    """Run `bench features ...` on the store; errors of the user's are raised."""

    def run(*arguments: str, at: Path = store) -> Result:
        ended = CliRunner().invoke(app, ["features", *arguments, "--store", str(at)])
        if isinstance(ended.exception, BenchError):
            raise ended.exception
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended

    return run


def listed(store: Path) -> Listing:
    return list_store(store)


def entry_of(store: Path, extractor: str) -> Path:
    return next(entry.folder for entry in listed(store).entries if entry.extractor == extractor)


def test_list_has_a_row_an_entry_and_a_total(command: Command, store: Path) -> None:
    lines = command("list").stdout.splitlines()
    assert lines[0].split() == ["name", "extractor", "cells", "features", "size", "written", "cells/s", "state"]
    rows = {line.split()[1]: line.split() for line in lines[1:3]}
    assert set(rows) == {"size", COLOR}
    for extractor, columns in ((COLOR, 151), ("size", 28)):
        record = entry_record(entry_of(store, extractor))
        row = rows[extractor]
        assert record["key"].startswith(row[0])
        assert row[2:4] == [str(record["cells"]), str(columns)]
        assert row[6:] == [record["written"][:10], f"{record['cells_per_s']:.3g}", "whole"]
    total = sum(entry.bytes for entry in listed(store).entries)
    assert total == sum(p.stat().st_size for p in (store / "features").rglob("*") if p.is_file())
    assert lines[-1].startswith("2 entries, ")
    assert lines[-1].endswith(f" kB in {store}")
    assert float(lines[-1].split()[2]) == pytest.approx(total / 1000, rel=0.01)


def test_an_empty_store_tells_where_it_is_and_how_features_get_there(command: Command, tmp_path: Path) -> None:
    shown = command("list", at=tmp_path / "none").stdout
    assert f"no features in {tmp_path / 'none'}" in shown
    assert "bench features extract" in shown
    assert not (tmp_path / "none").exists()


def test_show_tells_all_that_an_entry_says_of_itself(command: Command, store: Path) -> None:
    folder = entry_of(store, "size")
    record = entry_record(folder)
    for name in (record["key"][:8], record["key"], str(folder)):
        shown = command("show", name).stdout
        for said in (
            record["key"], record["written"], str(folder), "size.area.cell", f"{record['cells']} (one a cell)",
            f"28: {', '.join(record['names'][:8])} ... and 20 more", f"code: {record['components']['code']}",
            f"numpy: {record['components']['libraries']['numpy']}", f"python: {record['environment']['python']}",
            f"{record['extracted']} cells in {record['wall_s']:.1f} s",
        ):  # fmt: skip
            assert said in shown


def test_show_names_the_patients_that_an_extractor_was_fitted_on(command: Command, store: Path) -> None:
    from bench.features.store.entry import write_entry  # noqa: PLC0415

    key = digest({})  # of components that are none; neither is the extractor's share of them
    folder = store / "fitted" / f"learned-{key[:16]}" / key[:16]
    on = {"patients": ["p1", "p\x1b[31m2"], "units": ["u1"], "cells": 7}
    write_entry(folder, open_features(entry_of(store, "size"))[:3], [f"c{n}" for n in range(28)], fitted_on=on)
    assert "fitted on:    7 cells of 2 patients: p1, p\\x1b[31m2" in command("show", key[:8]).stdout
    assert command("verify", key[:8]).exit_code == 0


def test_an_unknown_name_says_where_names_are(command: Command) -> None:
    with pytest.raises(BenchError, match=r"no entry in .* is called 'zz'. bench features list names them all"):
        command("show", "zz")


def test_why_and_path_of_what_is_stored(command: Command, store: Path, cells: Path) -> None:
    folder = entry_of(store, "size")
    shown = command("why", str(cells), "size")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, f"stored: {folder}")
    found = command("path", str(cells), "size")
    assert (found.exit_code, found.stdout) == (0, f"{folder}\n")
    assert command("path").stdout == f"{store}\n"


def test_why_names_what_differs(command: Command, cells: Path, store: Path) -> None:
    lines = command("why", str(cells), "handcrafted[families=size+color+shape]", "--prepare", "crop").stdout
    name = entry_record(entry_of(store, COLOR))["key"][:8]
    assert f"the nearest entry is {name}, " in lines
    assert "  families: size+color -> size+color+shape\n" in lines
    assert f"  prepare: none -> {canonical(parse_prepare('crop'))}\n" in lines
    nothing = command("why", str(cells), "lbp")
    assert nothing.exit_code == 0
    assert nothing.stdout.splitlines() == ["not stored: lbp", "the store holds no entry of this extractor"]


def test_why_counts_cells_and_a_run_reuses_just_these(command: Command, cells: Path, store: Path) -> None:
    rows = (cells / "manifest.csv").read_text().splitlines()
    fewer = cells / "fewer.csv"
    fewer.write_text("\n".join([rows[0], *rows[11:]]))
    left = len(rows) - 11
    assert (
        f"cells: all {left} are among its {len(rows) - 1} ({left} rows will be reused)"
        in command("why", str(fewer), "size").stdout
    )
    missing = command("path", str(fewer), "size")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"size of {fewer} is not stored" in missing.stderr
    assert extract_features(str(fewer), "size", store=store, jobs=1).extracted == 0
    assert command("path", str(fewer), "size").exit_code == 0


def test_path_wants_an_extractor_beside_the_data(command: Command, cells: Path) -> None:
    with pytest.raises(BenchError, match=r"say whose features, such as bench features path .* size"):
        command("path", str(cells))


def test_a_flipped_byte_is_found_and_the_next_run_extracts_its_chunk_again(
    command: Command, cells: Path, store: Path
) -> None:
    assert re.search(r"^2 entries checked, 4 chunks: all are whole$", command("verify").stdout, re.MULTILINE)
    folder = entry_of(store, "size")
    whole, rows = open_features(folder)[:], entry_record(folder)["cells"]
    with (folder / "values.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    found = command("verify")
    assert found.exit_code == 1
    assert f"  chunk 1: rows 64-{rows - 1}\n" in found.stdout
    assert "chunk 0" not in found.stdout
    assert "2 entries checked, 4 chunks: 1 entry damaged" in found.stdout
    assert command("verify", entry_record(entry_of(store, COLOR))["key"][:8]).exit_code == 0
    extract_features(str(cells), "size", store=store, jobs=1)
    assert command("verify").exit_code == 0
    assert (open_features(folder) == whole).all()


@pytest.mark.parametrize("file", ["entry.json", "rows.npy", "checksums.npy", "values.npy"])
def test_a_damaged_file_is_named(command: Command, store: Path, file: str) -> None:
    folder = entry_of(store, "size")
    os.truncate(folder / file, 5)
    found = command("verify")
    assert found.exit_code == 1
    assert file in found.stdout
    assert "1 entry damaged" in found.stdout
    assert command("list").exit_code == 0


def test_entries_that_changed_places_are_found(command: Command, store: Path) -> None:
    """Each is whole in itself, and neither is what its place is asked for."""
    one, other = entry_of(store, "size"), entry_of(store, COLOR)
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    told = command("verify")
    assert told.exit_code == 1
    assert told.stdout.count("it lies in the place of another entry") == 2


def test_gc_removes_what_is_stale_and_says_how_much(command: Command, store: Path) -> None:
    folder = entry_of(store, "size")
    stale = folder.with_name(f"{1:016x}")
    shutil.copytree(folder, stale)
    (stale / "entry.json").write_text("{}")
    size = sum(p.stat().st_size for p in stale.iterdir())
    told = command("gc", "--dry-run").stdout
    assert f"would remove: {stale}, {size / 1000:.3g} kB (what it says of itself cannot be read)\n" in told
    assert "1 thing, " in told
    assert stale.exists()
    assert f"removed: {stale}, " in command("gc").stdout
    assert not stale.exists()
    assert command("gc").stdout.splitlines()[0] == "nothing to remove"
    assert command("verify").exit_code == 0


def test_gc_removes_what_no_run_has_used_for_days(command: Command, cells: Path, store: Path) -> None:
    for extractor in ("size", COLOR):
        for file in entry_of(store, extractor).iterdir():
            os.utime(file, (time.time() - 40 * DAY_S,) * 2)
    extract_features(str(cells), "size", store=store, jobs=1)
    assert command("gc", "--older-than", "50").stdout.splitlines()[0] == "nothing to remove"
    assert "(not used for 40 days)" in command("gc", "--older-than", "30").stdout
    assert [entry.extractor for entry in listed(store).entries] == ["size"]


def test_what_is_foreign_or_hostile_is_named_and_steers_no_terminal(command: Command, store: Path) -> None:
    (store / "features" / "\x1b[31mmine").mkdir()
    folder = entry_of(store, "size")
    record = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps({**record, "selector": "\x1b[31m[bold]" * 9, "digest": "0"}))
    for arguments in (["list"], ["verify"], ["gc", "--dry-run"], ["show", str(folder)]):
        shown = command(*arguments).output
        assert "\x1b" not in shown
        assert "\\x1b[31mmine" in shown or arguments[0] == "show"


def test_a_store_that_is_a_file_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.app import main  # noqa: PLC0415

    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["bench", "features", "list", "--store", str(tmp_path / "file")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "a file, and no folder of features; choose another place with --store" in capsys.readouterr().err


def test_a_table_folds_on_a_narrow_terminal_and_nowhere_else(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console  # noqa: PLC0415

    from bench.cli.display import store as display  # noqa: PLC0415

    narrow = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "console", narrow)
    with narrow.capture() as shown:
        display.show_listing(listed(store))
    table = shown.get().split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert len(table) > 3, "the long selector is folded"
