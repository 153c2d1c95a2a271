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


class DistinctNotices(Observer):
    """Forwards to another observer; of equal notices, as workers send them, only the first.

    Parameters
    ----------
    observer : Observer
        Receives progress, outcomes and distinct notices.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._seen: set[str] = set()

    def notice(self, text: str) -> None:
        """Forward a message that has not been forwarded before."""
        if text not in self._seen:
            self._seen.add(text)
            self._observer.notice(text)

    def progress(self, task: str, done: int, total: int) -> None:
        """Forward the progress."""
        self._observer.progress(task, done, total)

    def finished(self, name: str, outcome: str) -> None:
        """Forward the outcome of an experiment."""
        self._observer.finished(name, outcome)
