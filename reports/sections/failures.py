"""Section on failed experiments with their reasons."""

from __future__ import annotations

from collections.abc import Iterator

from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on failures."""
    if data.failures:
        yield Section("Failed experiments", data.failures, "failures.html.j2", "failed")
