"""Sections of the report and the data they are built from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from bench.evidence.comparison.compare import Comparison, compare
from bench.evidence.comparison.record import comparison_files, read_comparison
from bench.experiments.records import PUBLISHED, Damage, ExperimentResult, Failure
from bench.experiments.results import Results
from reports.groups import ComparableGroup, comparable_groups
from reports.rows import Row

Content = TypeVar("Content")


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Parameters
    ----------
    title : str
        Heading, and label in the navigation.
    view : object
        Passed to the template as `view`.
    template : str
        File in `reports/templates`.
    anchor : str
        Id of the section, unique in the page.
    subtitle : str
        Smaller text beside the heading.
    leaky : bool
        Whether all scores of the section are leaky.
    """

    title: str
    view: object
    template: str
    anchor: str
    subtitle: str = ""
    leaky: bool = False


@dataclass(frozen=True)
class ReportData:
    """Contents of a results folder that sections read.

    Parameters
    ----------
    results : Results
        The folder.
    groups : tuple of ComparableGroup
        Current experiments.
    failures : sequence of Failure
        Experiments without a result.
    damaged : list of Damage
        Experiments, failures and files beside them that cannot be read; complete when all sections are built.
    """

    results: Results
    groups: tuple[ComparableGroup, ...]
    failures: Sequence[Failure]
    damaged: list[Damage] = field(default_factory=list)

    @classmethod
    def read(cls, results: Results) -> ReportData:
        """Read the current experiments and failures of a results folder."""
        contents = results.current(tables=TABLES)
        # Those by published protocols are in their own section, beside the same pipelines on unseen patients.
        current = [one for one in contents.experiments if PUBLISHED not in one.flags]
        return cls(results, comparable_groups(current), contents.failures, contents.damaged)

    def read_files(self, paths: Iterable[Path], read: Callable[[Path], Content]) -> list[Content]:
        """Read files beside the experiments; damaged ones are added to `damaged` and left out."""
        contents = []
        for path in paths:
            try:
                contents.append(read(path))
            except BenchError as error:
                if (damage := Damage(path, str(error))) not in self.damaged:
                    self.damaged.append(damage)
        return contents

    @property
    def experiments(self) -> list[ExperimentResult]:
        """Experiments of all groups, in the order of the page."""
        return [row.result for group in self.groups for row in group.rows]

    @cached_property
    def comparisons(self) -> tuple[Comparison | None, ...]:
        """Comparison of each group against its best pipeline.

        Read from the results folder where `bench compare` has stored it, otherwise computed from the predictions. None
        where patients leak, or with fewer than two pipelines.
        """
        stored = self.read_files(comparison_files(self.results.path), read_comparison)
        return tuple(_comparison(group, stored) for group in self.groups)


TABLES = (
    *("scores", "predictions", "trials", "optimism", "importances", "features", "timing"),
    *("curves", "finder", "training", "fit_times"),
)
"""What a report reads of an experiment."""

SectionBuilder = Callable[[ReportData], Iterable[Section]]
"""Builds the sections of one kind; none where there is nothing to show."""


def part_section(data: ReportData, title: str, anchor: str, view_of: Callable[[Row], object]) -> Iterator[Section]:
    """Build the section of the groups in which at least one pipeline has a view; none if there is no such group.

    Parameters
    ----------
    data : ReportData
        Contents of the results folder.
    title, anchor : str
        Heading; id of the section and name of its template.
    view_of : callable
        Returns the view of a row, or None.

    Returns
    -------
    iterator of Section
        Its view is a list with, for each such group: `number` in the page, from 1, `group`, `pipelines` (the views, in
        the order of the leaderboard), and `missing` (names of the pipelines without a view).
    """
    parts = []
    for number, group in enumerate(data.groups, start=1):
        views = {row.name: view_of(row) for row in group.rows}
        pipelines = [view for view in views.values() if view is not None]
        missing = [name for name, view in views.items() if view is None]
        if pipelines:
            parts.append({"number": number, "group": group, "pipelines": pipelines, "missing": missing})
    if parts:
        yield Section(title, parts, f"{anchor}.html.j2", anchor)


def _comparison(group: ComparableGroup, stored: Iterable[Comparison]) -> Comparison | None:
    if group.leaky or len(group.rows) < 2:
        return None
    keys = {row.result.key for row in group.rows}
    for comparison in stored:
        if set(comparison.keys) == keys and comparison.reference == comparison.best and not comparison.all_pairs:
            return comparison
    return compare([row.result for row in group.rows], names=[row.name for row in group.rows])
