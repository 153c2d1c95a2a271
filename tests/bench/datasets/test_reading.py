from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pandas as pd
import pytest

from bench.datasets import reading
from bench.datasets.readers.cnmc import CnmcReader
from bench.datasets.readers.folder import FolderReader
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.reading import installed_readers, open_dataset
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

Draw = Callable[..., Path]


class ThirdParty:
    """A reader of another distribution, which knows one two-cell data set."""

    name = "third"

    def __init__(self, error: Exception | None = None, **columns: list[str]) -> None:
        self.error = error
        values = {"cell": ["x", "y"], "path": ["/x", "/y"], "label": ["a", "b"], "patient": ["p", "q"]} | columns
        self.table = cell_table(**values)  # type: ignore[arg-type]

    def recognises(self, path: Path) -> bool:
        return path.name == "third"

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        if self.error is not None:
            raise self.error
        return Dataset(path.name, self.name, self.table, None, options)


READERS = (CnmcReader(), ManifestReader(), ThirdParty(), FolderReader())


@pytest.fixture
def third(tmp_path: Path) -> Path:
    (tmp_path / "third").mkdir()
    (tmp_path / "third/file").touch()
    return tmp_path / "third"


def test_the_first_reader_that_recognises_the_path_reads(shared: Path, tmp_path: Path, draw: Draw, third: Path) -> None:
    for seed, name in enumerate(["a/p1_1.png", "b/p2_1.png"]):
        draw(tmp_path / "cells" / name, seed)
    options = ReadOptions(patient_pattern=r"/(p\d)")
    assert open_dataset(shared / "data/cnmc-sample", readers=READERS).reader == "cnmc"
    assert open_dataset(third, readers=READERS).reader == "third"
    assert open_dataset(tmp_path / "cells", options, readers=READERS).reader == "folder"
    (tmp_path / "cells/manifest.csv").write_text("path,label,patient\na/p1_1.png,a,1\nb/p2_1.png,b,2\n")
    assert open_dataset(tmp_path / "cells", options, readers=READERS).reader == "manifest"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="missing does not exist"):
        open_dataset(tmp_path / "missing", readers=READERS)
    with pytest.raises(BenchError, match=r"is an empty folder; expected is one of\n  C-NMC"):
        open_dataset(tmp_path, readers=READERS)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BenchError, match=r"no reader \(cnmc, manifest, third, folder\) recognises it"):
        open_dataset(tmp_path, readers=READERS)
    with pytest.raises(BenchError, match="no reader plugins are installed"):
        open_dataset(tmp_path, readers=[])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(BenchError, match="cannot be read"):
            open_dataset(tmp_path, readers=READERS)
    finally:
        tmp_path.chmod(0o700)


def test_the_positive_class_is_taken_or_assumed(third: Path) -> None:
    found = open_dataset(third, readers=READERS)
    assert found.positive == "b"
    assert found.notices == ("the positive class is 'b', the last in sort order; --positive names another",)
    found = open_dataset(third, ReadOptions(positive="a"), readers=READERS)
    assert (found.positive, found.notices) == ("a", ())


def test_doubtful_patients_are_noticed(third: Path) -> None:
    found = open_dataset(third, readers=[ThirdParty(patient=["p", "p"])])
    assert found.notices[0].startswith("1 patient (p) with cells of several classes")
    found = open_dataset(third, readers=[ThirdParty(patient=["h3", "H3"])])
    assert "differ only in case are taken as different people: H3 and h3" in found.notices[0]


def test_one_class_is_refused(third: Path) -> None:
    with pytest.raises(BenchError, match="third holds only the class 'a'"):
        open_dataset(third, readers=[ThirdParty(label=["a", "a"])])


@pytest.mark.parametrize("error", [OSError("no disk"), ValueError("no sense")])
def test_errors_of_third_parties_are_told_with_their_name(third: Path, error: Exception) -> None:
    with pytest.raises(BenchError, match=r"third: the third reader cannot read it: no (disk|sense)"):
        open_dataset(third, readers=[ThirdParty(error)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns=["unit", "label"]), "without the columns label, unit"),
        (lambda t: t.set_index("cell", drop=False), "index is not 0..n-1"),
        (lambda t: t.assign(patient=pd.Series(["p", None], dtype="str")), "an empty patient in row 1"),
        (lambda t: t.assign(label=["", "b"]), "an empty label in row 0"),
        (lambda t: t.assign(cell=["x", "x"]), "the cell x twice"),
        (lambda t: t.assign(fold=pd.Series(["1", None], dtype="str")), "an empty fold in row 1"),
    ],
)
def test_malformed_tables_of_third_parties_are_refused(
    third: Path, spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    reader = ThirdParty()
    reader.table = spoil(reader.table)
    with pytest.raises(BenchError, match=f"the third reader gives .*{message}"):
        open_dataset(third, readers=[reader])


def entry(name: str, cls: type) -> EntryPoint:
    return EntryPoint(name, f"{cls.__module__}:{cls.__qualname__}", "bench.datasets")


def test_plugins_are_asked_after_cnmc_and_manifests_and_before_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {
        "folder": FolderReader,
        "zoo": CnmcReader,
        "manifest": ManifestReader,
        "ark": FolderReader,
        "cnmc": CnmcReader,
    }
    monkeypatch.setattr(reading, "installed", lambda kind: {n: entry(n, c) for n, c in named.items()})
    assert [type(r) for r in installed_readers()] == [named[n] for n in ("cnmc", "manifest", "ark", "zoo", "folder")]


def test_a_broken_plugin_is_named_only_when_its_turn_comes(
    monkeypatch: pytest.MonkeyPatch, shared: Path, third: Path
) -> None:
    points = {"cnmc": entry("cnmc", CnmcReader), "bad": EntryPoint("bad", "no.such:Reader", "bench.datasets")}
    monkeypatch.setattr(reading, "installed", lambda kind: points)
    assert len(open_dataset(shared / "data/cnmc-sample").table) == 52
    with pytest.raises(BenchError, match=r"the reader plugin bad \(no\.such:Reader\) cannot be loaded"):
        open_dataset(third)


def test_masks_are_relative_to_the_path_that_was_given(tmp_path: Path, draw: Draw) -> None:
    for seed, name in enumerate(["a/1.bmp", "b/1.bmp"]):
        draw(tmp_path / "cells" / name, seed)
        draw(tmp_path / "masks" / Path(name).with_suffix(".png"), seed)
    options = ReadOptions(mask=str(tmp_path / "masks"), patient_pattern="^(.)/")
    expected = [str(tmp_path / "masks" / name) for name in ("a/1.png", "b/1.png")]
    assert list(open_dataset(tmp_path / "cells", options, readers=READERS).table["mask_path"]) == expected
    (tmp_path / "cells/list.csv").write_text("path,label,patient\nb/1.bmp,b,2\na/1.bmp,a,1\n")
    by_file = open_dataset(tmp_path / "cells/list.csv", replace(options), readers=READERS)
    assert list(by_file.table["mask_path"]) == expected[::-1]
