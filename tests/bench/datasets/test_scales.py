from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.datasets.held_out import joined_sets
from bench.datasets.scales import with_checked_scales
from bench.datasets.scanning.scan import scan
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

Draw = Callable[..., Path]


def dataset(
    scales: list[str | None] | None, option: float | None = None, name: str = "c", **more: list[str]
) -> Dataset:
    count = len(scales) if scales else 4
    names = [f"{name}{i}" for i in range(count)]
    labels = ["a"] * (count // 2) + ["b"] * (count - count // 2)
    table = cell_table(cell=names, path=names, label=labels, patient=names, um_per_px=scales, **more)
    return Dataset("d", "test", table, "b", ReadOptions(um_per_px=option))


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        (["0.1", None], r"of 1 of 2 cells is known and that of 1 is not, such as c1;"),
        ([None] * 64 + ["0.1"] * 64, r"of 64 of 128 cells is known and that of 64 is not, such as c0;"),
        (["0.1"] * 127 + [None], r"of 127 of 128 cells is known and that of 1 is not, such as c127;"),
    ],
)
def test_a_scale_of_some_cells_only_is_refused(scales: list[str | None], message: str) -> None:
    with pytest.raises(BenchError, match=message + ".*--um-per-px"):
        with_checked_scales(dataset(scales))


@pytest.mark.parametrize(("train", "held_out"), [(["0.1"] * 4, None), (None, ["0.1"] * 4), (["0.1"] * 4, [None] * 4)])
def test_a_scale_of_one_set_only_is_refused(train: list[str | None] | None, held_out: list[str | None] | None) -> None:
    joined = joined_sets(dataset(train), dataset(held_out, name="d"))
    with pytest.raises(BenchError, match=r"known for [04] of 4 held-out and [04] of 4 train cells"):
        with_checked_scales(joined)


@pytest.mark.parametrize("scales", [None, ["0.1"] * 4, [None] * 4])
def test_one_scale_or_none_gives_no_notice(scales: list[str | None] | None) -> None:
    assert with_checked_scales(dataset(scales)).notices == ()


def test_the_option_makes_a_partial_column_complete_and_is_noticed() -> None:
    checked = with_checked_scales(dataset(["0.1", None, "0.5", "0.25"], option=0.5))
    assert checked.notices == ("--um-per-px 0.5 overrides the scale that the dataset names for 2 cells",)
    assert checked.scales() == [0.5] * 4
    assert with_checked_scales(dataset(["0.5"] * 4, option=0.5)).notices == ()
    assert with_checked_scales(dataset(None, option=0.5)).notices == ()


def test_several_scales_are_noticed_and_whether_they_separate_the_classes() -> None:
    (mixed,) = with_checked_scales(dataset(["0.1", "0.25", "0.1", "0.25"])).notices
    assert mixed.startswith(
        "um_per_px has 2 values: 0.1 (2 cells), 0.25 (2 cells). Lengths and areas are in micrometres"
    )
    (by_class,) = with_checked_scales(dataset(["0.1", "0.1", "0.25", "0.25"])).notices
    assert "It separates the classes." in by_class
    sets = joined_sets(dataset(["0.1"] * 4), dataset(["0.25"] * 4, name="d"))
    (by_set,) = with_checked_scales(sets).notices
    assert "It separates the two sets." in by_set


@pytest.mark.parametrize("scale", ["40", "0.000001", "100"])
def test_a_magnification_in_place_of_a_scale_is_noticed(scale: str) -> None:
    (notice,) = with_checked_scales(dataset([scale] * 4)).notices
    assert notice.startswith(f"um_per_px of 4 cells, such as {float(scale):g}, is implausible for a light microscope")


def test_the_scale_is_part_of_the_identity_of_a_cell(draw: Draw, tmp_path: Path, own_cache: Path) -> None:
    path = str(draw(tmp_path / "1.png"))

    def digest(scale: str | None, option: float | None = None) -> str:
        table = cell_table(cell=["x"], path=[path], label=["a"], patient=["p"], um_per_px=[scale])
        return str(scan(Dataset("d", "test", table, None, ReadOptions(um_per_px=option))).table["digest"][0])

    assert digest("0.5") == digest(None, 0.5) == digest("0.25", 0.5)
    assert len({digest(None), digest("0.5"), digest("0.25")}) == 3
