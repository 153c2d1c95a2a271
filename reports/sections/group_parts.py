"""Views of what only some pipelines of a comparable group have, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from reports.groups import ComparableGroup
from reports.rows import Row
from reports.section import ReportData, Section

T = TypeVar("T")


@dataclass(frozen=True)
class GroupPart(Generic[T]):
    """Views of the pipelines of one group.

    Parameters
    ----------
    number : int
        Number of the group in the page, from 1.
    group : ComparableGroup
        The group.
    pipelines : tuple
        Views in the order of the leaderboard; at least one.
    missing : tuple of str
        Names of the pipelines without a view.
    """

    number: int
    group: ComparableGroup
    pipelines: tuple[T, ...]
    missing: tuple[str, ...]


def part_section(data: ReportData, title: str, name: str, view_of: Callable[[Row], T | None]) -> Iterator[Section]:
    """Build the section of the groups in which at least one pipeline has a view; none if there is no such group.

    Parameters
    ----------
    data : ReportData
        Contents of the results folder.
    title, name : str
        Heading; anchor and name of the template.
    view_of : callable
        Returns the view of a row, or None.
    """
    parts = []
    for number, group in enumerate(data.groups, start=1):
        views = {row.name: view_of(row) for row in group.rows}
        pipelines = tuple(view for view in views.values() if view is not None)
        if pipelines:
            missing = tuple(pipeline for pipeline, view in views.items() if view is None)
            parts.append(GroupPart(number, group, pipelines, missing))
    if parts:
        yield Section(title, parts, f"{name}.html.j2", name)
