from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.networks.training.holdout import patient_holdout


@given(st.lists(st.integers(0, 2), min_size=6, max_size=40), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_the_split_is_patient_disjoint_with_all_classes(classes: list[int], seed: int) -> None:
    label_of = np.array([*classes, 0, 0, 1, 1, 2, 2])
    cells = np.random.default_rng(seed).integers(1, 5, len(label_of))
    groups = np.repeat(np.arange(len(label_of)), cells)
    y = label_of[groups]
    training, validation = patient_holdout(y, groups, seed=seed)
    assert not set(groups[training]) & set(groups[validation])
    assert sorted([*training, *validation]) == list(range(len(y)))
    assert set(y[training]) == set(y[validation]) == {0, 1, 2}


def test_a_fifth_of_the_patients_of_each_class_is_held_out() -> None:
    groups = np.repeat(np.arange(60), 3)
    y = np.where(groups < 20, "ill", "well")
    _, validation = patient_holdout(y, groups)
    held_out = np.unique(groups[validation])
    assert ((held_out < 20).sum(), (held_out >= 20).sum()) == (4, 8)


def test_the_split_depends_on_the_seed() -> None:
    y = np.arange(40) % 2
    first, again, other = (patient_holdout(y, None, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_patients_with_cells_of_both_classes() -> None:
    groups = np.repeat(np.arange(10), 4)
    y = np.tile([0, 1], 20)
    training, validation = patient_holdout(y, groups)
    assert len(np.unique(groups[validation])) == 2
    assert set(y[training]) == {0, 1}


def test_a_class_of_one_patient_raises() -> None:
    with pytest.raises(ValueError, match=r"class b has cells of 1 patient; .* at least 2 of each class"):
        patient_holdout(["a", "a", "b", "b"], [1, 2, 3, 3])


def test_inseparable_patients_raise() -> None:
    with pytest.raises(ValueError, match="no split of the patients"):
        patient_holdout(["a", "b", "a", "c", "b", "c"], [1, 1, 2, 2, 3, 3])
