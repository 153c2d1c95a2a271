"""Progress callbacks, rendered by the command line."""

from __future__ import annotations


class Observer:
    """Receive the progress of a run; the methods do nothing until a subclass overrides them."""

    def notice(self, text: str) -> None:
        """Receive a message for the user."""

    def progress(self, task: str, done: int, total: int) -> None:
        """Receive the number of finished steps of a task; the first call reports 0 or the number of stored steps."""

    def finished(self, name: str, outcome: str) -> None:
        """Receive the outcome of an experiment: its primary score with interval, or the reason of its failure."""
