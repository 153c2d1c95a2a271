"""The commands of the feature store on a store of real extractions."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.features.extract import extract_features
from bench.features.store.entry import entry_record, open_features, write_entry
from bench.features.store.inventory import Inventory, read_inventory
from bench.plugins.preparation import canonical, parse_prepare
from bench.storage.fingerprints import digest

Command = Callable[..., Result]
COLOR = "handcrafted[families=size+color]"
DAY_S = 24 * 3600


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten phantom patients with about eight small cells each: two chunks."""
    folder = tmp_path_factory.mktemp("features") / "cells"
    write_phantom(PhantomSpec(patients=5, cells=8, spread=0.2, size=64, seed=11), folder)
    return folder


@pytest.fixture(scope="session")
def filled_store(cells: Path) -> Path:
    """A store with two entries of these cells."""
    store = cells.parent / "store"
    for extractor in ("size", COLOR):
        extract_features(str(cells), extractor, store=store, jobs=1)
    return store


@pytest.fixture
def store(filled_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled_store, tmp_path / "store"))


@pytest.fixture
def command(store: Path) -> Command:
    """Run `bench features ...` on the store; BenchErrors are raised."""

    def run(*arguments: str, at: Path = store) -> Result:
        ended = CliRunner().invoke(app, ["features", *arguments, "--store", str(at)])
        if isinstance(ended.exception, BenchError):
            raise ended.exception
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended

    return run


def inventory(store: Path) -> Inventory:
    return read_inventory(store)


def entry_of(store: Path, extractor: str) -> Path:
    return next(entry.path for entry in inventory(store).entries if entry.extractor == extractor)


def test_list_prints_a_row_per_entry_and_a_total(command: Command, store: Path) -> None:
    lines = command("list").stdout.splitlines()
    assert lines[0].split() == ["name", "extractor", "cells", "features", "size", "written", "cells/s", "state"]
    rows = {line.split()[1]: line.split() for line in lines[1:3]}
    assert set(rows) == {"size", COLOR}
    for extractor, columns in ((COLOR, 151), ("size", 28)):
        record = entry_record(entry_of(store, extractor))
        row = rows[extractor]
        assert record["key"].startswith(row[0])
        assert row[2:4] == [str(record["cells"]), str(columns)]
        assert row[6:] == [record["written"][:10], f"{record['cells_per_s']:.3g}", "stored"]
    total = sum(entry.bytes for entry in inventory(store).entries)
    assert total == sum(p.stat().st_size for p in (store / "features").rglob("*") if p.is_file())
    assert lines[-1].startswith("2 entries, ")
    assert lines[-1].endswith(f" kB in {store}")
    assert float(lines[-1].split()[2]) == pytest.approx(total / 1000, rel=0.01)


def test_list_of_an_empty_store(command: Command, tmp_path: Path) -> None:
    shown = command("list", at=tmp_path / "none").stdout
    assert f"no features in {tmp_path / 'none'}" in shown
    assert "bench features extract" in shown
    assert not (tmp_path / "none").exists()


def test_show_prints_the_record(command: Command, store: Path) -> None:
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


def test_show_names_the_training_patients(command: Command, store: Path) -> None:
    key = digest({})  # of no components
    folder = store / "fitted" / f"learned-{key[:16]}" / key[:16]
    on = {"patients": ["p1", "p\x1b[31m2"], "units": ["u1"], "cells": 7}
    write_entry(folder, open_features(entry_of(store, "size"))[:3], [f"c{n}" for n in range(28)], fitted_on=on)
    assert "fitted on:    7 cells of 2 patients: p1, p\\x1b[31m2" in command("show", key[:8]).stdout
    assert command("gc", "--check").exit_code == 0


def test_an_unknown_name_is_an_error(command: Command) -> None:
    with pytest.raises(BenchError, match=r"no entry in .* is called 'zz'. bench features list names them all"):
        command("show", "zz")


def test_why_and_path_of_stored_features(command: Command, store: Path, cells: Path) -> None:
    folder = entry_of(store, "size")
    shown = command("why", str(cells), "size")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, f"stored: {folder}")
    printed = command("path", str(cells), "size")
    assert (printed.exit_code, printed.stdout) == (0, f"{folder}\n")
    assert command("path").stdout == f"{store}\n"


def test_why_names_the_differences(command: Command, cells: Path, store: Path) -> None:
    lines = command("why", str(cells), "handcrafted[families=size+color+shape]", "--prepare", "crop").stdout
    name = entry_record(entry_of(store, COLOR))["key"][:8]
    assert f"the nearest entry is {name}, " in lines
    assert "  families: size+color -> size+color+shape\n" in lines
    assert f"  prepare: none -> {canonical(parse_prepare('crop'))}\n" in lines
    nothing = command("why", str(cells), "lbp")
    assert nothing.exit_code == 0
    assert nothing.stdout.splitlines() == ["not stored: lbp", "the store contains no entry of this extractor"]


def test_why_counts_reusable_rows_and_a_run_copies_them(command: Command, cells: Path, store: Path) -> None:
    rows = (cells / "manifest.csv").read_text().splitlines()
    fewer = cells / "fewer.csv"
    fewer.write_text("\n".join([rows[0], *rows[11:]]))
    left = len(rows) - 11
    assert (
        f"cells: other cells; {left} rows can be copied from stored entries"
        in command("why", str(fewer), "size").stdout
    )
    missing = command("path", str(fewer), "size")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"size of {fewer} is not stored" in missing.stderr
    assert extract_features(str(fewer), "size", store=store, jobs=1).extracted == 0
    assert command("path", str(fewer), "size").exit_code == 0


def test_path_needs_an_extractor(command: Command, cells: Path) -> None:
    with pytest.raises(BenchError, match=r"no extractor given; for example bench features path .* size"):
        command("path", str(cells))


def test_gc_check_detects_a_flipped_byte_and_the_next_run_extracts_it_again(
    command: Command, cells: Path, store: Path
) -> None:
    assert command("gc", "--check").stdout.splitlines() == ["2 entries checked: all are intact"]
    folder = entry_of(store, "size")
    values, rows = np.array(open_features(folder)), entry_record(folder)["cells"]
    with (folder / "values.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    checked = command("gc", "--check")
    assert checked.exit_code == 1
    assert checked.stdout.splitlines() == [
        f"{entry_record(folder)['key'][:8]}  size: rows 64-{rows - 1} are damaged ({folder})",
        "  damaged rows are extracted again by the next run that needs this entry",
        "2 entries checked: 1 entry damaged",
    ]
    assert extract_features(str(cells), "size", store=store, jobs=1).extracted == rows - 64
    assert command("gc", "--check").exit_code == 0
    assert (open_features(folder) == values).all()


def test_gc_removes_unusable_entries(command: Command, store: Path) -> None:
    folder = entry_of(store, "size")
    stale = folder.with_name(f"{1:016x}")
    shutil.copytree(folder, stale)
    (stale / "entry.json").write_text("{}")
    size = sum(p.stat().st_size for p in stale.iterdir())
    printed = command("gc", "--dry-run").stdout
    assert f"would remove: {stale}, {size / 1000:.3g} kB (its record cannot be read)\n" in printed
    assert "1 item, " in printed
    assert stale.exists()
    assert f"removed: {stale}, " in command("gc").stdout
    assert not stale.exists()
    assert command("gc").stdout.splitlines()[0] == "nothing to remove"
    assert command("gc", "--check").exit_code == 0


def test_gc_removes_unused_entries_on_request(command: Command, cells: Path, store: Path) -> None:
    for extractor in ("size", COLOR):
        for file in entry_of(store, extractor).iterdir():
            os.utime(file, (time.time() - 40 * DAY_S,) * 2)
    extract_features(str(cells), "size", store=store, jobs=1)
    assert command("gc", "--older-than", "50").stdout.splitlines()[0] == "nothing to remove"
    assert "(not used for 40 days)" in command("gc", "--older-than", "30").stdout
    assert [entry.extractor for entry in inventory(store).entries] == ["size"]


def test_control_characters_are_escaped(command: Command, store: Path) -> None:
    (store / "features" / "\x1b[31mmine").mkdir()
    folder = entry_of(store, "size")
    write_entry(folder.with_name(f"{1:016x}"), np.zeros((1, 1), np.float32), ["a"], selector="\x1b[31m[bold]" * 9)
    for arguments in (["list"], ["gc", "--check"], ["gc", "--dry-run"], ["show", str(folder.with_name(f"{1:016x}"))]):
        shown = command(*arguments).output
        assert "\x1b" not in shown
        assert "\\x1b[31mmine" in shown or arguments[0] == "show"


def test_a_store_that_is_a_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.app import main  # noqa: PLC0415

    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["bench", "features", "list", "--store", str(tmp_path / "file")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "a file, not a folder of features; choose another place with --store" in capsys.readouterr().err


def test_a_table_folds_on_a_narrow_terminal_and_nowhere_else(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console  # noqa: PLC0415

    from bench.cli.display import store as display  # noqa: PLC0415

    narrow = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "console", narrow)
    with narrow.capture() as shown:
        display.show_inventory(inventory(store))
    table = shown.get().split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert len(table) > 3, "the long selector is folded"
