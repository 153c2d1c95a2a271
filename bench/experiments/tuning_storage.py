"""Store tuning trials as Optuna studies, one per outer fold, in any Optuna storage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bench.errors import BenchError

JOURNAL = ".log"
"""Suffix of a journal file."""

SQLITE_WAIT_S = 60
"""Seconds that a worker waits for others that write to the same SQLite file."""

_PASSWORD = re.compile(r"(?<=://)([^:@/]*):(.*)@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd|token|secret)=)([^&]*)", re.IGNORECASE)


def open_storage(storage: str) -> Any:
    """Open an Optuna storage; create it if it is missing.

    Parameters
    ----------
    storage : str
        SQLAlchemy URL of a database (`sqlite:///tuning.db`, `postgresql://user:password@host/name`), or path of a
        journal file, which ends in `.log`. Redis is refused, because it stores pickled values.

    Returns
    -------
    optuna.storages.BaseStorage

    Raises
    ------
    BenchError
        It cannot be reached, written or parsed. The message masks a password in the URL.
    """
    from optuna.storages import JournalStorage, RDBStorage  # noqa: PLC0415 (only a tuned run pays for the import)
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    if "://" not in storage:
        _check_journal(storage)
        with storage_errors(storage):
            return JournalStorage(JournalFileBackend(storage))
    if storage.startswith("redis"):
        raise BenchError(
            f"--storage {masked(storage)}: a Redis storage contains pickled values, which are never loaded; "
            f"use a database (sqlite:///tuning.db) or a journal file (tuning{JOURNAL})"
        )
    engine = {"connect_args": {"timeout": SQLITE_WAIT_S}} if storage.startswith("sqlite") else {}
    with storage_errors(storage):
        return RDBStorage(storage, engine_kwargs=engine)


@contextmanager
def study_at(storage: str, name: str, pipeline: str, **settings: Any) -> Iterator[Any]:
    """Create a study without trials; delete an earlier study of the same name.

    Parameters
    ----------
    storage : str
        Storage, see `open_storage`.
    name : str
        Name of the study: key of the experiment, repeat and fold.
    pipeline : str
        Extractor and classifier, stored as a user attribute of the study.
    **settings
        Arguments of `optuna.create_study`.

    Raises
    ------
    BenchError
        The storage fails, on creation or while the block runs.
    """
    import optuna  # noqa: PLC0415

    opened = open_storage(storage)
    with storage_errors(storage):
        with suppress(KeyError):
            optuna.delete_study(study_name=name, storage=opened)
        study = optuna.create_study(study_name=name, storage=opened, **settings)
        study.set_user_attr("pipeline", pipeline)
        try:
            yield study
        finally:
            if hasattr(opened, "engine"):
                opened.remove_session()
                opened.engine.dispose()


@contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Convert errors of a storage to a BenchError that masks its password; a BenchError passes unchanged."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        reason = _without_secrets((str(cause) or type(cause).__name__).strip().splitlines()[0], storage)
        raise BenchError(
            f"--storage {masked(storage)}: the tuning trials cannot be stored ({reason}); "
            "check that the storage can be reached and written and that no other run tunes the same experiment in it, "
            "or leave out --storage"
        ) from None


def masked(storage: str) -> str:
    """Return the URL with *** in place of a password."""
    return _IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", storage))


def _without_secrets(text: str, storage: str) -> str:
    secrets = [m.group(2) for pattern in (_PASSWORD, _IN_QUERY) for m in pattern.finditer(storage)]
    for secret in {form for s in secrets for form in (s, unquote(s)) if form}:
        text = text.replace(secret, "***")
    return text


def _check_journal(storage: str) -> None:
    """Refuse a file that is not an Optuna journal, before anything is written to it."""
    path = Path(storage)
    if path.suffix != JOURNAL:
        raise BenchError(
            f"--storage {storage!r}: give the URL of a database, such as sqlite:///tuning.db, or a journal file whose "
            f"name ends in {JOURNAL}"
        )
    with storage_errors(storage):
        if not path.exists() or path.stat().st_size == 0:
            return
        with path.open("rb") as file:
            first = file.readline(1_000_000)
        try:
            is_journal = "op_code" in json.loads(first)
        except (ValueError, TypeError):
            is_journal = False
        if not is_journal:
            raise BenchError(f"--storage {storage}: this file is not an Optuna journal; choose another name")
