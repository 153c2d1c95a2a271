"""Outer folds of each `--split`, and their errors."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from bench.datasets.readers.cnmc import LINKED
from bench.datasets.table import units_of
from bench.errors import BenchError
from bench.options import make_options
from bench.splits.fold_manifest import Folds, write_folds
from bench.splits.outer_folds import draw_folds, folds_from, outer_folds


def _cells(*sizes: tuple[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Label and patient of each cell, for patients of one label with the given numbers of cells."""
    labels, patients = [], []
    for label, counts in sizes:
        for number, count in enumerate(counts):
            labels += [label] * count
            patients += [f"{label}{number:03d}"] * count
    return np.array(labels), np.array(patients)


def _table(labels: np.ndarray, patients: np.ndarray, **more: object) -> pd.DataFrame:
    columns = {"cell": [f"c{i:05d}" for i in range(len(labels))], "label": labels, "patient": patients}
    return pd.DataFrame({**columns, "unit": patients, **more}).astype("str")


def _cnmc_like(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = np.maximum(1, rng.lognormal(3, 1, 73).astype(int)).tolist()
    return _cells(("all", sizes[:47]), ("hem", sizes[47:]))


@pytest.fixture(scope="module")
def cnmc(shared: Path) -> pd.DataFrame:
    """The training cells of C-NMC: 10,661 cells, 73 patients, 66 split units, three official folds."""
    index = pd.read_csv(shared / "data/cnmc-manifest/train_index.csv", dtype="str")
    patient = index["patient"].str.upper()
    return pd.DataFrame(
        {
            "cell": index["path"],
            "label": index["label"].str.upper(),
            "patient": patient,
            "unit": units_of(list(patient), LINKED),
            "fold": index["fold"],
        }
    ).astype("str")


def _spread(folds: Folds, labels: pd.Series, column: str, positive: str) -> list[float]:
    """Largest minus smallest share of positive patients over the folds of each repeat."""
    result = []
    for _, part in folds.table.groupby("repeat"):
        patients = part.assign(label=labels.to_numpy()).drop_duplicates(column)
        result.append(float(np.ptp((patients["label"] == positive).groupby(patients["fold"]).mean())))
    return result


def test_repeats_differ_as_random_partitions_do() -> None:
    """EVALUATION 2.1: pair persistence at its chance level, where StratifiedGroupKFold repeats itself."""
    labels, patients = _cnmc_like()
    folds = draw_folds(_table(labels, patients), split="patient", folds=5, repeats=6, seed=0)
    assigned = [
        part.drop_duplicates("patient").sort_values("patient")["fold"].to_numpy()
        for _, part in folds.table.groupby("repeat")
    ]
    agreement = [adjusted_rand_score(a, b) for a, b in pairwise(assigned)]
    assert np.mean(agreement) < 0.05
    assert folds.violations == ()


def test_folds_depend_on_the_seed_and_not_on_the_number_of_repeats() -> None:
    table = _table(*_cnmc_like())
    one = draw_folds(table, split="patient", folds=5, repeats=1, seed=0)
    three = draw_folds(table, split="patient", folds=5, repeats=3, seed=0)
    pd.testing.assert_frame_equal(one.table, three.table[three.table["repeat"] == 0])
    again = draw_folds(table, split="patient", folds=5, repeats=1, seed=0)
    other = draw_folds(table, split="patient", folds=5, repeats=1, seed=1)
    assert one.hash == again.hash != other.hash


def test_linked_patients_are_in_one_fold() -> None:
    labels, patients = _cnmc_like()
    table = _table(labels, patients)
    linked = {"all000", "all001", "all002"}
    table["unit"] = [("+".join(sorted(linked)) if p in linked else p) for p in patients]
    for seed in range(5):
        folds = draw_folds(table, split="patient", folds=5, repeats=1, seed=seed)
        assert folds.table.loc[folds.table["patient"].isin(linked), "fold"].nunique() == 1
        assert folds.table.groupby("unit")["fold"].nunique().max() == 1


def test_fewer_patients_of_a_class_than_folds_names_the_largest_number() -> None:
    """EVALUATION 12: split guard."""
    table = _table(*_cells(("ALL", [5] * 12), ("HEM", [9] * 3)))
    with pytest.raises(BenchError, match=r"HEM has 3; use at most --folds 3"):
        draw_folds(table, split="patient", folds=5, repeats=1, seed=0)
    assert len(list(draw_folds(table, split="patient", folds=3, repeats=1, seed=0).splits())) == 3
    lonely = _table(*_cells(("ALL", [5] * 12), ("HEM", [9])))
    with pytest.raises(BenchError, match="HEM has 1; at least 3 of each class are needed"):
        draw_folds(lonely, split="patient", folds=5, repeats=1, seed=0)


def test_linked_patients_count_once() -> None:
    table = _table(*_cells(("ALL", [5] * 12), ("HEM", [5] * 5)))
    table["unit"] = table["unit"].replace({"HEM000": "HEM000+HEM001", "HEM001": "HEM000+HEM001"})
    with pytest.raises(BenchError, match="HEM has 4"):
        draw_folds(table, split="patient", folds=5, repeats=1, seed=0)


def test_image_split_divides_patients_and_lists_it() -> None:
    table = _table(*_cnmc_like())
    folds = draw_folds(table, split="image", folds=5, repeats=2, seed=0)
    assert folds.violations
    assert "of 73 patients are in several folds" in folds.violations[0]
    for _, _, _, test in folds.splits():
        share = (table["label"].iloc[test] == "all").mean()
        assert abs(share - (table["label"] == "all").mean()) < 0.01
    with pytest.raises(BenchError, match="5 folds need 5 cells of each class, but b has 4"):
        draw_folds(_table(*_cells(("a", [9] * 9), ("b", [2, 2]))), split="image", folds=5, repeats=1, seed=0)


def test_official_folds_are_taken_as_they_are() -> None:
    labels, patients = _cells(("a", [3] * 6), ("b", [3] * 6))
    fold = np.array([f"fold_{int(p[-1]) % 3}" for p in patients])
    folds = draw_folds(_table(labels, patients, fold=fold), split="official", folds=5, repeats=1, seed=0)
    assert isinstance(folds, Folds)
    assert folds.violations == ()
    for number, (repeat, name, _, test) in enumerate(folds.splits()):
        assert (repeat, name) == (0, number)
        assert set(fold[test]) == {f"fold_{number}"}


def test_official_folds_that_divide_linked_patients_list_it() -> None:
    labels, patients = _cells(("a", [3] * 6), ("b", [3] * 6))
    table = _table(labels, patients, fold=np.array([f"fold_{int(p[-1]) % 3}" for p in patients]))
    table["unit"] = table["unit"].replace({"b001": "b001+b002", "b002": "b001+b002"})
    violations = draw_folds(table, split="official", folds=5, repeats=1, seed=0).violations
    assert violations == ("1 of 11 split units (linked patients are one) are in several folds, such as b001+b002",)


def test_official_folds_that_cannot_be_used() -> None:
    labels, patients = _cells(("a", [3] * 4), ("b", [3] * 4))
    table = _table(labels, patients)
    with pytest.raises(BenchError, match="need a dataset with folds"):
        draw_folds(table, split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match="at least two official folds are needed; the only one is 'x'"):
        draw_folds(table.assign(fold="x"), split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match=r"fold 0 of repeat 0 has no cell of a on its training side"):
        draw_folds(table.assign(fold=labels), split="official", folds=5, repeats=1, seed=0)
    missing = table.assign(fold=["x"] * 23 + [None])
    with pytest.raises(BenchError, match="need a dataset with folds"):
        draw_folds(missing, split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match="one repeat"):
        draw_folds(table.assign(fold="x"), split="official", folds=5, repeats=2, seed=0)


@pytest.mark.parametrize(("column", "seeds", "at_most"), [("patient", 20, 0.08), ("unit", 20, 0.08)])
def test_twenty_seeds_are_twenty_partitions_of_cnmc_alike_in_prevalence(
    cnmc: pd.DataFrame, column: str, seeds: int, at_most: float
) -> None:
    """EVALUATION 2.1, row 5: spread of patient prevalence 0.07, 20 distinct partitions; by ids and by split units."""
    table = cnmc.assign(unit=cnmc[column])
    partitions, spreads = set(), []
    for seed in range(seeds):
        folds = draw_folds(table, split="patient", folds=5, repeats=1, seed=seed)
        by_fold = folds.table.groupby("fold")["unit"].agg(frozenset)
        partitions.add(frozenset(by_fold))
        spreads += _spread(folds, table["label"], column, "ALL")
    assert len(partitions) == seeds
    assert np.mean(spreads) <= at_most


def test_twenty_five_folds_of_cnmc_are_quick(cnmc: pd.DataFrame) -> None:
    start = time.perf_counter()
    folds = draw_folds(cnmc, split="patient", folds=5, repeats=5, seed=0)
    assert len(list(folds.splits())) == 25
    assert folds.hash
    assert time.perf_counter() - start < 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False), st.sampled_from(["patient", "lopo"]))
def test_the_order_of_the_rows_does_not_matter(seed: int, random: Random, split: str) -> None:
    table = _table(*_cells(("a", [3, 1, 4, 1, 5, 9, 2]), ("b", [6, 5, 3, 5, 8])))
    shuffled = table.iloc[random.sample(range(len(table)), len(table))].reset_index(drop=True)
    one, other = (
        draw_folds(t, split=split, folds=4, repeats=1, seed=seed).table.set_index("cell")["fold"]
        for t in (table, shuffled)
    )
    assert one.sort_index().equals(other.sort_index())


def test_linked_official_folds_of_cnmc_remove_linked_cells(cnmc: pd.DataFrame) -> None:
    """All four groups of linked patients cross the official folds: their training cells go, counted by hand here."""
    folds = draw_folds(cnmc, split="official-linked")
    assert folds.violations == ()
    expected = []
    for fold in range(3):
        tested = set(cnmc["unit"][cnmc["fold"] == str(fold)])
        expected.append(int(((cnmc["fold"] != str(fold)) & cnmc["unit"].isin(tested)).sum()))
    assert expected == [229, 353, 1256]
    unit = cnmc["unit"].to_numpy()
    for (_, fold, train, test), lost in zip(folds.splits(), expected, strict=True):
        assert not set(unit[train]) & set(unit[test])
        assert len(test) == (cnmc["fold"] == str(fold)).sum()
        assert len(train) == len(cnmc) - len(test) - lost
    assert folds.notices == (
        "official folds without leakage of linked patients: 1838 training cells are removed in total (229 in fold 0, "
        "353 in fold 1, 1256 in fold 2); 4 split units of linked patients are in several official folds",
    )
    plain = draw_folds(cnmc, split="official")
    assert plain.violations == ("4 of 66 split units (linked patients are one) are in several folds, such as 20+21",)
    assert all(len(train) + len(test) == len(cnmc) for _, _, train, test in plain.splits())


def test_no_copy_of_a_cell_is_on_both_sides_of_linked_official_folds(cnmc: pd.DataFrame, shared: Path) -> None:
    """94 pairs of identical files cross the official folds; none crosses a linked one."""
    pairs = pd.read_csv(shared / "data/cnmc-manifest/duplicate_pairs.csv", dtype="str")
    row = {Path(path).name: i for i, path in enumerate(cnmc["cell"])}
    a, b = (pairs[f].map(row).to_numpy() for f in ("file_a", "file_b"))
    crossing = {"official": 0, "official-linked": 0}
    for split in crossing:
        torn = np.zeros(len(pairs), dtype=bool)
        for _, _, train, test in draw_folds(cnmc, split=split).splits():
            side = np.zeros(len(cnmc), dtype=int)
            side[train], side[test] = 1, 2
            torn |= (side[a] * side[b]) == 2
        crossing[split] = int(torn.sum())
    assert crossing == {"official": 94, "official-linked": 0}


@pytest.mark.parametrize("split", ["official", "official-linked"])
def test_a_patient_in_two_official_folds_is_named_with_the_cells(split: str) -> None:
    labels, patients = _cells(("a", [3] * 6), ("b", [3] * 6))
    fold = np.array([f"fold_{int(p[-1]) % 3}" for p in patients])
    fold[1] = "fold_2"
    table = _table(labels, patients, fold=fold)
    with pytest.raises(BenchError) as stopped:
        draw_folds(table, split=split)
    assert "1 patient with cells in several official folds" in str(stopped.value)
    assert "patient a000: c00000 in fold fold_0, c00001 in fold fold_2" in str(stopped.value)


def test_class_without_training_cells_after_removing_links_raises() -> None:
    labels, patients = _cells(("a", [2] * 4), ("b", [2] * 2))
    table = _table(labels, patients, fold=[str(int(p[-1]) % 2) for p in patients])
    table["unit"] = table["unit"].replace({"b000": "b000+b001", "b001": "b000+b001"})
    with pytest.raises(BenchError, match="fold 0 of repeat 0 has no cell of b on its training side"):
        draw_folds(table, split="official-linked")


def test_leave_one_patient_out_tests_each_unit_alone() -> None:
    labels, patients = _cells(("a", [2, 3, 4, 5]), ("b", [1, 2, 3]))
    table = _table(labels, patients)
    table["unit"] = table["unit"].replace({"a000": "a000+a001", "a001": "a000+a001"})
    folds = draw_folds(table, split="lopo")
    tested = [sorted(set(table["unit"].iloc[test])) for _, _, _, test in folds.splits()]
    assert tested == [["a000+a001"], ["a002"], ["a003"], ["b000"], ["b001"], ["b002"]]
    assert all(len(train) + len(test) == len(table) for _, _, train, test in folds.splits())
    assert (folds.count, folds.repeats, folds.violations) == (6, 1, ())
    assert "no AUROC: each of its 6 models" in folds.notices[0]
    mixed = table.assign(label=["b", *table["label"][1:]])
    assert draw_folds(mixed, split="lopo").notices == ()
    with pytest.raises(BenchError, match=r"needs 3 patients of each class.*but b has 2"):
        draw_folds(table[table["unit"] != "b002"].reset_index(drop=True), split="lopo")


@pytest.mark.parametrize(("split", "expected"), [("lopo", 0.0), ("patient", 0.5)])
def test_pairs_across_models_are_why_leave_one_out_has_no_auroc(split: str, expected: float) -> None:
    """EVALUATION 12, LOO bias: a classifier of the training prevalence, pooled over 10 + 10 patients."""
    labels, patients = _cells(("a", [1] * 10), ("b", [1] * 10))
    is_a, score = labels == "a", np.full(20, np.nan)
    for _, _, train, test in draw_folds(_table(labels, patients), split=split, folds=5).splits():
        score[test] = is_a[train].mean()
    assert roc_auc_score(is_a, score) == expected


def test_held_out_cells_are_tested_once_and_never_train() -> None:
    labels, patients = _cells(("a", [2] * 5), ("b", [2] * 5))
    held = np.isin(patients, ["a003", "a004", "b004"])
    table = _table(labels, patients, set=np.where(held, "held-out", "train"))
    folds = draw_folds(table, split="held-out")
    [(repeat, fold, train, test)] = folds.splits()
    assert (repeat, fold, folds.count, folds.repeats) == (0, 0, 1, 1)
    assert np.array_equal(test, np.flatnonzero(held))
    assert np.array_equal(train, np.flatnonzero(~held))
    assert set(folds.table["fold"][~held]) == {-1}
    with pytest.raises(BenchError, match="needs held-out cells: --held-out PATH"):
        draw_folds(table.drop(columns="set"), split="held-out")
    only_a = table.assign(set=np.where(patients == "a003", "held-out", "train"))
    with pytest.raises(BenchError, match="no cell of b on its test side"):
        draw_folds(only_a, split="held-out")


@pytest.mark.parametrize("split", ["official", "official-linked", "lopo", "held-out"])
def test_splits_that_are_not_random_have_one_repeat(split: str) -> None:
    table = _table(*_cells(("a", [3] * 4), ("b", [3] * 4)), fold="x", set="train")
    with pytest.raises(BenchError, match=f"--split {split} is not random and has one repeat"):
        draw_folds(table, split=split, repeats=2)


@pytest.mark.parametrize(("split", "there"), [("lopo", 8), ("official", 2)])
def test_contradicting_number_of_folds_raises(split: str, there: int) -> None:
    labels, patients = _cells(("a", [3] * 4), ("b", [3] * 4))
    table = _table(labels, patients, fold=[str(int(p[-1]) % 2) for p in patients])
    assert outer_folds(table, make_options({"split": split})).count == there
    assert outer_folds(table, make_options({"split": split, "folds": there})).count == there
    with pytest.raises(BenchError, match=f"--folds 5: --split {split} makes {there} on these data; omit --folds"):
        outer_folds(table, make_options({"split": split, "folds": 5}))


def test_one_patient_with_ninety_percent_of_the_cells_works_and_is_noticed() -> None:
    table = _table(*_cells(("a", [162, 2, 2, 2, 2]), ("b", [2, 2, 2, 2, 2])))
    folds = draw_folds(table, split="patient", folds=5, repeats=2, seed=0)
    assert len(list(folds.splits())) == 10
    assert folds.notices[0].startswith("a000 has 90 % of the cells")
    assert draw_folds(_table(*_cnmc_like()), split="patient").notices == ()


def test_folds_from_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    table = _table(*_cnmc_like())
    drawn = draw_folds(table, split="patient", folds=4, repeats=3, seed=7)
    write_folds(drawn, tmp_path / "folds.csv")
    read = outer_folds(table, make_options({"folds_file": tmp_path / "folds.csv"}))
    assert (read.hash, read.count, read.repeats, read.notices) == (drawn.hash, 4, 3, ())
    for name, requested, there in (("folds", 5, 4), ("repeats", 2, 3)):
        with pytest.raises(BenchError, match=rf"--{name} {requested}: .*folds.csv has {there} on these data"):
            outer_folds(table, make_options({"folds_file": tmp_path / "folds.csv", name: requested}))
    for split in ("official", "official-linked", "lopo", "held-out"):
        with pytest.raises(BenchError, match=f"--split {split} is not random; omit one of them"):
            folds_from(tmp_path / "folds.csv", table, split=split)


def test_folds_file_that_divides_linked_patients_raises_or_is_marked(tmp_path: Path) -> None:
    labels, patients = _cells(("a", [2] * 4), ("b", [2] * 4))
    table, file = _table(labels, patients), tmp_path / "folds.csv"
    rows = [f"{patient},{int(patient[-1]) % 2}" for patient in dict.fromkeys(patients)]
    file.write_text("\n".join(["patient,fold", *rows]) + "\n")
    assert folds_from(file, table, split="patient").count == 2
    table["unit"] = table["unit"].replace({"a000": "a000+a001", "a001": "a000+a001"})
    with pytest.raises(
        BenchError, match=r"1 split unit in several folds.*a000\+a001 \(a000 in fold 0, a001 in fold 1\)"
    ):
        folds_from(file, table, split="patient")
    assert folds_from(file, table, split="image").violations == (
        "1 of 7 split units (linked patients are one) are in several folds, such as a000+a001",
    )


def test_folds_from_a_file_need_every_class_on_each_side(tmp_path: Path) -> None:
    table, file = _table(*_cells(("a", [2] * 2), ("b", [2] * 2))), tmp_path / "folds.csv"
    file.write_text("patient,fold\na000,0\na001,1\nb000,0\nb001,0\n")
    with pytest.raises(BenchError, match=r"folds.csv: fold 0 of repeat 0 has no cell of b on its training side"):
        folds_from(file, table, split="patient")
