"""Comparable groups: experiments that may be ranked in one table, best first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench.evidence.comparison.comparable_groups import by_comparable_group, shared_by_group
from bench.experiments.records import LEAKY, ExperimentResult
from bench.plugins.pipeline import NO_PREPARATION
from bench.scores.group_statistics import CELL, PATIENT, PER_PATIENT
from bench.scores.metrics import METRICS, Metric
from bench.storage.fingerprints import digest
from reports.rows import Row, read_row

LEVEL_NAMES: Mapping[str, str] = {PATIENT: "Patient-weighted", CELL: "Cell level", PER_PATIENT: "Per patient"}
"""Titles of `bench.scores.metrics.LEVELS`, in the order of the report."""


@dataclass(frozen=True)
class ComparableGroup:
    """Experiments on the same cells, protocol and folds, maybe more repeats. Only these are ranked together.

    Parameters
    ----------
    rows : tuple of Row
        At least one; the highest primary score first, undefined scores last.
    """

    rows: tuple[Row, ...]

    @property
    def record(self) -> Mapping[str, Any]:
        """Record of the first experiment; what a group shares is the same in all."""
        return self.rows[0].result.record

    @property
    def data(self) -> Mapping[str, Any]:
        """Metadata of the dataset."""
        return dict(self.record["data"])

    @property
    def protocol(self) -> Mapping[str, Any]:
        """Evaluation protocol."""
        return dict(self.record["protocol"])

    @cached_property
    def repeats(self) -> tuple[int, ...]:
        """Distinct numbers of repeats of the rows, in ascending order."""
        return tuple(sorted({row.repeats for row in self.rows}))

    @property
    def classes(self) -> list[str]:
        """Labels in sort order."""
        return [str(c) for c in self.data["classes"]]

    @property
    def leaky(self) -> bool:
        """Whether patients are on both sides of a fold."""
        return LEAKY in self.record["flags"]

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics of at least one row."""
        return tuple(m for m in METRICS.values() if any(m.name in row.scores for row in self.rows))

    @property
    def prepared(self) -> bool:
        """Whether some row has prepared cells, so that the table needs a column for the preparation."""
        return any(row.prepare != NO_PREPARATION for row in self.rows)

    @property
    def headline(self) -> tuple[Metric, ...]:
        """Columns of the leaderboard."""
        return tuple(m for m in self.metrics if m.headline)

    @property
    def levels(self) -> dict[str, tuple[Metric, ...]]:
        """Metrics of at least one row, by title of their level."""
        levels = {text: tuple(m for m in self.metrics if m.level == level) for level, text in LEVEL_NAMES.items()}
        return {text: metrics for text, metrics in levels.items() if metrics}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Distinct flags that call a score into question."""
        return tuple(dict.fromkeys(badge for row in self.rows for badge in row.warnings))

    @cached_property
    def baselines(self) -> tuple[Row, ...]:
        """Baseline rows, best first."""
        return tuple(row for row in self.rows if row.baseline)

    @property
    def best(self) -> Row | None:
        """Row with the highest primary score; None where no row has one."""
        return self.rows[0] if self.rows[0].primary.defined else None


def comparable_groups(experiments: Sequence[ExperimentResult]) -> tuple[ComparableGroup, ...]:
    """Group experiments for the report: groups on unseen patients first, then leaky ones, each sorted by dataset.

    Raises
    ------
    BenchError
        The scores of an experiment cannot be read.
    """
    groups = [ComparableGroup(_ranked([read_row(r) for r in members])) for members in by_comparable_group(experiments)]
    return tuple(sorted(groups, key=lambda g: (g.leaky, str(g.data["name"]), digest(shared_by_group(g.record)))))


def _ranked(rows: Sequence[Row]) -> tuple[Row, ...]:
    names = Counter(r.name for r in rows)
    return tuple(sorted((replace(r, ambiguous=names[r.name] > 1) for r in rows), key=_rank))


def _rank(row: Row) -> tuple[float, str, str, str, str]:
    score = -row.primary.value if row.primary.defined else math.inf
    return (score, row.prepare, row.extractor, row.classifier, row.result.key)
