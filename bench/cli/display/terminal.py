"""Output of the command line: consoles, plain text, live progress.

Imports are kept light, so that commands that compute little are fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from bench.errors import printable
from bench.observer import Observer

if TYPE_CHECKING:
    from rich import progress as bars


class PrintableConsole(Console):
    """A console that prints control and invisible characters of texts as escape sequences.

    A text from a file cannot move the cursor, change the title of the window or reverse the order of what follows it;
    names such as `:x:` are no emoji. Its own Rich markup has no effect if it was passed through `rich.markup.escape`.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, emoji=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Convert a text for the layout, in which an escape sequence has a width."""
        return super().render_str(printable(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the parts of the output; texts that `render_str` has not converted are converted here."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


console = PrintableConsole()
messages = PrintableConsole(stderr=True)


class LiveProgress(Observer):
    """Show a progress bar per task on standard error, and a line per finished experiment."""

    def __init__(self, progress: bars.Progress, *, outcomes: bool = True) -> None:
        self._progress = progress
        self._outcomes = outcomes
        self._tasks: dict[str, bars.TaskID] = {}

    def notice(self, text: str) -> None:
        """Print a notice above the bars."""
        self._progress.console.print(f"[yellow]note[/yellow] {escape(_indented(text))}", soft_wrap=True)

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
        text = _indented(f"{name}: {outcome}")
        self._progress.console.print(f"[{style}]•[/{style}] {escape(text)}", soft_wrap=True)


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
    show_text(f"{what}: {value}")


def show_text(text: str) -> None:
    """Print a text without markup and without line breaks of its own."""
    console.print(text, soft_wrap=True, markup=False)


def show_message(text: str, *, style: str | None = None) -> None:
    """Print a text on standard error, without markup and without line breaks of its own."""
    messages.print(text, soft_wrap=True, markup=False, style=style)


def show_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        show_text("  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


def write_text(text: str) -> None:
    """Write a text for other programs unchanged: JSON, CSV, Markdown, or a path of the user."""
    typer.echo(text, nl=not text.endswith("\n"))


def _indented(text: str) -> str:
    """Indent all lines but the first, so that no line of a message looks like another message."""
    return text.replace("\n", "\n  ")
