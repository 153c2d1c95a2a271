"""Messages of workers, each forwarded once."""

from __future__ import annotations

from collections.abc import Iterable

from bench.observer import Observer


class Notices:
    """Forwards notices to an observer and drops repetitions.

    Parameters
    ----------
    observer : Observer
        Receives each notice once.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._seen: set[str] = set()

    def forward(self, notices: Iterable[str]) -> None:
        """Forward the notices that have not been forwarded before."""
        for notice in notices:
            if notice not in self._seen:
                self._seen.add(notice)
                self._observer.notice(notice)
