"""The log of looks: who evaluated held-out cells when, on what and why; written before a result is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.storage.json_files import read_json, write_json
from bench.storage.locks import locked

LOG = "held_out.json"
FORMAT = 1


@dataclass(frozen=True)
class Look:
    """One run that evaluated held-out cells.

    Parameters
    ----------
    opened_at : str
        When its first result came, UTC, ISO 8601.
    digest : str
        SHA-256 of the held-out cells, labels, patients and split units.
    experiments : tuple of str
        Pipelines that were evaluated, in the order in which they were done.
    reason : str or None
        What the person gave as `--reason`.
    """

    opened_at: str
    digest: str
    experiments: tuple[str, ...]
    reason: str | None = None


def read_accesses(results: Path) -> tuple[Look, ...]:
    """The looks that a results folder holds, the oldest first; none where held-out cells were never evaluated.

    Raises
    ------
    BenchError
        The log is damaged.
    """
    path = results / LOG
    if not path.is_file():
        return ()
    entries = read_json(path).get("looks")
    if not isinstance(entries, list):
        raise BenchError(f"{path}: a list `looks` is expected")
    return tuple(_look(path, number, entry) for number, entry in enumerate(entries, start=1))


class AccessLog:
    """The look of one run: nothing is logged until its first result is there to be shown.

    Parameters
    ----------
    results : Path
        The results folder.
    digest : str
        SHA-256 of the held-out cells.
    reason : str or None
        Why they are looked at.
    """

    def __init__(self, results: Path, digest: str, reason: str | None = None) -> None:
        self.results, self.digest, self.reason = results, digest, reason
        self._place: int | None = None

    @property
    def opened(self) -> bool:
        """Whether this run has logged its look."""
        return self._place is not None

    def add(self, experiment: str) -> None:
        """Log that an experiment of this run is evaluated; to be called before its result is written.

        Raises
        ------
        BenchError
            The log is damaged or cannot be written.
        """
        path = self.results / LOG
        try:
            with locked(self.results / "locks" / f"{LOG}.lock"):
                looks = list(read_accesses(self.results))
                if self._place is None or self._place >= len(looks):
                    now = datetime.now(UTC).isoformat(timespec="seconds")
                    looks.append(Look(now, self.digest, (experiment,), self.reason))
                    self._place = len(looks) - 1
                else:
                    mine = looks[self._place]
                    looks[self._place] = Look(mine.opened_at, mine.digest, (*mine.experiments, experiment), mine.reason)
                write_json(path, {"format": FORMAT, "looks": [asdict(look) for look in looks]})
        except OSError as error:
            raise BenchError(
                f"{path}: cannot be written ({error.strerror or error}); no held-out result is shown that is not logged"
            ) from error

    def told(self) -> str:
        """How many looks there were at these held-out cells, in a sentence."""
        same = [look for look in read_accesses(self.results) if look.digest == self.digest]
        count = len(same)
        if not self.opened:
            return f"no new look at the held-out cells: {_times(count)} so far (see {self.results / LOG})"
        if count == 1:
            return f"the held-out cells were looked at for the first time in this results folder, noted in {LOG}"
        return (
            f"the held-out cells were looked at {_times(count)} in this results folder, first on "
            f"{same[0].opened_at[:10]}; what was chosen after an earlier look makes a later score too good"
        )


def _look(path: Path, number: int, entry: object) -> Look:
    fields: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    names, reason = fields.get("experiments"), fields.get("reason")
    texts = [fields.get("opened_at"), fields.get("digest"), *(names if isinstance(names, list) else [None])]
    if not all(isinstance(text, str) for text in texts) or not isinstance(reason, str | None):
        raise BenchError(f"{path}: look {number} is damaged; it needs opened_at, digest, experiments and reason")
    return Look(fields["opened_at"], fields["digest"], tuple(fields["experiments"]), reason)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
