"""Views of what only some pipelines of a comparable group have, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reports.rows import Row
from reports.section import ReportData, Section


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
