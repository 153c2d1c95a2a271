"""What a run tells while it works; the command line draws it, Python code may listen."""

from __future__ import annotations


class Observer:
    """Hears of progress and does nothing; derive from it to show something."""

    def notice(self, text: str) -> None:
        """A sentence that a person should read."""

    def progress(self, task: str, done: int, total: int) -> None:
        """`done` of `total` steps of a named task are finished; the first call has `done` 0 or what was stored."""

    def finished(self, name: str, outcome: str) -> None:
        """An experiment came to its end; `outcome` is its primary score with interval, or the reason of its failure."""
