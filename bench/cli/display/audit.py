"""Print the audit of a dataset: findings by level, and the outcome of each check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bench.cli.display.terminal import console, positive_text, show_line

if TYPE_CHECKING:
    from pathlib import Path

    from bench.evidence.audit.findings import Audit

_STYLES = {"error": "bold red", "warning": "yellow", "note": "bold"}


def show_audit(audit: Audit, *, stored: Path | None = None, links: Path | None = None) -> None:
    """Print an audit: counts, findings, one line for each other check, totals, and the paths of written files."""
    counts = audit.counts
    linked = "" if counts["patients"] == counts["split_units"] else f" ({counts['split_units']} split units)"
    console.print(
        f"[bold]{escape(audit.name)}[/bold]: {counts['cells']:,} cells of {counts['patients']} patients{linked}"
        f"{positive_text({'positive': audit.positive})}"
    )
    for finding in audit.findings:
        style = _STYLES[finding.level]
        console.print(f"\n[{style}]{finding.level} {finding.code}[/{style}] [bold]{escape(finding.title)}[/bold]")
        console.print(Padding(escape(finding.detail), (0, 0, 0, 2)))
    _show_checks(audit)
    levels = [str(finding.level) for finding in audit.findings]
    totals = ", ".join(f"{levels.count(level)} {level}{'s' if levels.count(level) != 1 else ''}" for level in _STYLES)
    console.print(f"\n{totals}; docs/audit has a page for each code")
    if stored is not None:
        show_line("stored for the report", stored)
    if links is not None:
        show_line(f"pairs of patients ({len(audit.links)})", links)


def _show_checks(audit: Audit) -> None:
    """Print the checks without findings, then those that were not run, grouped by reason."""
    passed = [check for check in audit.checks if check.outcome == "nothing found"]
    if passed:
        console.print("\nnothing found", style="bold green")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for check in passed:
            detail = f"[dim]: {escape(check.detail)}[/dim]" if check.detail else ""
            table.add_row(check.code, escape(check.title) + detail)
        console.print(table)
    missed: dict[str, list[str]] = {}
    for check in audit.checks:
        if check.outcome == "not checked":
            missed.setdefault(check.detail, []).append(check.code)
    for why, codes in missed.items():
        console.print(f"\n[bold]not checked[/bold] {', '.join(codes)}: {escape(why)}")
