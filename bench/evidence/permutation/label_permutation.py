"""Labels permuted on the table of split units, and what an experiment scores when it is fitted on them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.experiments.plan import Plan
from bench.experiments.refit import Study, refit
from bench.observer import Observer
from bench.scores.primary import primary_score
from bench.seeds import seed_of
from bench.splits.outer_folds import draw_folds
from bench.statistics.permutation import permuted_labels
from bench.storage.locks import try_lock

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class UnitLabels:
    """One label a split unit.

    Parameters
    ----------
    units : ndarray of str, shape (n_units,)
        In sort order.
    labels : ndarray of str, shape (n_units,)
        Label of each unit.
    unit_of : ndarray of int, shape (n_cells,)
        Index of each cell's unit.
    """

    units: Labels
    labels: Labels
    unit_of: npt.NDArray[np.intp]

    @property
    def counts(self) -> dict[str, int]:
        """Split units of each class."""
        classes, counts = np.unique(self.labels, return_counts=True)
        return {str(c): int(n) for c, n in zip(classes, counts, strict=True)}


@dataclass(frozen=True)
class Relabellings:
    """The ways in which labels are dealt out to the units.

    Parameters
    ----------
    units : UnitLabels
        The true labels.
    asked : int
        Permutations asked for.
    seed : int
        Root of the random ones.
    """

    units: UnitLabels
    asked: int
    seed: int

    @property
    def possible(self) -> int:
        """Different ways to deal the labels out, the true one included: C(P, P1), multinomial with more classes."""
        left, ways = len(self.units.labels), 1
        for n in self.units.counts.values():
            ways *= math.comb(left, n)
            left -= n
        return ways

    @property
    def exact(self) -> bool:
        """Whether every way is tried, which is so where there are no more of them than permutations asked for."""
        return self.possible <= self.asked

    @property
    def total(self) -> int:
        """How many are tried beside the true one."""
        return self.possible - 1 if self.exact else self.asked

    def __iter__(self) -> Iterator[tuple[str, Labels]]:
        """Name and labels, shape (n_units,), of each; a name stands for the same labels however many are asked for."""
        if self.exact:
            others = (a for a in arrangements(self.units.counts) if not np.array_equal(a, self.units.labels))
            yield from ((f"labelling {number}", labels) for number, labels in enumerate(others))
            return
        for number in range(self.asked):
            rng = np.random.default_rng(seed_of("label permutation", self.seed, number))
            yield f"permutation {number}", permuted_labels(self.units.labels, rng)


def unit_labels(table: pd.DataFrame) -> UnitLabels:
    """The label of each split unit.

    Parameters
    ----------
    table : DataFrame
        Columns `unit` and `label`; one row a cell.

    Raises
    ------
    BenchError
        A unit has cells of several classes, so that it has no label of its own to be permuted.
    """
    units, first, unit_of = np.unique(table["unit"].to_numpy().astype(str), return_index=True, return_inverse=True)
    labels = table["label"].to_numpy().astype(str)
    several = np.unique(unit_of[labels != labels[first][unit_of]])
    if len(several):
        raise BenchError(
            f"{len(several)} of {len(units)} patients have cells of several classes (such as {units[several[0]]}), so "
            "there is no label of the patient that could be permuted; labels can only be permuted where each patient "
            "has one"
        )
    return UnitLabels(units, labels[first], unit_of)


def arrangements(counts: Mapping[str, int]) -> Iterator[Labels]:
    """Every different way to deal `counts[label]` labels of each kind out to sum(counts) places, in one fixed order."""
    places = sum(counts.values())
    width = max(map(len, counts), default=1)
    kinds = sorted(counts)

    def fill(row: Labels, free: tuple[int, ...], left: list[str]) -> Iterator[Labels]:
        if not left:
            yield row
            return
        for chosen in itertools.combinations(free, counts[left[0]]):
            filled = row.copy()
            filled[list(chosen)] = left[0]
            yield from fill(filled, tuple(f for f in free if f not in chosen), left[1:])

    yield from fill(np.full(places, "", dtype=f"<U{width}"), tuple(range(places)), kinds)


def relabelled_scores(
    plan: Plan, relabellings: Relabellings, *, kept: Path, jobs: int, observer: Observer
) -> dict[str, float]:
    """Primary score of the plan's first experiment, fitted anew on each relabelling.

    The outer folds are drawn anew from the labels, and everything that uses labels is done again: inner folds, tuning,
    calibration, threshold, the fit, and the fit of an extractor that learns. Seeds are those of the experiment, so that
    the score is one fixed function of the labels, as a permutation test wants it.

    Parameters
    ----------
    relabellings : Relabellings
        The units are those of the plan's table.
    kept : Path
        File in which each score is kept as soon as it is there, one JSON object a line; what it holds is not fitted
        again. It belongs to one experiment key.

    Returns
    -------
    dict of str to float
        Score by name of the relabelling, in the order of `relabellings`.

    Raises
    ------
    BenchError
        A fit fails, a score is undefined, or another process is at it.
    """
    lock = try_lock(kept.with_suffix(".lock"))
    if lock is None:
        raise BenchError(f"{kept}: another process permutes the labels of this experiment; wait for it")
    try:
        return _scores(plan, relabellings, kept, jobs, observer)
    finally:
        lock.release()


def _scores(plan: Plan, relabellings: Relabellings, kept: Path, jobs: int, observer: Observer) -> dict[str, float]:
    scores = _read_kept(kept)
    wanted = [name for name, _ in relabellings]
    missing = set(wanted) - scores.keys()
    task = f"permuted labels, folds by {plan.protocol.split}"
    observer.progress(task, len(wanted) - len(missing), len(wanted))
    data = plan.opened.dataset
    studies = (
        _study(plan, name, labels[relabellings.units.unit_of]) for name, labels in relabellings if name in missing
    )
    if missing:
        with kept.open("a", encoding="utf-8") as file:
            for name, predictions in refit(plan, studies, jobs=jobs, observer=observer):
                scores[name] = primary_score(predictions, classes=data.classes, positive=data.positive)
                file.write(json.dumps({"name": name, "score": scores[name]}) + "\n")
                file.flush()
                missing.discard(name)
                observer.progress(task, len(wanted) - len(missing), len(wanted))
    return {name: scores[name] for name in wanted}


def _study(plan: Plan, name: str, labels: Labels) -> Study:
    table = plan.opened.dataset.table.assign(label=labels)
    p = plan.protocol
    return Study(name, labels, draw_folds(table, split=p.split, folds=p.folds, repeats=p.repeats, seed=p.seed))


def _read_kept(path: Path) -> dict[str, float]:
    """The scores kept so far; a last line that a killed process left unfinished is dropped, also from the file."""
    if not path.is_file():
        return {}
    whole, _, torn = path.read_text(encoding="utf-8").rpartition("\n")
    try:
        rows = [json.loads(line) for line in whole.splitlines()]
        scores = {str(row["name"]): float(row["score"]) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise BenchError(f"{path}: is damaged ({error}); remove it, and its permutations are fitted anew") from error
    if torn:
        path.write_text(whole + "\n" if whole else "", encoding="utf-8")
    return scores
