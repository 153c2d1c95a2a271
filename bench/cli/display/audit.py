"""What `bench audit` prints: findings by level, and what each check came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bench.cli.display.terminal import console, show_line

if TYPE_CHECKING:
    from pathlib import Path

    from bench.evidence.audit.findings import Audit

_STYLES = {"error": "bold red", "warning": "yellow", "note": "bold"}


def show_audit(audit: Audit, *, kept: Path | None = None, links: Path | None = None) -> None:
    """Print an audit: counts, findings, a line for each other check, a verdict, and where files were written."""
    counts = audit.counts
    linked = "" if counts["patients"] == counts["split_units"] else f" ({counts['split_units']} split units)"
    console.print(
        f"[bold]{escape(audit.name)}[/bold]: {counts['cells']:,} cells of {counts['patients']} patients{linked}",
        highlight=False,
    )
    for finding in audit.findings:
        style = _STYLES[finding.level]
        console.print(
            f"\n[{style}]{finding.level} {finding.code}[/{style}] [bold]{escape(finding.title)}[/bold]", highlight=False
        )
        console.print(Padding(escape(finding.detail), (0, 0, 0, 2)), highlight=False)
    _show_checks(audit)
    levels = [str(finding.level) for finding in audit.findings]
    told = ", ".join(f"{levels.count(level)} {level}{'s' if levels.count(level) != 1 else ''}" for level in _STYLES)
    console.print(f"\n{told}; each code has a page in docs/audit", highlight=False)
    if kept is not None:
        show_line("kept for the report", kept)
    if links is not None:
        show_line(f"pairs of patients ({len(audit.links)})", links)


def _show_checks(audit: Audit) -> None:
    """The checks without a finding, in two groups; those that share a reason on one line."""
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
        console.print(f"\n[bold]not checked[/bold] {', '.join(codes)}: {escape(why)}", highlight=False)
