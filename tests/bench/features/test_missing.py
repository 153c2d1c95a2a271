"""Missing values are counted by family and reason, and notices name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bench.features import missing as module
from bench.features.missing import FamilyMissing, MissingValues, columns_without_values, missing_values
from bench.features.store.entry import write_entry
from extractors.handcrafted.framework.status import Status

NAMES = ("size.area.cell", "size.area.nucleus", "nucleus.count", "nucleus.ratio", "color.mean")
CELLS = 12

Read = Callable[..., MissingValues]


@pytest.fixture
def cells() -> pd.DataFrame:
    """Two cells of each of three patients of two classes, in the order a, b, a, b ..."""
    unit = np.arange(CELLS) // 2
    return pd.DataFrame({"label": np.where(unit % 2, "b", "a"), "unit": [f"p{u}" for u in unit]})


@pytest.fixture
def read(tmp_path: Path, cells: pd.DataFrame) -> Read:
    """Store a table of status codes, 0 where a value exists, and count its missing values."""

    def read(
        status: npt.NDArray[np.uint8], names: tuple[str, ...] = NAMES, *, with_status: bool = True
    ) -> MissingValues:
        values = np.where(status == Status.OK, 1.0, np.nan).astype(np.float32)
        write_entry(tmp_path / "entry", values, names, status=status if with_status else None)
        return missing_values(tmp_path / "entry", cells)

    return read


def _codes() -> npt.NDArray[np.uint8]:
    return np.zeros((CELLS, len(NAMES)), dtype=np.uint8)


def test_families_with_the_share_and_the_most_frequent_reason(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 5)
    status = _codes()
    status[:, 1:4] = Status.NO_NUCLEUS
    status[:2, 1] = Status.TOUCHES_BORDER
    status[0, 2:4] = Status.OK
    status[:6, 0] = Status.TOUCHES_BORDER
    missing = read(status)
    assert missing.families == (
        # Half of the cells is not more than half of them.
        FamilyMissing("size", 2, 1, 18 / 24, "NO_NUCLEUS"),
        FamilyMissing("nucleus", 2, 2, 22 / 24, "NO_NUCLEUS"),
    )
    assert (missing.cells, missing.columns, missing.mostly_missing) == (12, 5, 3)
    assert (missing.cells_without_values, missing.reason, missing.all_missing) == (0, "NO_NUCLEUS", False)
    (notice,) = missing.notices("none > made_up")
    assert notice == (
        "none > made_up: 3 of 5 columns are missing in more than half of the 12 cells: size 1 of 2 (NO_NUCLEUS), "
        "nucleus 2 of 2 (NO_NUCLEUS); bench data quality checks the masks"
    )


def test_complete_features_give_no_notice(read: Read) -> None:
    missing = read(_codes())
    assert not list(missing.notices("made_up"))
    assert (missing.families, missing.class_differences, missing.reason) == ((), (), "")


@pytest.mark.parametrize(
    ("code", "with_status", "reason"),
    [
        (Status.TOUCHES_BORDER, True, "TOUCHES_BORDER"),
        (Status.EMPTY, True, "EMPTY"),
        (200, True, "status 200"),
        (Status.FLAT, False, "no reason given"),
    ],
)
def test_all_values_missing_is_the_only_notice_and_a_failure(
    code: int, with_status: bool, reason: str, read: Read
) -> None:
    missing = read(np.full((CELLS, len(NAMES)), code, np.uint8), with_status=with_status)
    assert missing.all_missing
    assert missing.failure.startswith(
        f"all values are missing ({reason}): none of the 5 features has a value in any of the 12 cells"
    )
    assert list(missing.notices("made_up")) == [f"WARNING: made_up: {missing.failure}"]


def test_one_value_is_enough_to_run_and_the_other_cells_are_counted(read: Read) -> None:
    status = np.full((CELLS, len(NAMES)), Status.NO_NUCLEUS, np.uint8)
    status[7, 2] = Status.OK
    missing = read(status)
    assert missing.failure == ""
    mostly, without = missing.notices("nucleus")
    assert mostly.startswith("nucleus: 5 of 5 columns are missing in more than half of the 12 cells")
    assert without.startswith("nucleus: 11 of 12 cells have no feature at all (NO_NUCLEUS); a classifier gives all")


def test_columns_without_parts_are_one_family(read: Read) -> None:
    status = np.zeros((CELLS, 3), np.uint8)
    status[:, 1] = Status.FLAT
    assert read(status, ("f0", "f1", "f2")).families == (FamilyMissing("features", 3, 1, 1 / 3, "FLAT"),)


def test_what_is_missing_in_one_class_is_reported(read: Read, cells: pd.DataFrame) -> None:
    status = _codes()
    status[np.ix_(np.flatnonzero(cells["label"] == "b"), [2, 3])] = Status.NO_NUCLEUS
    status[0, 3] = Status.NO_NUCLEUS
    missing = read(status)
    (difference,) = missing.class_differences
    assert (difference.family, difference.columns, difference.shares) == ("nucleus", 2, {"a": 0.0, "b": 1.0})
    *_, notice = missing.notices("made_up")
    assert "nucleus (NO_NUCLEUS, 2 columns) is missing in 0 % of a, 100 % of b (means over split units)" in notice


def test_columns_without_a_training_value_are_counted_in_each_fold(read: Read, tmp_path: Path) -> None:
    status = _codes()
    status[:, 2] = Status.NO_NUCLEUS
    status[3:, 3] = Status.NO_NUCLEUS
    status[:6, 4] = Status.FLAT
    missing = read(status)
    trainings = [np.arange(3, 12), np.arange(9), np.arange(6), np.arange(12)]
    # Columns 2 and 3, only 2, 2 and 4 (which has values in half of all cells), only 2.
    assert columns_without_values(tmp_path / "entry", missing, trainings) == [2, 1, 2, 1]


def test_differences_between_classes_are_those_of_training_cells(tmp_path: Path) -> None:
    units = 40
    label = np.where(np.arange(units) % 2, "b", "a")
    held = np.arange(units) >= units // 2
    values = np.ones((units, 1), dtype=np.float32)
    values[held & (label == "b")] = np.nan
    write_entry(tmp_path / "entry", values, ("size.area.cell",))
    cells = pd.DataFrame({"label": label, "unit": [f"p{u}" for u in range(units)]})
    assert missing_values(tmp_path / "entry", cells).class_differences
    apart = cells.assign(set=np.where(held, "held-out", "train"))
    assert not missing_values(tmp_path / "entry", apart).class_differences
