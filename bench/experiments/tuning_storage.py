"""Store tuning trials as Optuna studies, one per outer fold, in any Optuna storage."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bench.datasets.names import listed
from bench.errors import BenchError, shortened
from extractors.files.regular import check_regular, open_regular

JOURNAL = ".log"
"""Suffix of a journal file."""

SQLITE_WAIT_S = 60
"""Seconds that a worker waits for others that write to the same SQLite file."""

_DATABASES = ("sqlite", "postgresql", "mysql")
_SMALLEST = 512
"""Smallest SQLite database that is not empty, in bytes; SQLite takes shorter files for empty ones."""

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1000"
_LONGEST_URL = 200

_PASSWORD = re.compile(r"(?<=://)([^:@/]*):(.*)@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd|token|secret)=)([^&]*)", re.IGNORECASE)


def open_storage(storage: str) -> Any:
    """Open an Optuna storage; create it if it is missing.

    Parameters
    ----------
    storage : str
        SQLAlchemy URL of a database (`sqlite:///tuning.db`, `postgresql://user:password@host/name`), or path of a
        journal file, which ends in `.log`. Databases are SQLite, PostgreSQL and MySQL; Redis is refused, because it
        stores pickled values.

    Returns
    -------
    optuna.storages.BaseStorage

    Raises
    ------
    BenchError
        It is of another kind, a file that is not a storage, or cannot be reached, written or parsed. Nothing is written
        to such a file. The message masks a password in the URL.
    """
    from optuna.storages import JournalStorage, RDBStorage  # noqa: PLC0415 (only a tuned run pays for the import)
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    if "://" not in storage:
        _check_journal(storage)
        with storage_errors(storage):
            return JournalStorage(JournalFileBackend(storage))
    database = _check_scheme(storage)
    if database == "sqlite":
        _check_sqlite(storage)
    engine = {"connect_args": {"timeout": SQLITE_WAIT_S}} if database == "sqlite" else {}
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


def _check_scheme(storage: str) -> str:
    """Return the name of the database of a URL."""
    scheme = storage.partition("://")[0]
    name = scheme.partition("+")[0]
    if name in _DATABASES and "plugin=" not in storage.partition("?")[2]:
        return name
    why = (
        "a Redis storage contains pickled values, which are never loaded" if name == "redis" else "not a known database"
    )
    raise BenchError(
        f"--storage {shortened(masked(storage), _LONGEST_URL)}: {why}; use {', '.join(_DATABASES)} (such as "
        f"sqlite:///tuning.db), or a journal file (tuning{JOURNAL})"
    )


def _check_sqlite(storage: str) -> None:
    """Refuse a file that is not an Optuna database, before anything is written to it."""
    place = storage.partition(":///")[2]
    if not place or place.startswith((":memory:", "file:")) or "?" in place:
        raise BenchError(f"--storage {masked(storage)}: give the path of a file, such as sqlite:///tuning.db")
    path = Path(place)
    with storage_errors(storage):
        if not path.exists():
            return
        check_regular(path)
        try:
            # By SQLite itself: closing a file of one's own would release the locks of its connections.
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", SQLITE_WAIT_S, uri=True)) as opened:
                tables = sorted(name for (name,) in opened.execute(_TABLES))
            if 0 < path.stat().st_size < _SMALLEST:
                raise sqlite3.DatabaseError("file is not a database")
        except sqlite3.DatabaseError as error:
            if "not a database" not in str(error):
                raise
            why = "this file is not a SQLite database"
            raise BenchError(f"--storage {masked(storage)}: {why}; choose another name") from error
    if tables and "studies" not in tables:
        raise BenchError(
            f"--storage {masked(storage)}: this database has other tables ({listed(tables, 3)}), so it is not an "
            "Optuna storage; choose another name"
        )


def _check_journal(storage: str) -> None:
    """Refuse a file that is not an Optuna journal, before anything is written to it."""
    path = Path(storage)
    if path.suffix != JOURNAL:
        raise BenchError(
            f"--storage {storage!r}: give the URL of a database, such as sqlite:///tuning.db, or a journal file whose "
            f"name ends in {JOURNAL}"
        )
    with storage_errors(storage):
        if not path.exists():
            return
        with open_regular(path, limit=sys.maxsize) as file:
            first = file.readline(1_000_000)
        if not first:
            return
        try:
            is_journal = "op_code" in json.loads(first)
        except (ValueError, TypeError, RecursionError):
            is_journal = False
        if not is_journal:
            raise BenchError(f"--storage {storage}: this file is not an Optuna journal; choose another name")
