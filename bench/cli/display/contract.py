"""Print the contract tests of a plugin, one line per check."""

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
    """Print the plugin under test, and notes on how it differs from the requested one."""
    console.print(f"[bold]{escape(subject.plugin.selector)}[/bold], {subject.kind}")
    for note in subject.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}")


def run_shown(steps: Iterable[Step]) -> list[Check]:
    """Run the checks and print each outcome; the name of the running check is shown on standard error.

    A message that several checks share is printed once.
    """
    checks: list[Check] = []
    for step in steps:
        with messages.status(escape(step.name)):
            check = outcome_of(step)
        repeated = check.outcome == "failed" and any(one.detail == check.detail for one in checks)
        show_check(replace(check, detail="as above") if repeated else check)
        checks.append(check)
    return checks


def show_check(check: Check) -> None:
    """Print the outcome of a check, and the remedy of a failed one."""
    style = _STYLE[check.outcome]
    line = Table.grid(padding=(0, 1))
    line.add_column(width=7)
    line.add_column(overflow="fold")
    name, detail = escape(check.name), escape(check.detail)
    if check.outcome == "failed":
        text = f"[bold]{name}[/bold]\n[red]{detail}[/red]"
    elif check.outcome == "skipped":
        text = f"[dim]{name}: {detail}[/dim]"
    else:
        text = name + (f" [dim]({detail})[/dim]" if detail else "")
    line.add_row(f"[{style}]{check.outcome}[/{style}]", text)
    console.print(line)


def show_outcome(checks: Iterable[Check], cost: object | None = None) -> None:
    """Print the cost per cell of a network, and the number of checks by outcome."""
    if cost is not None:
        show_line("cost", cost)
    outcomes = [check.outcome for check in checks]
    counts = [f"{outcomes.count(outcome)} {outcome}" for outcome in _STYLE if outcome in outcomes]
    style = "red" if "failed" in outcomes else "green"
    console.print(f"[{style}]{', '.join(counts)}[/{style}]")
