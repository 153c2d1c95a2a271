"""Datasets from pandas DataFrames."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.datasets.readers.frame import read_frame
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.table import ReadOptions
from bench.errors import BenchError
from bench.options.values import FrameSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frame") / "cells"
    write_phantom(PhantomSpec(patients=2, cells=2, spread=0, size=48, seed=1), out)
    return out


def test_frame_reads_as_its_manifest(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv")
    result = read_frame(FrameSource(frame, folder), ReadOptions())
    assert result is not None
    dataset, root = result
    pd.testing.assert_frame_equal(dataset.table, ManifestReader().read(folder, ReadOptions()).table)
    assert (dataset.name, dataset.reader, root) == ("DataFrame", "frame", folder)


def test_ignored_columns_with_telling_names_are_noticed(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv").assign(split="test", area=1)
    result = read_frame(FrameSource(frame, folder), ReadOptions())
    assert result is not None
    assert "columns are ignored: 'split' (known as 'set'); rename" in result[0].notices[-1]


def test_other_data_is_not_a_frame() -> None:
    assert read_frame("cells/", ReadOptions()) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename(columns={"patient": "pateint"}), "no column 'patient'. Did you mean pateint"),
        (lambda f: f[:0], "the DataFrame has no rows"),
        (lambda f: f.assign(patient=[None, *f["patient"][1:]]), r"DataFrame, row 0 \(index 0\): 'patient' is empty"),
        (lambda f: f.assign(path=["x.png", *f["path"][1:]]), r"DataFrame, row 0 .*x\.png.* does not exist"),
        (lambda f: pd.concat([f, f["label"]], axis=1), "the DataFrame: the column 'label' occurs twice"),
        (lambda f: f.assign(Set="train"), "the DataFrame: 'Set' looks like the column 'set' in another spelling"),
        (lambda f: f.assign(Patient="p"), "the DataFrame: 'Patient' looks like a second column 'patient'"),
        (lambda f: f.assign(label='"a"'), r"row 0 \(index 0\): 'label' is '\"a\"'; the quotes are part of the value"),
    ],
)
def test_invalid_frames(change: object, message: str, folder: Path) -> None:
    frame = change(pd.read_csv(folder / "manifest.csv"))  # type: ignore[operator]
    with pytest.raises(BenchError, match=message):
        read_frame(FrameSource(frame, folder), ReadOptions())
