"""What `bench check` prints: one line a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console, messages, show_line
from bench.contract.checking import Subject
from bench.contract.outcomes import Check, Step, outcome_of

_STYLE = {"passed": "green", "failed": "red", "skipped": "dim"}


def show_subject(subject: Subject) -> None:
    """Print what is checked, and in what it differs from what was asked for."""
    console.print(f"[bold]{escape(subject.plugin.selector)}[/bold], {subject.kind}", highlight=False)
    for note in subject.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False)


def run_shown(steps: Iterable[Step]) -> list[Check]:
    """Run the checks one by one and print each as it ends; the name of the one at work stands on standard error.

    A complaint that several checks end with is printed once.
    """
    checks: list[Check] = []
    for step in steps:
        with messages.status(escape(step.name)):
            found = outcome_of(step)
        told = found.outcome == "failed" and any(one.detail == found.detail for one in checks)
        show_check(replace(found, detail="as above") if told else found)
        checks.append(found)
    return checks


def show_check(check: Check) -> None:
    """Print how a check came out; of a failed one, what to do."""
    style = _STYLE[check.outcome]
    line = Table.grid(padding=(0, 1))
    line.add_column(width=7)
    line.add_column(overflow="fold")
    name, detail = escape(check.name), escape(check.detail)
    if check.outcome == "failed":
        told = f"[bold]{name}[/bold]\n[red]{detail}[/red]"
    elif check.outcome == "skipped":
        told = f"[dim]{name}: {detail}[/dim]"
    else:
        told = name + (f" [dim]({detail})[/dim]" if detail else "")
    line.add_row(f"[{style}]{check.outcome}[/{style}]", told)
    console.print(line, highlight=False)


def show_outcome(checks: Iterable[Check], cost: object | None = None) -> None:
    """Print what a cell costs, where a network was checked, and how many checks came out how."""
    if cost is not None:
        show_line("cost", cost)
    found = [check.outcome for check in checks]
    counts = [f"{found.count(outcome)} {outcome}" for outcome in _STYLE if outcome in found]
    style = "red" if "failed" in found else "green"
    console.print(f"[{style}]{', '.join(counts)}[/{style}]", highlight=False)
