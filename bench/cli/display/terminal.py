"""Consoles and live progress.

Imports are kept light, so that commands that compute little are fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.errors import printable
from bench.observer import Observer

console = Console()
messages = Console(stderr=True)


class LiveProgress(Observer):
    """Show a progress bar per task on standard error, and a line per finished experiment."""

    def __init__(self, progress: Progress, *, outcomes: bool = True) -> None:
        self._progress = progress
        self._outcomes = outcomes
        self._tasks: dict[str, TaskID] = {}

    def notice(self, text: str) -> None:
        """Print a notice above the bars."""
        self._progress.console.print(
            f"[yellow]note[/yellow] {escape(printable(text))}", highlight=False, soft_wrap=True
        )

    def progress(self, task: str, done: int, total: int) -> None:
        """Update the bar of a task; it is removed when the task is finished."""
        if task not in self._tasks:
            if done >= total:
                return
            self._tasks[task] = self._progress.add_task(escape(task), total=total)
        self._progress.update(self._tasks[task], completed=done, total=total)
        if done >= total:
            self._progress.remove_task(self._tasks.pop(task))

    def finished(self, name: str, outcome: str) -> None:
        """Print the outcome of an experiment above the bars."""
        if not self._outcomes:
            return
        style = "red" if outcome.startswith("failed") else "green"
        self._progress.console.print(
            f"[{style}]•[/{style}] {escape(name)}: {escape(printable(outcome))}", highlight=False, soft_wrap=True
        )


@contextmanager
def live_progress(*, outcomes: bool = True) -> Iterator[Observer]:
    """Show progress while the block runs; without `outcomes`, finished experiments are not printed."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Without a terminal, a transient bar would leave an empty line.
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        yield LiveProgress(progress, outcomes=outcomes)


def show_line(what: str, value: object) -> None:
    """Print a name and a value, such as the path of a written file, on one line."""
    console.print(f"{what}: {value}", highlight=False, soft_wrap=True, markup=False)
