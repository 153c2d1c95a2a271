"""Label permutations, and the stored scores of refits on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.permutation import label_permutation
from bench.evidence.permutation.label_permutation import (
    LabelPermutations,
    UnitLabels,
    arrangements,
    permuted_label_scores,
    unit_labels,
)
from bench.experiments.refit import Study
from bench.experiments.reload import Reloaded, reload
from bench.observer import Observer
from bench.storage.locks import try_lock


def _units(labels: str) -> UnitLabels:
    return UnitLabels(np.array([f"u{i}" for i in range(len(labels))]), np.array(list(labels)), np.arange(len(labels)))


def test_a_units_cells_move_together() -> None:
    table = pd.DataFrame({"unit": ["b", "a", "b", "c"], "label": ["sick", "healthy", "sick", "healthy"]})
    units = unit_labels(table)
    assert units.units.tolist() == ["a", "b", "c"]
    assert units.labels.tolist() == ["healthy", "sick", "healthy"]
    assert units.labels[units.unit_of].tolist() == table["label"].tolist()
    assert units.counts == {"healthy": 2, "sick": 1}


def test_patients_with_cells_of_several_classes_have_no_label_to_permute() -> None:
    table = pd.DataFrame({"unit": ["a", "a", "b"], "label": ["x", "y", "x"]})
    with pytest.raises(BenchError, match=r"1 of 2 patients have cells of several classes \(such as a\)"):
        unit_labels(table)


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


def test_floor_of_few_permutations() -> None:
    assert LabelPermutations(_units("a" * 47 + "b" * 26), requested=199, seed=0).floor == 1 / 200


def test_permuted_labels_keep_the_patients_of_each_class() -> None:
    units = _units("a" * 5 + "b" * 3)
    _, result = next(iter(LabelPermutations(units, requested=10, seed=1)))
    assert sorted(result) == sorted(units.labels)
    assert not np.array_equal(result, units.labels)


def test_permutationsdo_not_depend_on_the_requested_number() -> None:
    few, many = (list(LabelPermutations(_units("aaaabbbbbccc"), requested=n, seed=3)) for n in (5, 20))
    assert [name for name, _ in many[:5]] == [name for name, _ in few]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(few, many, strict=False))
    assert len({"".join(row) for _, row in many}) > 15
    other = list(LabelPermutations(_units("aaaabbbbbccc"), requested=5, seed=4))
    assert any(not np.array_equal(a, b) for (_, a), (_, b) in zip(few, other, strict=True))


def test_random_labellings_are_uniform() -> None:
    """10 labellings of 5 units, 4000 drawn: chi-squared with 9 degrees of freedom below its 0.999 quantile, 27.9."""
    drawn = Counter("".join(row) for _, row in _random(LabelPermutations(_units("aaabb"), requested=4000, seed=1)))
    assert len(drawn) == 10
    assert sum((n - 400) ** 2 / 400 for n in drawn.values()) < 27.9


def _random(permutations: LabelPermutations) -> Iterator[tuple[str, Any]]:
    """Random permutations where all could be enumerated."""
    units = permutations.units
    for number in range(permutations.requested):
        rng = np.random.default_rng(label_permutation.seed_of("label permutation", permutations.seed, number))
        yield str(number), rng.permutation(units.labels)


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> Reloaded:
    """An experiment on 12 phantom patients."""
    folder = tmp_path_factory.mktemp("label_permutation")
    write_phantom(PhantomSpec(patients=6, cells=3, spread=0, size=48, seed=2, mixture="size"), folder / "cells")
    result = bench.run(
        "size", "knn", data=str(folder / "cells"), folds=3, inner_folds=2, jobs=1, out=folder / "r", store=folder / "s"
    )
    return reload(result)


def test_finished_scores_are_stored_and_not_recomputed(
    reloaded: Reloaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    refit = label_permutation.refit

    def counted(plan: Any, studies: Iterable[Study], **more: Any) -> Iterator[tuple[str, pd.DataFrame]]:
        for name, predictions in refit(plan, studies, **more):
            fitted.append(name)
            yield name, predictions

    monkeypatch.setattr(label_permutation, "refit", counted)
    file, units = tmp_path / "scores.jsonl", unit_labels(reloaded.table)

    def scores(requested: int) -> dict[str, float]:
        permutations = LabelPermutations(units, requested=requested, seed=0)
        return permuted_label_scores(reloaded.plan, permutations, scores_file=file, jobs=1, observer=Observer())

    two = scores(2)
    assert sorted(fitted) == list(two) == [f"permutation {i}" for i in range(2)]
    assert all(0 <= v <= 1 for v in two.values())
    with file.open("a") as lines:
        lines.write('{"name": "permutation 2", "sc')  # a killed process
    three = scores(3)
    assert sorted(fitted) == [f"permutation {i}" for i in range(3)]
    assert {k: three[k] for k in two} == two
    assert scores(3) == three
    assert len(fitted) == 3


def test_folds_are_redrawn_and_have_every_class(reloaded: Reloaded) -> None:
    units = unit_labels(reloaded.table)
    for name, permuted in LabelPermutations(units, requested=20, seed=0):
        study = label_permutation._study(reloaded.plan, name, permuted[units.unit_of])
        for _, _, train, test in study.folds.splits():
            assert set(study.labels[test]) == set(study.labels[train]) == {"diseased", "normal"}
            assert not set(reloaded.units[test]) & set(reloaded.units[train])


def test_a_damaged_file_is_named(reloaded: Reloaded, tmp_path: Path) -> None:
    (tmp_path / "scores.jsonl").write_text("no json\n")
    permutations = LabelPermutations(unit_labels(reloaded.table), requested=2, seed=0)
    with pytest.raises(BenchError, match=r"scores\.jsonl: is damaged .* remove it"):
        permuted_label_scores(
            reloaded.plan, permutations, scores_file=tmp_path / "scores.jsonl", jobs=1, observer=Observer()
        )


def test_two_processes_do_not_compute_the_same_scores(reloaded: Reloaded, tmp_path: Path) -> None:
    permutations = LabelPermutations(unit_labels(reloaded.table), requested=2, seed=0)
    lock = try_lock(tmp_path / "scores.lock")
    assert lock is not None
    try:
        with pytest.raises(BenchError, match="another process permutes"):
            permuted_label_scores(
                reloaded.plan, permutations, scores_file=tmp_path / "scores.jsonl", jobs=1, observer=Observer()
            )
    finally:
        lock.release()
