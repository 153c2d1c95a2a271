"""Commands of the feature store, on a store made by extractions."""

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
    """Ten synthetic patients with about eight small cells each: two chunks."""
    folder = tmp_path_factory.mktemp("features") / "cells"
    write_phantom(PhantomSpec(patients=5, cells=8, spread=0.2, size=64, seed=11), folder)
    return folder


@pytest.fixture(scope="session")
def original_store(cells: Path) -> Path:
    """A store with two entries for these cells."""
    store = cells.parent / "store"
    for extractor in ("size", COLOR):
        extract_features(str(cells), extractor, store=store, jobs=1)
    return store


@pytest.fixture
def store(original_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original_store, tmp_path / "store"))


@pytest.fixture
def command(store: Path) -> Command:
    """Run `bench features ...` on the store; a `BenchError` is raised."""

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


def test_list_prints_entries_and_total(command: Command, store: Path) -> None:
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


def test_list_of_an_empty_store(command: Command, tmp_path: Path) -> None:
    shown = command("list", at=tmp_path / "none").stdout
    assert f"no features in {tmp_path / 'none'}" in shown
    assert "bench features extract" in shown
    assert not (tmp_path / "none").exists()


def test_show_prints_the_metadata(command: Command, store: Path) -> None:
    folder = entry_of(store, "size")
    record = entry_record(folder)
    for name in (record["key"][:8], record["key"], str(folder)):
        shown = command("show", name).stdout
        for text in (
            record["key"], record["written"], str(folder), "size.area.cell", f"{record['cells']} (one per cell)",
            f"28: {', '.join(record['names'][:8])} ... and 20 more", f"code: {record['components']['code']}",
            f"numpy: {record['components']['libraries']['numpy']}", f"python: {record['environment']['python']}",
            f"{record['extracted']} cells in {record['wall_s']:.1f} s",
        ):  # fmt: skip
            assert text in shown


def test_show_prints_training_patients(command: Command, store: Path) -> None:
    from bench.features.store.entry import write_entry  # noqa: PLC0415

    key = digest({})  # of an entry without components
    folder = store / "fitted" / f"learned-{key[:16]}" / key[:16]
    on = {"patients": ["p1", "p\x1b[31m2"], "units": ["u1"], "cells": 7}
    write_entry(folder, open_features(entry_of(store, "size"))[:3], [f"c{n}" for n in range(28)], fitted_on=on)
    assert "fitted on:    7 cells of 2 patients: p1, p\\x1b[31m2" in command("show", key[:8]).stdout
    assert command("verify", key[:8]).exit_code == 0


def test_show_of_an_unknown_entry(command: Command) -> None:
    with pytest.raises(BenchError, match=r"no entry in .* is called 'zz'. bench features list names them all"):
        command("show", "zz")


def test_why_and_path_of_stored_features(command: Command, store: Path, cells: Path) -> None:
    folder = entry_of(store, "size")
    shown = command("why", str(cells), "size")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, f"stored: {folder}")
    printed = command("path", str(cells), "size")
    assert (printed.exit_code, printed.stdout) == (0, f"{folder}\n")
    assert command("path").stdout == f"{store}\n"


def test_why_prints_differences(command: Command, cells: Path, store: Path) -> None:
    lines = command("why", str(cells), "handcrafted[families=size+color+shape]", "--prepare", "crop").stdout
    name = entry_record(entry_of(store, COLOR))["key"][:8]
    assert f"the nearest entry is {name}, " in lines
    assert "  families: size+color -> size+color+shape\n" in lines
    assert f"  prepare: none -> {canonical(parse_prepare('crop'))}\n" in lines
    nothing = command("why", str(cells), "lbp")
    assert nothing.exit_code == 0
    assert nothing.stdout.splitlines() == ["not stored: lbp", "the store has no entry of this extractor"]


def test_why_counts_reusable_rows(command: Command, cells: Path, store: Path) -> None:
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


def test_path_requires_an_extractor_with_data(command: Command, cells: Path) -> None:
    with pytest.raises(BenchError, match=r"no extractor given; for example bench features path .* size"):
        command("path", str(cells))


def test_verify_reports_a_flipped_byte_until_it_is_extracted_again(command: Command, cells: Path, store: Path) -> None:
    assert re.search(r"^2 entries checked, 4 chunks: no damage$", command("verify").stdout, re.MULTILINE)
    folder = entry_of(store, "size")
    values, rows = open_features(folder)[:], entry_record(folder)["cells"]
    with (folder / "values.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    printed = command("verify")
    assert printed.exit_code == 1
    assert f"  chunk 1: rows 64-{rows - 1}\n" in printed.stdout
    assert "chunk 0" not in printed.stdout
    assert "2 entries checked, 4 chunks: 1 entry damaged" in printed.stdout
    assert command("verify", entry_record(entry_of(store, COLOR))["key"][:8]).exit_code == 0
    extract_features(str(cells), "size", store=store, jobs=1)
    assert command("verify").exit_code == 0
    assert (open_features(folder) == values).all()


@pytest.mark.parametrize("file", ["entry.json", "rows.npy", "checksums.npy", "values.npy"])
def test_verify_names_a_damaged_file(command: Command, store: Path, file: str) -> None:
    folder = entry_of(store, "size")
    os.truncate(folder / file, 5)
    printed = command("verify")
    assert printed.exit_code == 1
    assert file in printed.stdout
    assert "1 entry damaged" in printed.stdout
    assert command("list").exit_code == 0


def test_verify_reports_entries_under_wrong_keys(command: Command, store: Path) -> None:
    one, other = entry_of(store, "size"), entry_of(store, COLOR)
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    printed = command("verify")
    assert printed.exit_code == 1
    assert printed.stdout.count("it lies in the place of another entry") == 2


def test_gc_removes_stale_entries(command: Command, store: Path) -> None:
    folder = entry_of(store, "size")
    stale = folder.with_name(f"{1:016x}")
    shutil.copytree(folder, stale)
    (stale / "entry.json").write_text("{}")
    size = sum(p.stat().st_size for p in stale.iterdir())
    printed = command("gc", "--dry-run").stdout
    assert f"would remove: {stale}, {size / 1000:.3g} kB (what it says of itself cannot be read)\n" in printed
    assert "1 item, " in printed
    assert stale.exists()
    assert f"removed: {stale}, " in command("gc").stdout
    assert not stale.exists()
    assert command("gc").stdout.splitlines()[0] == "nothing to remove"
    assert command("verify").exit_code == 0


def test_gc_removes_entries_that_are_not_used(command: Command, cells: Path, store: Path) -> None:
    for extractor in ("size", COLOR):
        for file in entry_of(store, extractor).iterdir():
            os.utime(file, (time.time() - 40 * DAY_S,) * 2)
    extract_features(str(cells), "size", store=store, jobs=1)
    assert command("gc", "--older-than", "50").stdout.splitlines()[0] == "nothing to remove"
    assert "(not used for 40 days)" in command("gc", "--older-than", "30").stdout
    assert [entry.extractor for entry in listed(store).entries] == ["size"]


def test_foreign_names_are_printed_without_control_characters(command: Command, store: Path) -> None:
    (store / "features" / "\x1b[31mmine").mkdir()
    folder = entry_of(store, "size")
    record = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps({**record, "selector": "\x1b[31m[bold]" * 9, "digest": "0"}))
    for arguments in (["list"], ["verify"], ["gc", "--dry-run"], ["show", str(folder)]):
        shown = command(*arguments).output
        assert "\x1b" not in shown
        assert "\\x1b[31mmine" in shown or arguments[0] == "show"


def test_store_that_is_a_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.app import main  # noqa: PLC0415

    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["bench", "features", "list", "--store", str(tmp_path / "file")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "a file, and no folder of features; choose another place with --store" in capsys.readouterr().err


def test_list_folds_on_a_narrow_terminal(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console  # noqa: PLC0415

    from bench.cli.display import store as display  # noqa: PLC0415

    narrow = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "console", narrow)
    with narrow.capture() as shown:
        display.show_listing(listed(store))
    table = shown.get().split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert len(table) > 3, "the long selector is folded"
