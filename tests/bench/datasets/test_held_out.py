"""Joined training and held-out cells, and checks that they share no patient and no image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pandas as pd
import pytest

from bench.datasets.classes import with_positive_class
from bench.datasets.held_out import check_images_apart, joined_sets, training_set, with_patients_apart
from bench.datasets.loading import LoadedDataset, open_data
from bench.datasets.table import Dataset, cell_table
from bench.errors import BenchError
from bench.observer import Observer
from bench.options import make_options

Draw = Callable[..., Path]


class Listener(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


def _dataset(name: str, patients: str, *, positive: str | None = "sick", **more: list[str]) -> Dataset:
    """Two cells of each patient; the sick ones are those in capitals."""
    ids = [p for p in patients.split() for _ in range(2)]
    table = cell_table(
        cell=[f"{p}.{i % 2}" for i, p in enumerate(ids)],
        path=[f"/{name}/{p}.{i % 2}" for i, p in enumerate(ids)],
        label=["sick" if p[0].isupper() else "well" for p in ids],
        patient=ids,
        **more,
    )
    return Dataset(name, "made up", table, positive)


def _folder(place: Path, draw: Draw, patients: str, *, seed: int = 0, columns: str = "") -> Path:
    """A manifest of one cell for each patient, drawn from `seed` on."""
    rows = [f"path,label,patient{columns and ',' + columns}"]
    for number, entry in enumerate(patients.split()):
        patient, *more = entry.split(":")
        draw(place / f"{number}.png", seed + number)
        rows.append(",".join([f"{number}.png", "sick" if patient[0].isupper() else "well", patient, *more]))
    (place / "manifest.csv").write_text("\n".join(rows) + "\n")
    return place


def _opened(data: Path, listener: Listener | None = None, **options: object) -> LoadedDataset:
    return open_data(make_options({"data": str(data), **options}), listener)


def test_joined_sets_have_a_set_column() -> None:
    joined = joined_sets(_dataset("one", "A1 b1", fold=list("0011")), _dataset("two", "C9 d9", um_per_px=["0.5"] * 4))
    assert list(joined.table["set"]) == ["train"] * 4 + ["held-out"] * 4
    assert list(joined.table["cell"])[::2] == ["A1.0", "b1.0", "C9.0", "d9.0"]
    assert "fold" not in joined.table
    assert joined.table["um_per_px"].isna().tolist() == [True] * 4 + [False] * 4
    assert joined.table.index.equals(pd.RangeIndex(8))
    assert (joined.name, joined.positive) == ("one | two", "sick")
    other = replace(_dataset("two", "C9 d9"), reader="lmu")
    assert joined_sets(replace(_dataset("one", "A1 b1"), reader="cnmc"), other).reader == "cnmc+lmu"
    assert joined_sets(replace(_dataset("one", "A1 b1"), reader="lmu"), other).reader == "lmu"
    alike = joined_sets(_dataset("one", "A1 b1"), _dataset("two", "A1 b1"))
    assert list(alike.table["cell"])[3:5] == ["b1.1", "held-out/A1.0"]


def test_the_sets_need_the_same_classes_and_positive_class() -> None:
    one, other = _dataset("one", "A1 b1"), _dataset("two", "C9 d9")
    ill = Dataset("two", "", other.table.assign(label=other.table["label"].replace("sick", "ill")), "ill")
    with pytest.raises(BenchError, match=r"classes ill, well, those of --data have sick, well"):
        joined_sets(one, ill)
    with pytest.raises(BenchError, match=r"'sick' in --data and 'well' in --held-out; set one with --positive"):
        joined_sets(one, _dataset("two", "C9 d9", positive="well"))
    with pytest.raises(BenchError, match=r"--held-out two has a column `set`"):
        joined_sets(one, _dataset("two", "C9 d9", set=["train"] * 4))


def test_a_patient_in_both_sets_is_named() -> None:
    with pytest.raises(BenchError, match=r"2 patients with cells in both .*: A1, b2; a patient belongs to one set"):
        with_patients_apart(joined_sets(_dataset("one", "A1 b1 b2"), _dataset("two", "A1 b2")))


def test_labels_of_the_held_out_set_take_the_spelling_of_the_training_set() -> None:
    other = _dataset("two", "C9 d9")
    upper = Dataset("two", "", other.table.assign(label=other.table["label"].str.upper()), "SICK")
    joined = joined_sets(_dataset("one", "A1 b1"), upper)
    assert (joined.classes, joined.positive) == (("sick", "well"), "sick")
    assert "labels of --held-out two: names are matched without regard to case" in joined.notices[0]


def test_an_assumed_positive_class_follows_the_spelling_of_the_training_set() -> None:
    def assumed(name: str, patients: str, labels: dict[str, str]) -> Dataset:
        dataset = _dataset(name, patients, positive=None)
        return with_positive_class(replace(dataset, table=dataset.table.replace({"label": labels})), name)

    train = assumed("one", "A1 b1", {"sick": "X", "well": "y"})
    held_out = assumed("two", "C9 d9", {"sick": "x", "well": "Y"})
    assert (train.positive, held_out.positive) == ("y", "x")
    joined = joined_sets(train, held_out)
    assert (joined.positive, set(joined.table["label"])) == ("y", {"X", "y"})
    assert [notice[:34] for notice in joined.notices] == [
        "the positive class is 'y', the las", "labels of --held-out two: names ar"
    ]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [("H30", "h30"), ("A1", "A1 "), ("\u00c41", "A\u03081"), ("7", "7.0")])
def test_a_patient_written_in_two_ways_is_in_both_sets(one: str, other: str) -> None:
    held_out = _dataset("two", "C9 d9")
    held_out = Dataset("two", "", held_out.table.assign(patient=[other] * 2 + ["d9"] * 2), "sick")
    with pytest.raises(BenchError, match=r"1 patient with cells in both the training and the held-out set"):
        with_patients_apart(joined_sets(_dataset("one", f"{one} B2 b1"), held_out))


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        ("H11 b1", "C9 p11", "H11 and p11"),
        ("A01 b2", "C9 x1", "A01 and x1"),
        ("A1 b1 B2", "C-2 d1", "A1 and d1, B2 and C-2, b1 and d1"),
        ("A1 b2", "C3 d4", ""),
        ("Anna bert", "Carl dora", ""),
    ],
)
def test_ids_that_differ_only_by_prefix_are_noticed(one: str, other: str, pairs: str) -> None:
    notices = with_patients_apart(joined_sets(_dataset("one", one), _dataset("two", other))).notices
    if not pairs:
        assert notices == ()
    else:
        assert notices[0].startswith("patient ids that differ only by prefix")
        assert sorted(notices[0].partition("different patients: ")[2].split(", ")) == sorted(pairs.split(", "))


def test_a_set_without_a_class_is_named() -> None:
    dataset = _dataset("one", "A1 b1 c1", set=["train"] * 4 + ["held-out"] * 2)
    with pytest.raises(BenchError, match="the held-out set has no cell of sick"):
        with_patients_apart(dataset)


def test_an_image_or_a_link_across_the_sets_is_named() -> None:
    dataset = joined_sets(_dataset("one", "A1 b1"), _dataset("two", "C9 d9"))
    pictures = pd.Series([f"digest {i}" for i in range(8)], dtype="str")
    check_images_apart(dataset, pictures)
    twice = pictures.mask(pictures == "digest 5", "digest 1")
    with pytest.raises(BenchError, match=r"A1\.1 \(patient A1, train\) and C9\.1 \(patient C9, held-out\)"):
        check_images_apart(dataset, twice)
    within = pictures.mask(pictures == "digest 5", "digest 4")
    check_images_apart(dataset, within)
    linked = Dataset("", "", dataset.table.assign(unit=["A1+C9", "A1+C9", *"bb", "A1+C9", "A1+C9", *"dd"]), "sick")
    with pytest.raises(BenchError, match=r"linked patients are in both .*: A1\+C9"):
        check_images_apart(linked, pictures)


def test_other_splits_use_the_training_set() -> None:
    sets = ["train"] * 4 + ["held-out"] * 2
    left = training_set(_dataset("one", "A1 b1 c1", set=sets))
    assert list(left.table["patient"]) == ["A1", "A1", "b1", "b1"]
    assert left.table.index.equals(pd.RangeIndex(4))
    assert "set" not in left.table
    assert left.notices == ("2 held-out cells are left out; --split held-out evaluates on them",)
    with pytest.raises(BenchError, match="without its held-out cells, holds only the class 'sick'"):
        training_set(_dataset("one", "A1 B1 c1", set=sets))


def test_two_datasets_are_opened_as_two_sets(tmp_path: Path, draw: Draw, own_cache: Path) -> None:
    train = _folder(tmp_path / "one", draw, "A1 A2 b1 b2")
    other = _folder(tmp_path / "two", draw, "C8 d9", seed=50)
    listener = Listener()
    opened = _opened(train, listener, held_out=str(other))
    assert list(opened.dataset.table["set"]) == ["train"] * 4 + ["held-out"] * 2
    assert list(opened.dataset.table["cell"]) == [f"{n}.png" for n in range(4)] + ["held-out/0.png", "held-out/1.png"]
    assert opened.dataset.cells()[5].image.shape == (12, 12, 3)
    assert listener.notices == ["the positive class is 'well', the last in sort order; set another with --positive"]
    again = _opened(train, held_out=str(_folder(tmp_path / "three", draw, "C8 d9", seed=60)))
    assert _opened(train).held_out_digest is None
    assert opened.held_out_digest != again.held_out_digest
    fewer = _opened(_folder(tmp_path / "four", draw, "A1 b1", seed=70), held_out=str(other))
    assert fewer.held_out_digest == opened.held_out_digest
    assert fewer.digest != opened.digest


@pytest.mark.parametrize("turned", [False, True])
def test_a_copy_of_a_training_image_among_the_held_out_ones_stops_the_run(
    tmp_path: Path, draw: Draw, own_cache: Path, turned: bool
) -> None:
    train = _folder(tmp_path / "one", draw, "A1 b1")
    other = _folder(tmp_path / "two", draw, "C8 d9", seed=50)
    image = cv2.imread(str(train / "0.png"))
    cv2.imwrite(str(other / "0.png"), cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE) if turned else image)
    with pytest.raises(BenchError, match=r"0\.png \(patient A1, train\) and held-out/0\.png \(patient C8, held-out\)"):
        _opened(train, held_out=str(other))


def test_a_column_of_the_manifest_names_the_held_out_cells(tmp_path: Path, draw: Draw, own_cache: Path) -> None:
    entries = "A1:0:train A2:1:train b1:0:train b2:1:train C8::held-out d9::held-out"
    folder = _folder(tmp_path / "one", draw, entries, columns="fold,set")
    held = _opened(folder, split="held-out")
    assert list(held.dataset.table["set"]) == ["train"] * 4 + ["held-out"] * 2
    assert "fold" not in held.dataset.table
    listener = Listener()
    trained = _opened(folder, listener, split="official")
    assert list(trained.dataset.table["fold"]) == ["0", "1", "0", "1"]
    assert any("2 held-out cells are left out" in notice for notice in listener.notices)
    other = _folder(tmp_path / "two", draw, "E7 f6", seed=50)
    with pytest.raises(BenchError, match="--data one has a column `set` that names its own held-out cells"):
        _opened(folder, held_out=str(other))
    with pytest.raises(BenchError, match="has no held-out cells; pass them as --held-out PATH"):
        _opened(other, split="held-out")


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ("A1:0:train b1:0:test", r"manifest.csv, row 3: 'set' is 'test'; expected train or held-out"),
        ("A1:0:train b1::train", r"row 3: 'fold' is empty"),
        ("A1:0:train b1:0:held-out", r"row 3: 'fold' is '0', but a held-out cell has no fold"),
        ("A1::held-out b1::held-out", r"every cell is held-out; there are no training cells"),
    ],
)
def test_errors_in_the_set_column_name_the_row(tmp_path: Path, draw: Draw, entries: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        _opened(_folder(tmp_path / "one", draw, entries, columns="fold,set"))


def test_phantoms_of_another_seed_have_other_patients(own_cache: Path) -> None:
    train, same, other = (f"phantom[patients=3,cells=2,size=64,seed={seed}]" for seed in (0, 0, 1))
    opened = open_data(make_options({"data": train, "held_out": other}))
    sets = opened.dataset.table.groupby("set")["patient"].agg(set)
    assert sets["held-out"] == {f"{name}-seed1" for name in sets["train"]}
    with pytest.raises(BenchError, match="6 patients with cells in both"):
        open_data(make_options({"data": train, "held_out": same}))


def test_the_preliminary_phase_is_a_held_out_set(tmp_path: Path, draw: Draw, own_cache: Path) -> None:
    """C-NMC: the training folds train, the numbered images of the preliminary phase are tested."""
    for fold, name, seed in ((0, "UID_1_1_1_all", 1), (1, "UID_2_1_1_all", 2), (0, "UID_H1_1_1_hem", 3)):
        draw(tmp_path / f"C-NMC_training_data/fold_{fold}/{name[-3:]}/{name}.bmp", seed)
    phase = tmp_path / "validation_data"
    labels = ["Patient_ID,new_names,labels", "UID_57_29_1_all.bmp,1.bmp,1", "UID_H30_2_1_hem.bmp,2.bmp,0"]
    for number in (1, 2):
        draw(phase / f"C-NMC_test_prelim_phase_data/{number}.bmp", 10 + number)
    (phase / "C-NMC_test_prelim_phase_data_labels.csv").write_text("\n".join(labels) + "\n")
    opened = _opened(tmp_path / "C-NMC_training_data", held_out=str(phase))
    table = opened.dataset.table
    assert list(table["patient"][table["set"] == "held-out"]) == ["57", "H30"]
    assert opened.dataset.positive == "ALL"
    assert table["unit"].nunique() == 5


def test_two_cuts_of_the_same_cells_are_never_joined() -> None:
    train = replace(_dataset("acevedo", "A b"), family="Acevedo PBC")
    held_out = replace(_dataset("bloodmnist", "C d"), family="Acevedo PBC")
    with pytest.raises(BenchError, match=r"bloodmnist and --data acevedo show the same cells \(Acevedo PBC\)"):
        joined_sets(train, held_out)
    assert joined_sets(train, replace(held_out, family="another")).family == "Acevedo PBC"
    assert len(joined_sets(train, replace(train, table=held_out.table)).table) == 8


def test_cells_without_patient_ids_have_other_names_in_the_held_out_set() -> None:
    train, held_out = (replace(_dataset(name, "A b"), grouping="block") for name in ("x", "y"))
    joined = joined_sets(train, held_out)
    assert joined.grouping == "block"
    assert list(joined.table["unit"].unique()) == ["A", "b", "held-out A", "held-out b"]
    assert with_patients_apart(joined).notices == joined.notices


def test_the_joined_grouping_is_the_weaker_one() -> None:
    train, held_out = _dataset("x", "A b"), replace(_dataset("y", "C d"), grouping="unit")
    assert joined_sets(train, held_out).grouping == "unit"
    assert joined_sets(held_out, train).grouping == "unit"
    both = joined_sets(train, replace(train, name="y", grouping="unit"))
    with pytest.raises(BenchError, match="2 split units with cells in both the training and the held-out set"):
        with_patients_apart(both)
