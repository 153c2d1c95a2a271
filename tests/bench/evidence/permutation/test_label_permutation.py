"""Stored scores of refits on permuted labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.permutation import label_permutation
from bench.evidence.permutation.label_permutation import LabelPermutations, permuted_label_scores
from bench.evidence.permutation.labels import unit_labels
from bench.evidence.permutation.stored_scores import read_scores
from bench.experiments.refit import Study
from bench.experiments.reload import Reloaded, reload
from bench.observer import Observer
from bench.storage.locks import try_lock


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
        study = label_permutation._study(reloaded.plan, name, units.of_cells(permuted))
        for _, _, train, test in study.folds.splits():
            assert set(study.labels[test]) == set(study.labels[train]) == {"diseased", "normal"}
            assert not set(reloaded.units[test]) & set(reloaded.units[train])


def test_scores_of_a_damaged_file_are_computed_again(reloaded: Reloaded, tmp_path: Path) -> None:
    file, permutations = tmp_path / "scores.jsonl", LabelPermutations(unit_labels(reloaded.table), 1, seed=0)
    file.write_text('{"name": "permutation 0", "score": 7.5}\n')
    scores = permuted_label_scores(reloaded.plan, permutations, scores_file=file, jobs=1, observer=Observer())
    assert 0 <= scores["permutation 0"] <= 1
    assert read_scores(file, Observer()) == scores


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


def test_scores_are_not_written_through_a_link(reloaded: Reloaded, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "scores.jsonl").symlink_to(tmp_path / "outside")
    permutations = LabelPermutations(unit_labels(reloaded.table), requested=2, seed=0)
    with pytest.raises(BenchError, match=r"scores\.jsonl: is a link, and links in this folder are not followed"):
        permuted_label_scores(
            reloaded.plan, permutations, scores_file=tmp_path / "scores.jsonl", jobs=1, observer=Observer()
        )
    assert (tmp_path / "outside").read_text() == "mine"
