"""Section on failed and damaged experiments with their reasons."""

from __future__ import annotations

from collections.abc import Iterator

from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on failures, and that on experiments that cannot be read."""
    if data.failures:
        yield Section("Failed experiments", data.failures, "failures.html.j2", "failed")
    if data.damaged:
        yield Section("Damaged experiments", data.damaged, "damaged.html.j2", "damaged")
