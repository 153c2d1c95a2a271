"""Section on failed experiments and damaged files with their reasons."""

from __future__ import annotations

from collections.abc import Iterator

from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on failures, and that on files that cannot be read; sections that read files come before."""
    if data.failures:
        yield Section("Failed experiments", data.failures, "failures.html.j2", "failed")
    if data.damaged:
        yield Section("Damaged files", data.damaged, "damaged.html.j2", "damaged")
