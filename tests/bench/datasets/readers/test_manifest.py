from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from bench.datasets.canonical_table import with_canonical_names
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError

Draw = Callable[..., Path]


@pytest.fixture
def cells(draw: Draw, tmp_path: Path) -> Path:
    for seed in range(3):
        draw(tmp_path / f"cells/{seed}.png", seed)
    return tmp_path


def read(folder: Path, text: str) -> Dataset:
    (folder / "manifest.csv").write_text(text)
    return ManifestReader().read(folder, ReadOptions())


def test_ids_are_text_and_the_order_is_preserved(cells: Path) -> None:
    dataset = read(cells, "path,label,patient,effect\ncells/2.png,b,007,1\n./cells/0.png,a,NA,2\n")
    table = dataset.table
    assert list(table["patient"]) == ["007", "NA"]
    assert list(table["unit"]) == ["007", "NA"]
    assert list(table["cell"]) == ["cells/2.png", "cells/0.png"]
    assert list(table["path"]) == [str(cells / "cells/2.png"), str(cells / "cells/0.png")]
    assert list(table.columns) == list(Dataset.COLUMNS)
    assert table["mask_path"].isna().all()
    assert dataset.name == cells.name


def test_optional_columns(cells: Path) -> None:
    sha = hashlib.sha256((cells / "cells/0.png").read_bytes()).hexdigest()
    dataset = read(
        cells,
        "cell,path,label,patient,mask,fold,sha256,um_per_px\n"
        f"x,cells/0.png,a,p,cells/2.png,1,{sha.upper()},0.25\n"
        "y,cells/1.png,b,q,,2,,\n",
    )
    table = dataset.table
    assert list(table["cell"]) == ["x", "y"]
    assert list(table["fold"]) == ["1", "2"]
    assert table["sha256"][0] == sha
    assert table["mask_path"][0] == str(cells / "cells/2.png")
    assert table[["mask_path", "sha256", "um_per_px"]].iloc[1].isna().all()
    first, second = dataset.cells().files
    assert (first.um_per_px, second.um_per_px) == (0.25, None)
    assert (first.mask_path, second.mask_path) == (str(cells / "cells/2.png"), None)


def test_a_nucleus_column_names_masks_of_nuclei(cells: Path) -> None:
    text = "path,label,patient,nucleus\ncells/0.png,a,p,cells/2.png\ncells/1.png,b,q,\n"
    dataset = read(cells, text)
    assert dataset.table["nucleus_path"][0] == str(cells / "cells/2.png")
    assert [file.nucleus_path for file in dataset.cells().files] == [str(cells / "cells/2.png"), None]


def test_the_scale_option_overrides_the_column(cells: Path) -> None:
    (cells / "manifest.csv").write_text("path,label,patient,um_per_px\ncells/0.png,a,p,0.25\n")
    dataset = ManifestReader().read(cells, ReadOptions(um_per_px=0.5))
    assert math.isclose(dataset.cells().files[0].um_per_px or 0, 0.5)


def test_parquet_absolute_paths_and_the_file_itself(cells: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "tables"
    elsewhere.mkdir()
    rows = {"path": [str(cells / "cells/0.png"), str(cells / "cells/1.png")], "label": ["a", "b"], "patient": [1, 2]}
    pd.DataFrame(rows).to_parquet(elsewhere / "mine.parquet")
    assert ManifestReader().recognises(elsewhere / "mine.parquet")
    assert not ManifestReader().recognises(elsewhere)
    dataset = ManifestReader().read(elsewhere / "mine.parquet", ReadOptions())
    assert list(dataset.table["patient"]) == ["1", "2"]
    assert list(dataset.table["cell"]) == rows["path"]
    assert dataset.name == "mine"


def test_spaces_around_ids_are_removed_with_a_notice(cells: Path) -> None:
    text = "path,label,patient,cell,set\ncells/0.png,a, 7, x,Train\ncells/1.png,a ,7,y,Held_out\n"
    dataset = with_canonical_names(read(cells, text))
    assert set(dataset.table["patient"]) == {"7"}
    assert set(dataset.table["label"]) == {"a"}
    assert list(dataset.table["cell"]) == ["x", "y"]
    assert list(dataset.table["set"]) == ["train", "held-out"]
    assert [notice.partition(" that differ")[0] for notice in dataset.notices[1:]] == ["labels", "patient ids"]
    assert "white space, Unicode form or decimal zeros of 1 values of 'cell' were normalised" in dataset.notices[0]


@pytest.mark.parametrize(
    "written", ["cells\\0.png", ".\\cells\\0.png", " cells/0.png ", "cells/./0.png", "cells\\./0.png"]
)
def test_paths_of_other_systems(cells: Path, written: str) -> None:
    dataset = read(cells, f"path,label,patient\n{written},a,p\n")
    assert list(dataset.table["path"]) == [str(cells / "cells/0.png")]
    assert list(dataset.table["cell"]) == ["cells/0.png"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_paths_in_another_unicode_form(cells: Path, form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    name = unicodedata.normalize(form, "M\u00fcller.png")
    (cells / "cells/0.png").rename(cells / name)
    dataset = read(cells, f"path,label,patient\n{unicodedata.normalize(other, name)},a,p\n")
    assert list(dataset.table["path"]) == [str(cells / name)]


def test_listed_masks_and_thumbnails_are_noticed(cells: Path, draw: Draw) -> None:
    for name in ("0_mask", "1_mask", "thumbs/0"):
        draw(cells / f"cells/{name}.png", 9)
    rows = [f"cells/{name}.png,a,p" for name in ("0", "1", "0_mask", "1_mask", "thumbs/0")]
    notices = read(cells, "\n".join(["path,label,patient", *rows])).notices
    assert notices == (
        "2 of 5 cells have the name of a mask of another one, such as cells/0_mask.png beside cells/0.png; masks "
        "belong in the column `mask`",
        "1 of 5 cells have the name of a thumbnail, such as cells/thumbs/0.png",
    )


def test_images_named_with_a_backslash_are_images_for_the_audit(cells: Path) -> None:
    sha = hashlib.sha256((cells / "cells/0.png").read_bytes()).hexdigest()
    for written, is_index in (("cells\\0.png", False), ("cells/0.png", False), ("cells\\9.png", True)):
        (cells / "manifest.csv").write_text(f"path,label,patient,sha256\n{written},a,p,{sha}\n")
        assert (ManifestReader().read_index(cells, ReadOptions()) is not None) == is_index


def test_a_backslash_in_a_name_goes_before_a_separator(cells: Path, draw: Draw) -> None:
    draw(cells / "cells\\0.png", 9)
    assert list(read(cells, "path,label,patient\ncells\\0.png,a,p\n").table["path"]) == [str(cells / "cells\\0.png")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\ncells/0.png,a\n", "no column 'patient'.* Its columns are: path, label"),
        ("path,label,patient\ncells/0.png,a,p\ncells/1.png,b,\n", "row 3: 'patient' is empty"),
        ("path,label,patient\ncells/0.png,a,p\ncells/1.png,b,  \n", "row 3: 'patient' is empty"),
        ("path,label,patient\ncells/0.png,,p\n", "row 2: 'label' is empty"),
        ("path,label,patient\n,a,p\n", "row 2: 'path' is empty"),
        ("path,label,patient\ncells/9.png,a,p\n", r"row 2: the path 'cells/9\.png' does not exist"),
        ("path,label,patient\n/nowhere/9.png,a,p\n", r"row 2: the path '/nowhere/9\.png' does not exist"),
        ("path,label,patient\nC:\\cells\\0.png,a,p\n", "does not exist .*a path of a Windows machine: .* with /"),
        ("path,label,patient\ncells/0.PNG,a,p\n", r"does not exist .*; there is '0\.png', written in another way"),
        ("path,label,patient\ncells\\..\\..\\x.png,a,p\n", r"does not exist"),
        ("path,label,patient\n..\\cells\\0.png,a,p\n", r"does not exist"),
        ("path,label,patient,set\ncells/0.png,a,p,test\n", "row 2: 'set' is 'test'; expected train or held-out"),
        ("path,label,patient\ncells,a,p\n", "row 2: the path 'cells' is a folder"),
        ("path,label,patient\ncells/../../x.png,a,p\n", "row 2: .* leaves the folder of the manifest"),
        ("path,label,patient\ncells/0.png,a,p\ncells/../cells/0.png,b,q\n", "row 3: .* is already in row 2"),
        ("path,label,patient,cell\ncells/0.png,a,p,x\ncells/1.png,a,p,x\n", "row 3: the cell 'x' is already in row 2"),
        ("path,label,patient,mask\ncells/0.png,a,p,m.png\n", r"row 2: the mask 'm\.png' does not exist"),
        ("path,label,patient,nucleus\ncells/0.png,a,p,n.png\n", r"row 2: the nucleus 'n\.png' does not exist"),
        ("path,label,patient,nucleus\ncells/0.png,a,p,../n.png\n", r"row 2: the nucleus '\.\./n\.png' leaves"),
        ("path,label,patient,fold\ncells/0.png,a,p,1\ncells/1.png,a,p,\n", "row 3: 'fold' is empty"),
        ("path,label,patient,sha256\ncells/0.png,a,p,12ab\n", "row 2: 'sha256' is '12ab'; expected 64 hexadecimal"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,-1\n", "row 2: 'um_per_px' is '-1'; expected a number above 0"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,inf\n", "row 2: 'um_per_px' is 'inf'"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,0.1_1\n", "row 2: 'um_per_px' is '0.1_1'; expected a number"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,1_0\n", "row 2: 'um_per_px' is '1_0'; expected a number"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,\u0663\n", "row 2: 'um_per_px' is .*; expected a number"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,'0.1'\n", "row 2: 'um_per_px' is .* the quotes are part"),
        ("path,label,patient,um_per_px\ncells/0.png,a,p,0x1p-3\n", "row 2: 'um_per_px' is '0x1p-3'; expected a"),
        ("path,label,patient\n", "the file has no rows"),
        ("", "the file is empty"),
    ],
)
def test_errors_name_the_row(cells: Path, text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        read(cells, text)


@pytest.mark.parametrize(("text", "scale"), [(".25", "0.25"), ("+0.5", "0.5"), ("2.5e-1", "0.25"), ("1.", "1.0")])
def test_scales_in_the_usual_notations(cells: Path, text: str, scale: str) -> None:
    table = read(cells, f"path,label,patient,um_per_px\ncells/0.png,a,p,{text}\n").table
    assert table["um_per_px"][0] == scale


def test_ignored_columns_with_telling_names_are_noticed(cells: Path) -> None:
    (notice,) = read(cells, "path,label,patient,split,note,,\ncells/0.png,a,p,test,x,,\n").notices
    assert notice.endswith("columns are ignored: 'split' (known as 'set'); rename those that should be used")


def test_two_manifests_in_a_folder_are_refused(cells: Path) -> None:
    (cells / "manifest.parquet").write_bytes(b"")
    assert ManifestReader().recognises(cells)
    with pytest.raises(BenchError, match=r"both of manifest\.csv and manifest\.parquet"):
        read(cells, "path,label,patient\ncells/0.png,a,p\n")
