"""Every way of loading a dataset applies the checks of names, scales and patterns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.datasets.loading import open_data, open_every_cell, scan_data
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.observer import Observer
from bench.options import Options, make_options
from bench.plugins.preparation import parse_prepare

Draw = Callable[..., Path]
Load = Callable[[Options, Observer], Dataset]

WAYS: dict[str, Load] = {
    "open_data": lambda options, observer: open_data(options, observer).dataset,
    "open_every_cell": lambda options, observer: open_every_cell(options, observer).dataset,
    "scan_data": lambda options, observer: scan_data(options, observer)[0],
}

pytestmark = [pytest.mark.usefixtures("own_cache"), pytest.mark.parametrize("load", WAYS.values(), ids=list(WAYS))]


def manifest(folder: Path, draw: Draw, *rows: str, columns: str = "") -> Options:
    lines = [f"path,label,patient{columns}"]
    for number, row in enumerate(rows):
        draw(folder / f"{number}.png", number)
        lines.append(f"{number}.png,{row}")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return make_options({"data": str(folder), "patient_pattern": "(x)"})


def test_names_positive_class_and_patterns(load: Load, tmp_path: Path, draw: Draw) -> None:
    options = manifest(tmp_path, draw, "leukaemic,h3", "Leukaemic,H3", "normal,8.0", "normal,8")
    dataset = load(options, Observer())
    assert dataset.table["patient"].tolist() == ["H3", "H3", "8", "8"]
    assert (dataset.classes, dataset.positive) == (("Leukaemic", "normal"), "Leukaemic")
    starts = ["the positive class is 'Leukaemic'", "--patient-pattern is ignored", "labels that", "patient ids that"]
    assert [notice.startswith(start) for notice, start in zip(dataset.notices, starts, strict=True)] == [True] * 4


def test_a_scale_of_some_cells_is_refused(load: Load, tmp_path: Path, draw: Draw) -> None:
    options = manifest(tmp_path, draw, "a,p,0.1", "a,q,0.1", "b,r,", "b,s,0.1", columns=",um_per_px")
    with pytest.raises(BenchError, match=r"of 3 of 4 cells is known and that of 1 is not, such as 2\.png"):
        load(options, Observer())
    dataset = load(options.replace(um_per_px=0.5), Observer())
    assert "--um-per-px 0.5 overrides the scale that the dataset names for 3 cells" in dataset.notices
    assert {cell.um_per_px for cell in dataset.cells(parse_prepare("none"))} == {0.5}
