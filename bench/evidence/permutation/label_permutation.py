"""Permuted labels, and the scores of an experiment refitted on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.evidence.permutation.labels import CellLabels, UnitLabels
from bench.evidence.permutation.stored_scores import read_scores, score_line
from bench.experiments.plan import Plan
from bench.experiments.refit import Study, refit
from bench.observer import Observer
from bench.scores.primary import primary_score
from bench.splits.outer_folds import draw_folds
from bench.statistics.arrays import Values
from bench.storage.links import refuse_links
from bench.storage.locks import try_lock
from extractors.seeds import seed_of


@dataclass(frozen=True)
class LabelPermutations:
    """Permutations of labels, between patients or within patients.

    Parameters
    ----------
    labels : UnitLabels or CellLabels
        True labels.
    requested : int
        Requested number of permutations.
    seed : int
        Seed of random permutations.
    """

    labels: UnitLabels | CellLabels
    requested: int
    seed: int

    @property
    def possible(self) -> int:
        """Number of distinct label assignments including the true one."""
        return self.labels.possible

    @property
    def exact(self) -> bool:
        """Whether all assignments are enumerated: if there are at most as many as requested permutations."""
        return self.possible <= self.requested

    @property
    def floor(self) -> float:
        """Smallest possible p-value: 1 / (permutations + 1), or one over the number of assignments if that is more."""
        return max(1 / (self.requested + 1), 1 / self.possible)

    def __iter__(self) -> Iterator[tuple[str, Values]]:
        """Yield name and label assignment; that of a name does not depend on the number of permutations."""
        if self.exact:
            others = (row for row in self.labels.arrangements() if not np.array_equal(row, self.labels.labels))
            yield from ((f"arrangement {number}", row) for number, row in enumerate(others))
            return
        for number in range(self.requested):
            rng = np.random.default_rng(seed_of("label permutation", self.seed, number))
            yield f"permutation {number}", self.labels.permuted(rng)


def permuted_label_scores(
    plan: Plan, label_permutations: LabelPermutations, *, scores_file: Path, jobs: int, observer: Observer
) -> dict[str, float]:
    """Compute the primary score of the plan's first experiment, refitted on each label permutation.

    Outer folds are redrawn from the permuted labels, and every step that uses labels is repeated: inner folds, tuning,
    calibration, thresholds, and the fits of classifier and extractor. (Folds by patient depend on the class counts of
    the patients only; labels that are permuted within patients leave them as they are.) Seeds are those of the
    experiment, so that the score is a fixed function of the labels, as a permutation test requires.

    Parameters
    ----------
    label_permutations : LabelPermutations
        Permutations of the labels of the plan's table.
    scores_file : Path
        File of finished scores, one JSON object per line; these are not recomputed. It belongs to one experiment key.

    Returns
    -------
    dict of str to float
        Score by name of the permutation, in the order of `label_permutations`.

    Raises
    ------
    BenchError
        A fit fails, a score is undefined, or another process computes the same scores.
    """
    refuse_links(scores_file.parent, scores_file)
    lock = try_lock(scores_file.with_suffix(".lock"))
    if lock is None:
        raise BenchError(f"{scores_file}: another process permutes the labels of this experiment; wait for it")
    labels, data = label_permutations.labels, plan.opened.dataset
    task = f"permuted labels, folds by {plan.protocol.split}"
    try:
        scores = read_scores(scores_file, observer)
        wanted = [name for name, _ in label_permutations]
        missing = set(wanted) - scores.keys()
        observer.progress(task, len(wanted) - len(missing), len(wanted))
        if missing:
            studies = (_study(plan, name, labels.of_cells(row)) for name, row in label_permutations if name in missing)
            with scores_file.open("a", encoding="utf-8") as file:
                for name, predictions in refit(plan, studies, jobs=jobs, observer=observer):
                    scores[name] = primary_score(predictions, classes=data.classes, positive=data.positive)
                    file.write(score_line(name, scores[name]))
                    file.flush()
                    missing.discard(name)
                    observer.progress(task, len(wanted) - len(missing), len(wanted))
        return {name: scores[name] for name in wanted}
    finally:
        lock.release()


def _study(plan: Plan, name: str, labels: Values) -> Study:
    table = plan.opened.dataset.table.assign(label=labels)
    p = plan.protocol
    return Study(name, labels, draw_folds(table, split=p.split, folds=p.folds, repeats=p.repeats, seed=p.seed))
