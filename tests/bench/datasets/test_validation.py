from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.datasets.duplicates import with_duplicates
from bench.datasets.scanning.scan import content_digest, scan
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.datasets.validation import check_table, with_patient_notices, without_unreadable
from bench.errors import BenchError

Draw = Callable[..., Path]


def dataset_of(folder: Path, rows: list[tuple[str, str, str]], **more: object) -> Dataset:
    names, labels, patients = zip(*rows, strict=True)
    paths = [str(folder / name) for name in names]
    table = cell_table(cell=names, path=paths, label=labels, patient=patients, **more)  # type: ignore[arg-type]
    return Dataset("d", "test", table, None, ReadOptions(), ("earlier",))


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
def test_malformed_tables_of_readers_are_refused(spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    data = dataset_of(Path("/"), [("x", "a", "p"), ("y", "b", "q")])
    with pytest.raises(BenchError, match=f"the test reader returns .*{message}"):
        check_table(replace(data, table=spoil(data.table)))


def test_doubtful_patients_are_noticed() -> None:
    notices = with_patient_notices(dataset_of(Path("/"), [("x", "a", "p"), ("y", "b", "p")])).notices
    assert notices[1].startswith("1 patient (p) with cells of several classes")
    notices = with_patient_notices(dataset_of(Path("/"), [("x", "a", "07"), ("y", "b", "7"), ("z", "b", "70")])).notices
    assert notices[1].endswith("differ only in leading zeros are treated as different patients: 07 and 7")


def test_unreadable_cells_stop_the_run_and_ten_are_named(draw: Draw, tmp_path: Path) -> None:
    rows = [(f"bad{i:02}.png", "a", "p") for i in range(12)] + [("good.png", "b", "q")]
    for name, _, _ in rows:
        (tmp_path / name).write_bytes(b"x")
    draw(tmp_path / "good.png")
    data = dataset_of(tmp_path, rows)
    with pytest.raises(BenchError) as caught:
        without_unreadable(data, scan(data), skip=False)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("12 cells cannot be read; repair or remove them, or leave them out with --skip-unread")
    assert lines[1].startswith(f"  {tmp_path / 'bad00.png'}: not a readable image")
    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"


def test_skipped_cells_are_named_and_the_rest_is_consistent(draw: Draw, tmp_path: Path) -> None:
    rows = [("bad.png", "a", "p"), ("1.png", "a", "q"), ("2.png", "b", "r")]
    (tmp_path / "bad.png").write_bytes(b"x")
    draw(tmp_path / "1.png", 1)
    draw(tmp_path / "2.png", 2)
    data = dataset_of(tmp_path, rows)
    readable, scanned = without_unreadable(data, scan(data), skip=True)
    assert list(readable.table["cell"]) == list(scanned.table["cell"]) == ["1.png", "2.png"]
    assert list(readable.table.index) == list(scanned.table.index) == [0, 1]
    assert scanned.problems == ()
    assert readable.notices[0].startswith("the positive class is 'b'")
    assert readable.notices[1] == "earlier"
    assert readable.notices[2].startswith(
        f"left out as unreadable: 1 cell\n  {tmp_path / 'bad.png'}: not a readable image"
    )
    assert readable.notices[3] == "patients without a readable cell: p"
    fresh = dataset_of(tmp_path, rows[1:])
    assert content_digest(readable, scanned) == content_digest(fresh, scan(fresh))


def test_a_class_that_is_lost_stops_the_run(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"x")
    draw(tmp_path / "1.png", 1)
    data = dataset_of(tmp_path, [("bad.png", "a", "p"), ("1.png", "b", "q")])
    with pytest.raises(BenchError, match="without its unreadable cells, holds only the class 'b'"):
        without_unreadable(data, scan(data), skip=True)


def test_a_positive_class_is_chosen_if_two_of_three_classes_remain(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"x")
    draw(tmp_path / "1.png", 1)
    draw(tmp_path / "2.png", 2)
    data = dataset_of(tmp_path, [("bad.png", "a", "p"), ("1.png", "b", "q"), ("2.png", "c", "r")])
    readable, _ = without_unreadable(data, scan(data), skip=True)
    assert readable.positive == "c"


def test_identical_images_link_their_patients_whatever_the_format(draw: Draw, tmp_path: Path) -> None:
    rows = [("1.png", "a", "p"), ("1.bmp", "a", "q"), ("2.png", "a", "r"), ("2.tif", "a", "q"), ("3.png", "b", "s")]
    for name, _, _ in rows:
        draw(tmp_path / name, int(name[0]))
    data = dataset_of(tmp_path, rows)
    linked = with_duplicates(data, scan(data).table["picture"])
    assert list(linked.table["unit"]) == ["p+q+r"] * 4 + ["s"]
    assert "images that occur in several patients: 2, such as 1.png and 1.bmp" in linked.notices
    assert linked.notices[-1].endswith("p+q+r; 4 patients are 2 split units")


@pytest.mark.parametrize("turn", range(1, 8))
def test_turned_and_mirrored_images_link_their_patients(draw: Draw, tmp_path: Path, turn: int) -> None:
    image = cv2.imread(str(draw(tmp_path / "1.png", 1)))[:, 1:]
    turned = np.rot90(image if turn < 4 else image[:, ::-1], turn % 4)
    for name, pixels in (("1.png", image), ("2.png", turned)):
        assert cv2.imwrite(str(tmp_path / name), np.ascontiguousarray(pixels))
    draw(tmp_path / "3.png", 3)
    data = dataset_of(tmp_path, [("1.png", "a", "p"), ("2.png", "a", "q"), ("3.png", "b", "r")])
    linked = with_duplicates(data, scan(data).table["picture"])
    assert list(linked.table["unit"]) == ["p+q", "p+q", "r"]
    assert linked.notices[-1].endswith("p+q; 3 patients are 2 split units")


def test_links_of_the_reader_are_extended(draw: Draw, tmp_path: Path) -> None:
    rows = [("1.png", "a", "p"), ("2.png", "a", "q"), ("2.bmp", "a", "r"), ("3.png", "b", "s")]
    for name, _, _ in rows:
        draw(tmp_path / name, int(name[0]))
    data = dataset_of(tmp_path, rows, linked=(frozenset("pq"),))
    assert list(data.table["unit"]) == ["p+q", "p+q", "r", "s"]
    linked = with_duplicates(data, scan(data).table["picture"])
    assert list(linked.table["unit"]) == ["p+q+r"] * 3 + ["s"]


def test_a_copy_within_a_patient_gives_a_notice(draw: Draw, tmp_path: Path) -> None:
    rows = [("1.png", "a", "p"), ("1.bmp", "a", "p"), ("2.png", "b", "q")]
    for name, _, _ in rows:
        draw(tmp_path / name, int(name[0]))
    data = dataset_of(tmp_path, rows)
    linked = with_duplicates(data, scan(data).table["picture"])
    assert linked.table.equals(data.table)
    assert linked.notices[1:] == ("images that occur more than once in one patient: 1, such as 1.png and 1.bmp",)


@pytest.mark.parametrize("patient", ["p", "q"])
def test_one_image_with_two_labels_is_refused(draw: Draw, tmp_path: Path, patient: str) -> None:
    draw(tmp_path / "1.png", 1)
    draw(tmp_path / "1.bmp", 1)
    data = dataset_of(tmp_path, [("1.png", "a", "p"), ("1.bmp", "b", patient)])
    with pytest.raises(BenchError, match=r"one image has two labels; .*\n  .*1\.png is a, .*1\.bmp is b$"):
        with_duplicates(data, scan(data).table["picture"])


def test_images_with_two_labels_are_counted_and_ten_are_named() -> None:
    rows = [(f"{side}{i:02}.png", side, f"{side}{i}") for i in range(12) for side in "ab"]
    pictures = pd.Series([name[1:] for name, _, _ in rows], dtype="str")
    with pytest.raises(BenchError) as caught:
        with_duplicates(dataset_of(Path("/"), rows), pictures)
    lines = str(caught.value).splitlines()
    assert lines[0] == "12 images have two labels; remove the wrong ones:"
    assert lines[1] == "  /a00.png is a, /b00.png is b"
    assert (len(lines), lines[-1]) == (12, "  and 2 more")
