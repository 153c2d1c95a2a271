"""Phantom cells on disk: atomic writes, cache, reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.datasets.phantom.patients import patients_of
from bench.datasets.phantom.reader import PhantomReader, PhantomSpec, cached_phantom, phantom_cells, write_phantom
from bench.datasets.table import ReadOptions
from bench.errors import BenchError
from extractors.images.pixels import read_image

TINY = PhantomSpec(patients=2, cells=3, size=64)
CELLS = sum(patient.n_cells for patient in patients_of(TINY))


def test_folder_holds_every_cell_and_its_truth(tmp_path: Path) -> None:
    write_phantom(TINY, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert len(table) == CELLS == len(list((tmp_path / "out" / "cells").iterdir()))
    for (image, truth), (_, row) in zip(phantom_cells(TINY), table.iterrows(), strict=True):
        assert np.array_equal(read_image(tmp_path / "out" / str(row["path"])), image)
        assert list(row.index) == list(truth)
        assert [row["label"], row["patient"], row["n_clefts"]] == [truth[k] for k in ("label", "patient", "n_clefts")]
        assert row["sphericity"] == pytest.approx(truth["sphericity"], rel=1e-5)
        assert row["debris"] == truth["debris"]


def test_names_of_files_do_not_contain_the_class(tmp_path: Path) -> None:
    write_phantom(TINY, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert not table["path"].str.contains("dis|nor|ill", case=False).any()
    assert set(table.groupby("patient")["label"].nunique()) == {1}


def test_reader_returns_the_written_cells_with_diseased_as_positive(tmp_path: Path) -> None:
    write_phantom(TINY, tmp_path / "out")
    data = PhantomReader().read(tmp_path / "out", ReadOptions())
    assert (data.name, data.reader, data.positive) == ("phantom", "phantom", "diseased")
    assert data.classes == ("diseased", "normal")
    assert len(data.table) == CELLS
    assert all(cell.mask.any() for cell in data.cells())
    assert PhantomReader().read(tmp_path / "out", ReadOptions(positive="normal")).positive == "normal"
    assert not PhantomReader().recognises(tmp_path / "out")


def test_two_folders_of_one_specification_are_equal_byte_for_byte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_phantom(TINY, tmp_path / name)
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.*")) for n in ("a", "b")]
    assert files[0] == files[1]
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files[0])


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_phantom(TINY, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, CELLS) for i in range(CELLS)]


def test_folder_that_is_not_empty_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BenchError, match="not empty"):
        write_phantom(TINY, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_phantom(TINY, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").is_file()


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(TINY, tmp_path / "out", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BenchError, match="cannot be written"):
        write_phantom(TINY, tmp_path / "file" / "out")


def test_cache_draws_each_specification_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path))
    drawn: list[int] = []

    def count(done: int, total: int) -> None:
        drawn.append(done)

    first = cached_phantom(TINY, progress=count)
    assert cached_phantom(PhantomSpec(patients=2, cells=3.0, size=64), progress=count) == first
    assert len(drawn) == CELLS
    assert cached_phantom(PhantomSpec(patients=2, cells=3, size=64, effect=2.0)) != first
    assert first.is_relative_to(tmp_path)


def test_second_process_uses_the_result_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path))
    others: list[Path] = []

    def other_process_finishes(done: int, total: int) -> None:
        if done == 1:
            others.append(cached_phantom(TINY))

    mine = cached_phantom(TINY, progress=other_process_finishes)
    assert others == [mine]
    assert [p.name for p in mine.parent.iterdir()] == [mine.name]
    assert len(PhantomReader().read(cached_phantom(TINY), ReadOptions()).table) == CELLS
