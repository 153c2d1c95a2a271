from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.datasets.readers import selection
from bench.datasets.readers.cnmc import CnmcReader
from bench.datasets.readers.folder import FolderReader
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.readers.selection import installed_readers, read_path
from bench.datasets.table import Dataset, Reader, ReadOptions, cell_table
from bench.errors import BenchError

Draw = Callable[..., Path]


class ThirdParty:
    """A reader of another distribution for one dataset of two cells."""

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


def read(path: Path, options: ReadOptions | None = None, *, readers: Iterable[Reader] | None = READERS) -> Dataset:
    return read_path(str(path), options or ReadOptions(), readers=readers)[0]


@pytest.fixture
def third(tmp_path: Path) -> Path:
    (tmp_path / "third").mkdir()
    (tmp_path / "third/file").touch()
    return tmp_path / "third"


def test_the_first_reader_that_recognises_the_path_reads(shared: Path, tmp_path: Path, draw: Draw, third: Path) -> None:
    for seed, name in enumerate(["a/p1_1.png", "b/p2_1.png"]):
        draw(tmp_path / "cells" / name, seed)
    options = ReadOptions(patient_pattern=r"/(p\d)")
    assert read(shared / "data/cnmc-sample").reader == "cnmc"
    assert read(third).reader == "third"
    assert read(tmp_path / "cells", options).reader == "folder"
    (tmp_path / "cells/manifest.csv").write_text("path,label,patient\na/p1_1.png,a,1\nb/p2_1.png,b,2\n")
    assert read(tmp_path / "cells", options).reader == "manifest"


def test_unreadable_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"missing does not exist; pass an .* as DATA or --data$"):
        read(tmp_path / "missing")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BenchError, match=r"loop does not exist; pass an existing file"):
        read(tmp_path / "loop")
    (tmp_path / "loop").unlink()
    (tmp_path / "M\u00fcller").mkdir()
    with pytest.raises(BenchError, match=r"does not exist; there is 'M\\xfcller', written in another way"):
        read(tmp_path / "Mu\u0308ller")
    (tmp_path / "M\u00fcller").rmdir()
    with pytest.raises(BenchError, match=r"is an empty folder; expected is one of\n  C-NMC"):
        read(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BenchError, match=r"no reader \(cnmc, manifest, third, folder\) recognises it"):
        read(tmp_path)
    with pytest.raises(BenchError, match="no reader plugins are installed"):
        read(tmp_path, readers=())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(BenchError, match="cannot be read"):
            read(tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("error", [OSError("no disk"), ValueError("no sense")])
def test_errors_of_third_party_readers_name_the_reader(third: Path, error: Exception) -> None:
    with pytest.raises(BenchError, match=r"third: the third reader cannot read it: no (disk|sense)"):
        read(third, readers=[ThirdParty(error)])


def entry(name: str, cls: type) -> EntryPoint:
    return EntryPoint(name, f"{cls.__module__}:{cls.__qualname__}", "bench.datasets")


def test_plugins_come_after_cnmc_and_manifests_and_before_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {
        "folder": FolderReader,
        "zoo": CnmcReader,
        "manifest": ManifestReader,
        "ark": FolderReader,
        "cnmc": CnmcReader,
    }
    monkeypatch.setattr(selection, "installed", lambda kind: {n: entry(n, c) for n, c in named.items()})
    assert [type(r) for r in installed_readers([])] == [named[n] for n in ("cnmc", "manifest", "ark", "zoo", "folder")]


@pytest.mark.parametrize("source", ["import no_such_module", "def broken(", "raise SystemExit(3)", "1 / 0", "x = 2"])
def test_a_broken_plugin_is_named_and_does_not_stop_the_others(
    source: str, install: Callable[[str, str, str], None], tmp_path: Path, draw: Draw
) -> None:
    install("their_reader", source, "[bench.datasets]\ntheirs = their_reader:Reader\n")
    draw(tmp_path / "cells/a/1_1.png", 0)
    options = ReadOptions(patient_pattern=r"/(\d)_")
    dataset, _ = read_path(str(tmp_path / "cells"), options)
    assert dataset.reader == "folder"
    (notice,) = dataset.notices[-1:]
    assert notice.startswith("the reader plugin theirs is not used: their_reader.Reader of their_reader cannot be")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(BenchError, match=r"no reader .*(?s:.*)\nthe reader plugin theirs is not used: their_reader"):
        read_path(str(tmp_path / "empty"), options)


def test_masks_are_relative_to_the_folder_of_the_path(tmp_path: Path, draw: Draw) -> None:
    for seed, name in enumerate(["a/1.bmp", "b/1.bmp"]):
        draw(tmp_path / name, seed)
    (tmp_path / "list.csv").write_text("path,label,patient\nb/1.bmp,b,2\na/1.bmp,a,1\n")
    for path in (tmp_path, tmp_path / "list.csv"):
        _, root = read_path(str(path), ReadOptions(patient_pattern="^(.)/"), readers=READERS)
        assert root == tmp_path
