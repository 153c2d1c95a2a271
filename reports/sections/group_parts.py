"""Views of what only some pipelines of a comparable group have, group by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reports.groups import ComparableGroup
from reports.rows import Row

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


def group_parts(groups: Sequence[ComparableGroup], view_of: Callable[[Row], T | None]) -> list[GroupPart[T]]:
    """Build the views of all groups in which at least one pipeline has one.

    Parameters
    ----------
    groups : sequence of ComparableGroup
        All groups of the page.
    view_of : callable
        Returns the view of a row, or None.
    """
    parts = []
    for number, group in enumerate(groups, start=1):
        views = {row.name: view_of(row) for row in group.rows}
        pipelines = tuple(view for view in views.values() if view is not None)
        parts.append(GroupPart(number, group, pipelines, tuple(name for name, view in views.items() if view is None)))
    return [part for part in parts if part.pipelines]
