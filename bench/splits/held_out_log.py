"""Access log of held-out cells: written before a held-out result is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.storage.json_files import read_json, write_json
from bench.storage.locks import locked

LOG = "held_out.json"
FORMAT = 2


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
    """

    opened_at: str
    digest: str
    experiments: tuple[str, ...]
    reason: str | None = None


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
        raise BenchError(f"{path}: expected a list `accesses`")
    return tuple(_access(path, number, entry) for number, entry in enumerate(entries, start=1))


class AccessLog:
    """The access of one run, logged when its first result is available.

    Parameters
    ----------
    results : Path
        The results folder.
    digest : str
        SHA-256 of the held-out cells.
    reason : str or None
        Reason for the evaluation.
    """

    def __init__(self, results: Path, digest: str, reason: str | None = None) -> None:
        self.results, self.digest, self.reason = results, digest, reason
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
                if self._index is None or self._index >= len(accesses):
                    now = datetime.now(UTC).isoformat(timespec="seconds")
                    accesses.append(HeldOutAccess(now, self.digest, (experiment,), self.reason))
                    self._index = len(accesses) - 1
                else:
                    own = accesses[self._index]
                    accesses[self._index] = replace(own, experiments=(*own.experiments, experiment))
                write_json(path, {"format": FORMAT, "accesses": [asdict(access) for access in accesses]})
        except OSError as error:
            raise BenchError(
                f"{path}: cannot be written ({error.strerror or error}); held-out results are not shown unless logged"
            ) from error

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
    names, reason = fields.get("experiments"), fields.get("reason")
    texts = [fields.get("opened_at"), fields.get("digest"), *(names if isinstance(names, list) else [None])]
    if not all(isinstance(text, str) for text in texts) or not isinstance(reason, str | None):
        raise BenchError(f"{path}: access {number} is damaged; it needs opened_at, digest, experiments and reason")
    return HeldOutAccess(fields["opened_at"], fields["digest"], tuple(fields["experiments"]), reason)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
