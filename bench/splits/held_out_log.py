"""Access log of held-out cells: written before a held-out result is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.storage.json_files import read_json, write_json
from bench.storage.locks import locked

LOG = "held_out.json"
FORMAT = 3
_RESTORE = "restore the file from a copy, since it counts the evaluations of held-out cells"


@dataclass(frozen=True)
class HeldOutAccess:
    """One run that evaluated held-out cells.

    Parameters
    ----------
    opened_at : str
        Time of its first result, UTC, ISO 8601.
    digest : str
        SHA-256 of the held-out cells, labels, patients and split units.
    experiments : tuple of str
        Evaluated pipelines, in the order of completion.
    reason : str or None
        Value of `--reason`.
    plan : str or None
        Digest of the planned experiments; None for an evaluation that is not continued after an interruption.
    """

    opened_at: str
    digest: str
    experiments: tuple[str, ...]
    reason: str | None = None
    plan: str | None = None


def read_accesses(results: Path) -> tuple[HeldOutAccess, ...]:
    """Read the accesses logged in a results folder, the oldest first; empty without evaluated held-out cells.

    Raises
    ------
    BenchError
        The log is damaged.
    """
    path = results / LOG
    if not path.is_file():
        return ()
    entries = read_json(path).get("accesses")
    if not isinstance(entries, list):
        raise BenchError(f"{path}: expected a list `accesses`; {_RESTORE}")
    return tuple(_access(path, number, entry) for number, entry in enumerate(entries, start=1))


class AccessLog:
    """The access of one run, logged when its first result is available.

    A run that was interrupted and is continued by the same plan is one access.

    Parameters
    ----------
    results : Path
        The results folder.
    digest : str
        SHA-256 of the held-out cells.
    reason : str or None
        Reason for the evaluation.
    plan : str, optional
        Digest of the planned experiments, by which a continued run is recognised.
    """

    def __init__(self, results: Path, digest: str, reason: str | None = None, plan: str | None = None) -> None:
        self.results, self.digest, self.reason, self.plan = results, digest, reason, plan
        self._index: int | None = None

    def add(self, experiment: str) -> None:
        """Log the evaluation of an experiment of this run; call it before the result is written.

        Raises
        ------
        BenchError
            The log is damaged or cannot be written.
        """
        path = self.results / LOG
        try:
            with locked(self.results / "locks" / f"{LOG}.lock"):
                accesses = list(read_accesses(self.results))
                self._index = self._own_index(accesses)
                if self._index == len(accesses):
                    now = datetime.now(UTC).isoformat(timespec="seconds")
                    accesses.append(HeldOutAccess(now, self.digest, (), self.reason, self.plan))
                own = accesses[self._index]
                if experiment not in own.experiments:  # a run that was killed before it wrote the result
                    accesses[self._index] = replace(own, experiments=(*own.experiments, experiment))
                write_json(path, {"format": FORMAT, "accesses": [asdict(access) for access in accesses]})
        except OSError as error:
            raise BenchError(
                f"{path}: cannot be written ({error.strerror or error}); held-out results are not shown unless logged"
            ) from error

    def _own_index(self, accesses: Sequence[HeldOutAccess]) -> int:
        """Return the position of this run's access, or of that of the interrupted run which it continues."""
        if self._index is not None and self._index < len(accesses):
            return self._index
        same = (self.digest, self.reason, self.plan)
        continued = [n for n, a in enumerate(accesses) if self.plan and (a.digest, a.reason, a.plan) == same]
        return continued[0] if continued else len(accesses)

    def summary(self) -> str:
        """Summarise the number of accesses to these held-out cells in a sentence."""
        same = [access for access in read_accesses(self.results) if access.digest == self.digest]
        count = len(same)
        if self._index is None:
            return f"no new evaluation of the held-out cells: {_times(count)} so far (see {self.results / LOG})"
        if count == 1:
            return f"the held-out cells were evaluated for the first time in this results folder, logged in {LOG}"
        return (
            f"the held-out cells were evaluated {_times(count)} in this results folder, first on "
            f"{same[0].opened_at[:10]}; choices made after an earlier evaluation bias a later score upwards"
        )


def _access(path: Path, number: int, entry: object) -> HeldOutAccess:
    fields: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    names, reason, plan = fields.get("experiments"), fields.get("reason"), fields.get("plan")
    texts = [fields.get("opened_at"), fields.get("digest"), *(names if isinstance(names, list) else [None])]
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(t, str | None) for t in (reason, plan)):
        raise BenchError(
            f"{path}: access {number} is damaged; it needs opened_at, digest, experiments and reason; {_RESTORE}"
        )
    return HeldOutAccess(fields["opened_at"], fields["digest"], tuple(fields["experiments"]), reason, plan)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
