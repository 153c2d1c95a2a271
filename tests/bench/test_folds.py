"""Folds hold patients apart, every class in each, and depend on the patient table and the seed alone."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from bench.errors import BenchError
from bench.fold_manifest import Folds
from bench.folds import InnerPatientKFold, PatientKFold, check_apart, check_enough, inner_folds
from bench.outer_folds import draw_folds


def _cells(*sizes: tuple[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Label and patient of each cell, for patients of one label with the given numbers of cells."""
    labels, patients = [], []
    for label, counts in sizes:
        for number, count in enumerate(counts):
            labels += [label] * count
            patients += [f"{label}{number:03d}"] * count
    return np.array(labels), np.array(patients)


def _renamed(patients: np.ndarray, random: Random) -> np.ndarray:
    """The same patients under ids whose order says nothing."""
    ids = sorted(set(patients))
    name = dict(zip(ids, random.sample(ids, len(ids)), strict=True))
    return np.array([name[p] for p in patients])


def _table(labels: np.ndarray, patients: np.ndarray, **more: object) -> pd.DataFrame:
    columns = {"cell": [f"c{i:05d}" for i in range(len(labels))], "label": labels, "patient": patients}
    return pd.DataFrame({**columns, "unit": patients, **more}).astype("str")


def _cnmc_like(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = np.maximum(1, rng.lognormal(3, 1, 73).astype(int)).tolist()
    return _cells(("all", sizes[:47]), ("hem", sizes[47:]))


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    folds = draw(st.integers(2, 6))
    sizes = st.lists(st.integers(1, 9), min_size=folds, max_size=20)
    classes = draw(st.integers(2, 4))
    labels, patients = _cells(*[(f"L{c}", draw(sizes)) for c in range(classes)])
    return labels, patients, folds


@settings(max_examples=60, deadline=None)
@given(cohorts(), st.integers(0, 2**31 - 1))
def test_each_patient_is_tested_once_and_each_class_in_every_fold(
    cohort: tuple[np.ndarray, np.ndarray, int], seed: int
) -> None:
    labels, patients, folds = cohort
    tested: list[str] = []
    for train, test in PatientKFold(folds, random_state=seed).split(labels, labels, patients):
        assert not set(patients[train]) & set(patients[test])
        assert set(labels[test]) == set(labels[train]) == set(labels)
        assert len(train) + len(test) == len(labels)
        tested += sorted(set(patients[test]))
    assert sorted(tested) == sorted(set(patients))


@settings(max_examples=60, deadline=None)
@given(cohorts(), st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_folds_hold_as_many_patients_of_a_class_as_their_share(
    cohort: tuple[np.ndarray, np.ndarray, int], seed: int, random: Random
) -> None:
    labels, patients, folds = cohort
    patients = _renamed(patients, random)
    for label in set(labels):
        total = len(set(patients[labels == label]))
        counts = [
            len(set(patients[test][labels[test] == label]))
            for _, test in PatientKFold(folds, random_state=seed).split(labels, labels, patients)
        ]
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == total


@settings(max_examples=40, deadline=None)
@given(cohorts(), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_the_cells_does_not_matter(
    cohort: tuple[np.ndarray, np.ndarray, int], seed: int, random: Random
) -> None:
    labels, patients, folds = cohort
    order = np.array(random.sample(range(len(labels)), len(labels)))
    splitter = PatientKFold(folds, random_state=seed)
    assert np.array_equal(splitter.assign(labels, patients)[order], splitter.assign(labels[order], patients[order]))


def test_folds_are_alike_in_label_and_size_on_a_cohort_like_cnmc() -> None:
    """EVALUATION 2.1: patients by label and size block; spread of patient prevalence 0.07, ratio of sizes 1.54."""
    spreads, ratios, cell_spreads = [], [], []
    for seed in range(20):
        labels, patients = _cnmc_like(seed)
        sides = [test for _, test in PatientKFold(5, random_state=seed).split(labels, labels, patients)]
        shares = [np.mean([p.startswith("all") for p in set(patients[test])]) for test in sides]
        spreads.append(np.ptp(shares))
        cell_spreads.append(np.ptp([np.mean(labels[test] == "all") for test in sides]))
        ratios.append(max(map(len, sides)) / min(map(len, sides)))
    assert np.mean(spreads) < 0.1
    assert np.mean(ratios) < 2.2
    assert np.mean(cell_spreads) < 0.35


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


def test_the_splits_of_a_manifest_are_its_folds() -> None:
    table = _table(*_cnmc_like())
    folds = draw_folds(table, split="patient", folds=4, repeats=2, seed=0)
    splits = list(folds.splits())
    assert [(repeat, fold) for repeat, fold, _, _ in splits] == [(r, f) for r in range(2) for f in range(4)]
    for repeat, fold, train, test in splits:
        rows = folds.table[(folds.table["repeat"] == repeat) & (folds.table["fold"] == fold)]
        assert list(table["cell"].iloc[test]) == list(rows["cell"])
        assert sorted([*train, *test]) == list(range(len(table)))


def test_linked_patients_lie_in_one_fold() -> None:
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
    with pytest.raises(BenchError, match=r"HEM has 3; ask for at most --folds 3"):
        draw_folds(table, split="patient", folds=5, repeats=1, seed=0)
    assert len(list(draw_folds(table, split="patient", folds=3, repeats=1, seed=0).splits())) == 3
    lonely = _table(*_cells(("ALL", [5] * 12), ("HEM", [9])))
    with pytest.raises(BenchError, match="a class with one patient cannot be evaluated"):
        draw_folds(lonely, split="patient", folds=5, repeats=1, seed=0)


def test_linked_patients_count_once() -> None:
    table = _table(*_cells(("ALL", [5] * 12), ("HEM", [5] * 5)))
    table["unit"] = table["unit"].replace({"HEM000": "HEM000+HEM001", "HEM001": "HEM000+HEM001"})
    with pytest.raises(BenchError, match="HEM has 4"):
        draw_folds(table, split="patient", folds=5, repeats=1, seed=0)


def test_a_patient_with_cells_of_both_classes_balances_the_counts_of_cells() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat([f"p{i:02d}" for i in range(30)], 10)
    labels = np.where(rng.random(300) < np.repeat(rng.uniform(0.2, 0.8, 30), 10), "a", "b")
    labels[:20] = "a"
    share = [
        np.mean(labels[test] == "a") for _, test in PatientKFold(5, random_state=1).split(labels, labels, patients)
    ]
    assert abs(np.array(share) - np.mean(labels == "a")).max() < 0.05
    order = rng.permutation(300)
    splitter = PatientKFold(5, random_state=1)
    assert np.array_equal(splitter.assign(labels, patients)[order], splitter.assign(labels[order], patients[order]))


def test_one_mixed_patient_does_not_undo_the_guarantee() -> None:
    labels, patients = _cells(("a", [4] * 40), ("b", [4] * 9))
    labels[0] = "b"
    for seed in range(5):
        for _, test in PatientKFold(10, random_state=seed).split(labels, labels, patients):
            assert set(labels[test]) == {"a", "b"}


def test_a_split_needs_labels_and_patients() -> None:
    labels, patients = _cells(("a", [2] * 5), ("b", [2] * 5))
    for splitter in (PatientKFold(3), InnerPatientKFold(3)):
        assert splitter.get_n_splits() == 3
        with pytest.raises(BenchError, match="needs the label and the patient"):
            next(splitter.split(labels, labels))
        with pytest.raises(BenchError, match="needs the label and the patient"):
            next(splitter.split(labels, None, patients))


def test_an_image_split_tears_patients_apart_and_says_so() -> None:
    table = _table(*_cnmc_like())
    folds = draw_folds(table, split="image", folds=5, repeats=2, seed=0)
    assert folds.violations
    assert "of 73 patients lie in several folds" in folds.violations[0]
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


def test_official_folds_that_tear_patients_or_links_list_it() -> None:
    labels, patients = _cells(("a", [3] * 6), ("b", [3] * 6))
    fold = np.array([f"fold_{int(p[-1]) % 3}" for p in patients])
    fold[0] = "fold_2"
    table = _table(labels, patients, fold=fold)
    table["unit"] = table["unit"].replace({"b001": "b001+b002", "b002": "b001+b002"})
    violations = draw_folds(table, split="official", folds=5, repeats=1, seed=0).violations
    assert violations == (
        "1 of 12 patients lie in several folds, such as a000",
        "2 of 11 split units (linked patients are one) lie in several folds, such as a000",
    )


def test_official_folds_that_cannot_be_used() -> None:
    labels, patients = _cells(("a", [3] * 4), ("b", [3] * 4))
    table = _table(labels, patients)
    with pytest.raises(BenchError, match="need a data set that comes with folds"):
        draw_folds(table, split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match="must be at least two; here is only 'x'"):
        draw_folds(table.assign(fold="x"), split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match=r"fold 0 of repeat 0 has no cell of a on its training side"):
        draw_folds(table.assign(fold=labels), split="official", folds=5, repeats=1, seed=0)
    missing = table.assign(fold=["x"] * 23 + [None])
    with pytest.raises(BenchError, match="need a data set that comes with folds"):
        draw_folds(missing, split="official", folds=5, repeats=1, seed=0)
    with pytest.raises(BenchError, match="one repeat"):
        draw_folds(table.assign(fold="x"), split="official", folds=5, repeats=2, seed=0)


def test_a_patient_on_both_sides_is_named() -> None:
    units = np.array(["p1", "p1", "p2", "p3"])
    check_apart(units, np.array([0, 1]), np.array([2, 3]), where="here")
    with pytest.raises(BenchError, match="here: patients on both sides of the split: p1"):
        check_apart(units, np.array([0]), np.array([1, 2, 3]), where="here")


def test_check_enough_counts_patients_and_not_cells() -> None:
    counts = np.array([[100, 0], [100, 0], [0, 1], [0, 1]])
    check_enough(counts, ["a", "b"], 2)
    with pytest.raises(BenchError, match="3 folds need 3 patients"):
        check_enough(counts, ["a", "b"], 3)


def test_inner_folds_are_as_many_as_the_scarcest_class_allows() -> None:
    labels, patients = _cells(("a", [2] * 9), ("b", [7] * 2))
    assert inner_folds(labels, patients, 3) == 2
    assert inner_folds(labels, patients, 1) == 1
    labels, patients = _cells(("a", [2] * 9), ("b", [7]))
    with pytest.raises(BenchError, match="only one patient of a class"):
        inner_folds(labels, patients, 3)


def test_what_an_estimator_splits_may_hold_fewer_patients_than_the_outer_training_set() -> None:
    labels, patients = _cells(("a", [2] * 9), ("b", [7] * 2))
    splits = list(InnerPatientKFold(3).split(labels, labels, patients))
    assert len(splits) == 2
    for train, test in splits:
        assert not set(patients[train]) & set(patients[test])
        assert set(labels[train]) == set(labels[test]) == {"a", "b"}
    labels, patients = _cells(("a", [2] * 9), ("b", [2] * 9))
    for ours, plain in zip(
        InnerPatientKFold(3, random_state=4).split(labels, labels, patients),
        PatientKFold(3, random_state=4).split(labels, labels, patients),
        strict=True,
    ):
        assert np.array_equal(ours[1], plain[1])
    labels, patients = _cells(("a", [2] * 9), ("b", [7]))
    with pytest.raises(BenchError, match="at least 4 patients of each class"):
        next(InnerPatientKFold(3).split(labels, labels, patients))
