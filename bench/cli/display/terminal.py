"""Consoles and live progress.

Imports are kept light, so that commands that compute little are fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.errors import printable
from bench.observer import Observer

if TYPE_CHECKING:
    from rich import progress as bars

console = Console(highlight=False)
messages = Console(stderr=True, highlight=False)


class LiveProgress(Observer):
    """Show a progress bar per task on standard error, and a line per finished experiment."""

    def __init__(self, progress: bars.Progress, *, outcomes: bool = True) -> None:
        self._progress = progress
        self._outcomes = outcomes
        self._tasks: dict[str, bars.TaskID] = {}

    def notice(self, text: str) -> None:
        """Print a notice above the bars."""
        self._progress.console.print(f"[yellow]note[/yellow] {escape(printable(text))}", soft_wrap=True)

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
            f"[{style}]•[/{style}] {escape(name)}: {escape(printable(outcome))}", soft_wrap=True
        )


@contextmanager
def live_progress(*, outcomes: bool = True) -> Iterator[Observer]:
    """Show progress while the block runs; without `outcomes`, finished experiments are not printed."""
    from rich import progress as bars  # noqa: PLC0415 (so that --help stays fast)

    times = (bars.TimeElapsedColumn(), bars.TimeRemainingColumn())
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(), *times)
    # Without a terminal, a transient bar would leave an empty line.
    with bars.Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        yield LiveProgress(progress, outcomes=outcomes)


def counted(number: int, word: str, words: str = "") -> str:
    """Return a number with its noun: `1 chunk`, `2 chunks`, `2 entries`."""
    return f"{number} {word if number == 1 else words or word + 's'}"


def positive_text(data: Mapping[str, Any]) -> str:
    """Return the positive class, as the end of the first line of an output; empty with more than two classes."""
    return f"; positive class {escape(str(data['positive']))}" if data["positive"] else ""


def table_of(*names: str, numbers: Iterable[str]) -> Table:
    """Return an empty table without a frame: columns of names, which are folded, and right-aligned numbers."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def show_line(what: str, value: object) -> None:
    """Print a name and a value, such as the path of a written file, on one line."""
    console.print(f"{what}: {value}", soft_wrap=True, markup=False)
