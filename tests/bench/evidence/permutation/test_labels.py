"""Labels that are permuted, between patients and within patients: numbers of permutations by hand, and refusals."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.evidence.permutation.label_permutation import LabelPermutations
from bench.evidence.permutation.labels import CellLabels, UnitLabels, arrangements, permutable_labels, unit_labels
from bench.splits.outer_folds import draw_folds


def _units(labels: str) -> UnitLabels:
    n = len(labels)
    return UnitLabels(np.array([f"u{i}" for i in range(n)]), np.array(list(labels)), np.arange(n), n)


def _table(*patients: str, units: str | None = None) -> pd.DataFrame:
    """One patient for each text, one cell for each letter; `units` are the letters of the patients' split units."""
    rows = [(f"p{i:02d}", i, label) for i, labels in enumerate(patients) for label in labels]
    table = pd.DataFrame(rows, columns=["patient", "number", "label"])
    unit = table["patient"] if units is None else table["number"].map(lambda i: f"unit {units[i]}")
    return table.assign(unit=unit, cell=[f"c{i}" for i in range(len(table))]).astype("str")


def _cells(*patients: str) -> CellLabels:
    labels = permutable_labels(_table(*patients))
    assert isinstance(labels, CellLabels)
    return labels


def test_a_units_cells_move_together() -> None:
    table = pd.DataFrame(
        {"patient": list("baxc"), "unit": list("babc"), "label": ["sick", "healthy", "sick", "healthy"]}
    )
    units = permutable_labels(table)
    assert isinstance(units, UnitLabels)
    assert units.units.tolist() == ["a", "b", "c"]
    assert units.labels.tolist() == ["healthy", "sick", "healthy"]
    assert units.of_cells(units.labels).tolist() == table["label"].tolist()
    assert units.counts == {"healthy": 2, "sick": 1}
    assert (units.moved, units.fixed) == (4, 0), "patients, of which two are linked"


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="abc", min_size=2, max_size=8))
def test_every_arrangement_comes_once(labels: str) -> None:
    units = _units(labels)
    every = LabelPermutations(units, requested=10_000, seed=0)
    result = ["".join(row) for row in arrangements(units.counts)]
    assert len(set(result)) == len(result) == every.possible
    assert all(Counter(row) == Counter(labels) for row in result)
    others = ["".join(row) for _, row in every]
    assert labels not in others
    assert len(others) == every.possible - 1


@pytest.mark.parametrize(
    ("labels", "possible"), [("aabb", 6), ("aaabbb", 20), ("aabbcc", 90), ("a" * 47 + "b" * 26, None)]
)
def test_the_number_of_labellings_is_the_binomial_coefficient(labels: str, possible: int | None) -> None:
    """C(4, 2), C(6, 3), 6! / (2! 2! 2!), and C(73, 26) of the order of 10**19."""
    result = LabelPermutations(_units(labels), requested=199, seed=0)
    if possible is None:
        assert 1e19 < result.possible < 1e20
        assert not result.exact
    else:
        assert result.possible == possible
        assert result.exact


@pytest.mark.parametrize(
    ("per_class", "floor"),
    [((2, 2), 1 / 6), ((3, 3), 1 / 20), ((13, 15), 1 / 37_442_160), ((1, 1, 1), 1 / 6), ((47, 26), 1e-9)],
)
def test_floor_is_one_over_the_ways_to_deal_the_labels(per_class: tuple[int, ...], floor: float) -> None:
    labels = "".join(label * n for label, n in zip("abc", per_class, strict=False))
    result = LabelPermutations(_units(labels), requested=10**9 - 1, seed=0)
    assert result.floor == pytest.approx(max(floor, 1e-9), rel=1e-6)


@pytest.mark.parametrize(
    ("patients", "possible"),
    [
        (["ab"] * 5, 2**5),
        (["ab"] * 5 + ["a" * 9, "bbbb"], 2**5),
        (["aabb", "abbb", "ab", "ab", "ab"], 6 * 4 * 2**3),
        (["abc", "aabbc", "ab", "ab", "ab"], 6 * 30 * 2**3),
        (["ab" * 20] * 24, 137_846_528_820**24),
    ],
    ids=["pairs", "pure patients do not count", "C(4,2) C(4,1)", "three classes", "C(40,20)**24"],
)
def test_floor_within_patients_is_one_over_the_product_of_binomial_coefficients(
    patients: list[str], possible: int
) -> None:
    permutations = LabelPermutations(_cells(*patients), requested=1999, seed=0)
    assert permutations.possible == possible
    assert permutations.exact == (possible <= 1999)
    assert permutations.floor == max(1 / 2000, 1 / possible)


def test_floor_of_few_permutations() -> None:
    assert LabelPermutations(_units("a" * 47 + "b" * 26), requested=199, seed=0).floor == 1 / 200
    assert LabelPermutations(_cells(*["ab" * 500] * 100), requested=199, seed=0).floor == 1 / 200


@pytest.mark.parametrize("requested", [20, 10_000], ids=["random", "all"])
def test_labels_move_within_patients_of_several_classes_only(requested: int) -> None:
    patients = ["aab", "bbb", "ab", "abb", "aa", "ab", "ab"]
    labels = _cells(*patients)
    assert (labels.moved, labels.fixed, labels.counts) == (5, 2, {"a": 6, "b": 6})
    starts = np.cumsum([0, *map(len, patients)])
    rows = ["".join(labels.of_cells(row)) for _, row in LabelPermutations(labels, requested=requested, seed=1)]
    for row in rows:
        parts = [row[i:j] for i, j in itertools.pairwise(starts)]
        assert [parts[1], parts[4]] == ["bbb", "aa"]
        assert [sorted(part) for part in parts] == [sorted(patient) for patient in patients]
    if requested == 20:
        assert len(rows) == 20
        assert len(set(rows)) > 10
    else:
        assert len(set(rows)) == len(rows) == 3 * 2 * 3 * 2 * 2 - 1
        assert "".join(patients) not in rows


def test_random_labellings_within_patients_are_uniform() -> None:
    """3 * 2**4 = 48 labellings, 4800 drawn: chi-squared with 47 degrees of freedom below its 0.999 quantile, 82.7."""
    labels = _cells("aab", *["ab"] * 4)
    drawn = Counter("".join(labels.permuted(np.random.default_rng(seed))) for seed in range(4800))
    assert len(drawn) == 48
    assert sum((n - 100) ** 2 / 100 for n in drawn.values()) < 82.7


def test_folds_by_patient_stay_the_same_within_patients() -> None:
    table = _table(*["aab", "abb", "ab"] * 4, "aaa", "bbbb")
    labels = permutable_labels(table)
    folds = draw_folds(table, split="patient", folds=3, repeats=2, seed=5)
    for _, row in LabelPermutations(labels, requested=5, seed=0):
        permuted = table.assign(label=labels.of_cells(row))
        assert draw_folds(permuted, split="patient", folds=3, repeats=2, seed=5).hash == folds.hash


@pytest.mark.parametrize("mixed", [1, 2, 4])
def test_few_patients_with_several_classes_are_refused(mixed: int) -> None:
    table = _table(*["ab"] * mixed, *["aa"] * 6, *["bb"] * 6)
    verb = "has" if mixed == 1 else "have"
    with pytest.raises(
        BenchError, match=rf"^{mixed} of {mixed + 12} patients {verb} cells of several classes \(p00"
    ) as e:
        permutable_labels(table)
    assert "at least 5 are needed" in str(e.value)
    assert "bench audit, A013" in str(e.value)


def test_linked_patients_with_several_classes_count_once() -> None:
    """Five such patients, of which two are one split unit, are four independent ones."""
    with pytest.raises(BenchError, match=r"5 of 8 patients .* at least 5 are needed \(linked patients count once\)"):
        permutable_labels(_table(*["ab"] * 5, "aa", "bb", "bb", units="aabcdxyz"))
    labels = permutable_labels(_table(*["ab"] * 6, "aa", "bb", units="aabcdexy"))
    assert (labels.moved, labels.fixed, labels.counts) == (6, 2, {"a": 6, "b": 6})


def test_linked_patients_of_different_classes_are_refused() -> None:
    """Each patient has one label, but their split unit has two; permuting cells would divide a patient's label."""
    table = _table("aa", "bb", *["aa"] * 5, *["bb"] * 5, units="llcdefghijkm")
    with pytest.raises(BenchError, match=r"1 split unit of linked patients has no single label .* p00, p01, whose"):
        permutable_labels(table)


def test_patients_with_cells_of_several_classes_have_no_label_to_permute_between_patients() -> None:
    with pytest.raises(BenchError, match=r"5 of 6 patients have cells of several classes \(such as p00\)"):
        unit_labels(_table(*["ab"] * 5, "aa"))


def test_permuted_labels_keep_the_patients_of_each_class() -> None:
    units = _units("a" * 5 + "b" * 3)
    _, result = next(iter(LabelPermutations(units, requested=10, seed=1)))
    assert sorted(result) == sorted(units.labels)
    assert not np.array_equal(result, units.labels)


@pytest.mark.parametrize("labels", [_units("aaaabbbbbccc"), _cells(*["aabbb"] * 5, "aa")], ids=["patients", "cells"])
def test_permutations_do_not_depend_on_the_requested_number(labels: UnitLabels | CellLabels) -> None:
    few, many = (list(LabelPermutations(labels, requested=n, seed=3)) for n in (5, 20))
    assert [name for name, _ in many[:5]] == [name for name, _ in few]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(few, many, strict=False))
    assert len({"".join(row) for _, row in many}) > 15
    other = list(LabelPermutations(labels, requested=5, seed=4))
    assert any(not np.array_equal(a, b) for (_, a), (_, b) in zip(few, other, strict=True))


def test_random_labellings_are_uniform() -> None:
    """10 labellings of 5 units, 4000 drawn: chi-squared with 9 degrees of freedom below its 0.999 quantile, 27.9."""
    units = _units("aaabb")
    drawn = Counter("".join(units.permuted(np.random.default_rng(seed))) for seed in range(4000))
    assert len(drawn) == 10
    assert sum((n - 400) ** 2 / 400 for n in drawn.values()) < 27.9
