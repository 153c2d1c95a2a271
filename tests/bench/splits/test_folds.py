"""Splitters hold patients apart, with every class in each fold, whatever the cohort looks like."""

from __future__ import annotations

import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.splits.folds import InnerPatientKFold, PatientKFold, check_disjoint, check_unit_counts, inner_folds


def _cells(*sizes: tuple[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Label and patient of each cell, for patients of one label with the given numbers of cells."""
    labels, patients = [], []
    for label, counts in sizes:
        for number, count in enumerate(counts):
            labels += [label] * count
            patients += [f"{label}{number:03d}"] * count
    return np.array(labels), np.array(patients)


def _renamed(patients: np.ndarray, random: Random) -> np.ndarray:
    """The same patients under randomly ordered ids."""
    ids = sorted(set(patients))
    name = dict(zip(ids, random.sample(ids, len(ids)), strict=True))
    return np.array([name[p] for p in patients])


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
    """EVALUATION 2.1, row 5: spread of patient prevalence 0.07, of cell prevalence 0.21, ratio of sizes 1.54."""
    spreads, ratios, cell_spreads = [], [], []
    for seed in range(20):
        labels, patients = _cnmc_like(seed)
        sides = [test for _, test in PatientKFold(5, random_state=seed).split(labels, labels, patients)]
        shares = [np.mean([p.startswith("all") for p in set(patients[test])]) for test in sides]
        spreads.append(np.ptp(shares))
        cell_spreads.append(np.ptp([np.mean(labels[test] == "all") for test in sides]))
        ratios.append(max(map(len, sides)) / min(map(len, sides)))
    assert np.mean(spreads) <= 0.08
    assert np.mean(ratios) < 2.2
    assert np.mean(cell_spreads) < 0.35


@st.composite
def mixed_cohorts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Patients with cells of one class or of both, of whom at least as many as folds hold both."""
    folds = draw(st.integers(2, 5))
    both = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=folds, max_size=12))
    pure = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), max_size=8))
    counts = [*both, *((n, 0) if label else (0, n) for label, n in pure)]
    labels = np.concatenate([["a"] * a + ["b"] * b for a, b in counts])
    patients = np.concatenate([[f"p{i:02d}"] * (a + b) for i, (a, b) in enumerate(counts)])
    return labels, patients, folds


@settings(max_examples=40, deadline=None)
@given(mixed_cohorts(), st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_patients_with_cells_of_both_classes_are_held_apart_and_each_class_in_every_fold(
    cohort: tuple[np.ndarray, np.ndarray, int], seed: int, random: Random
) -> None:
    labels, patients, folds = cohort
    splitter = PatientKFold(folds, random_state=seed)
    assigned = splitter.assign(labels, patients)
    assert np.array_equal(assigned, PatientKFold(folds, random_state=seed).assign(labels, patients))
    for fold in range(folds):
        assert set(labels[assigned == fold]) == {"a", "b"}
        assert not set(patients[assigned == fold]) & set(patients[assigned != fold])
    order = np.array(random.sample(range(len(labels)), len(labels)))
    assert np.array_equal(assigned[order], splitter.assign(labels[order], patients[order]))


@pytest.mark.parametrize("folds", [2, 3, 7, 20])
def test_as_many_folds_as_patients_are_never_empty(folds: int) -> None:
    """scikit-learn issue 34828: StratifiedGroupKFold may then leave a test fold empty."""
    rng = np.random.default_rng(folds)
    for seed in range(30):
        patients = np.repeat([f"p{i:02d}" for i in range(folds)], rng.integers(2, 9, folds))
        labels = np.empty(len(patients), dtype="U1")
        for name in set(patients):
            here = np.flatnonzero(patients == name)
            labels[here] = ["a", "b", *rng.choice(["a", "b"], len(here) - 2)]
        assigned = PatientKFold(folds, random_state=seed).assign(labels, patients)
        assert sorted(set(assigned)) == list(range(folds))
        assert all(len(set(patients[assigned == fold])) == 1 for fold in range(folds))


def test_rare_class_of_mixed_patients_is_in_every_fold() -> None:
    """Ten patients hold `c`, of whom five are dealt out as patients of another class: one partition in 252 will do."""
    parts = [("ac", 5), ("bc", 5), ("a", 5), ("b", 20)]
    held = [(kind, f"{kind}{n}") for kind, count in parts for n in range(count)]
    labels = np.array([label for kind, _ in held for label in kind])
    patients = np.array([name for kind, name in held for _ in kind])
    for seed in range(5):
        assigned = PatientKFold(10, random_state=seed).assign(labels, patients)
        assert all(set(labels[assigned == fold]) == {"a", "b", "c"} for fold in range(10))


def test_raises_if_no_partition_has_every_class() -> None:
    """Each class has two patients, but of three patients one is alone in its fold and holds two classes of three."""
    labels, patients = np.array(list("abacbc")), np.array(["p0", "p0", "p1", "p1", "p2", "p2"])
    with pytest.raises(BenchError, match=r"none of 10000 partitions .* into 2 folds has every class \(a, b, c\)"):
        PatientKFold(2).assign(labels, patients)


def test_balanced_folds_are_quick() -> None:
    """73 patients with cells of both classes, 10,661 cells, 25 folds: 2 s when each draw was one of scikit-learn's."""
    rng = np.random.default_rng(0)
    patients = np.repeat([f"p{i:02d}" for i in range(73)], 146)
    labels = np.where(rng.random(len(patients)) < 0.3, "a", "b")
    start = time.perf_counter()
    for seed in range(5):
        PatientKFold(5, random_state=seed).assign(labels, patients)
    assert time.perf_counter() - start < 1


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


def test_a_patient_on_both_sides_is_named() -> None:
    units = np.array(["p1", "p1", "p2", "p3"])
    check_disjoint(units, np.array([0, 1]), np.array([2, 3]), where="here")
    with pytest.raises(BenchError, match="here: patients on both sides of the split: p1"):
        check_disjoint(units, np.array([0]), np.array([1, 2, 3]), where="here")


def test_check_unit_counts_counts_patients_not_cells() -> None:
    counts = np.array([[100, 0], [100, 0], [0, 1], [0, 1]])
    check_unit_counts(counts, ["a", "b"], 2)
    with pytest.raises(BenchError, match="3 folds need 3 patients"):
        check_unit_counts(counts, ["a", "b"], 3)


def test_inner_folds_are_limited_by_the_rarest_class() -> None:
    labels, patients = _cells(("a", [2] * 9), ("b", [7] * 2))
    assert inner_folds(labels, patients, 3) == 2
    assert inner_folds(labels, patients, 1) == 1
    labels, patients = _cells(("a", [2] * 9), ("b", [7]))
    with pytest.raises(BenchError, match="only one patient of a class"):
        inner_folds(labels, patients, 3)


def test_inner_splitter_reduces_folds_for_fewer_patients() -> None:
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
