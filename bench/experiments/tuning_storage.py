"""Where a person may look at tuning trials: a study of Optuna's own for each outer fold, in any storage of Optuna's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bench.errors import BenchError

JOURNAL = ".log"
"""How the name of a journal file ends."""

SQLITE_WAIT_S = 60
"""How long a worker waits for others that write into the same SQLite file."""

_PASSWORD = re.compile(r"(?<=://)([^:@/]*):(.*)@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd|token|secret)=)([^&]*)", re.IGNORECASE)


@dataclass(frozen=True)
class StudyPlace:
    """Where the study of one outer fold is kept.

    Parameters
    ----------
    storage : str
        As `open_storage` takes it.
    name : str
        Name of the study: the experiment's key, the repeat and the fold.
    pipeline : str
        Extractor and classifier, for the person who looks at the study.
    """

    storage: str
    name: str
    pipeline: str


def open_storage(storage: str) -> Any:
    """Optuna's storage behind a URL or a journal file, made where it is missing.

    Parameters
    ----------
    storage : str
        A database's URL as SQLAlchemy writes it (`sqlite:///tuning.db`, `postgresql://user:password@host/name`), or the
        path of a journal file, which ends in `.log`. Redis, which keeps pickled values, is refused.

    Returns
    -------
    optuna.storages.BaseStorage

    Raises
    ------
    BenchError
        It cannot be reached, written or understood. A password in the URL is not told.
    """
    from optuna.storages import JournalStorage, RDBStorage  # noqa: PLC0415 (only a tuned run pays for the import)
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    if "://" not in storage:
        _check_journal(storage)
        with storage_errors(storage):
            return JournalStorage(JournalFileBackend(storage))
    if storage.startswith("redis"):
        raise BenchError(
            f"--storage {masked(storage)}: a Redis storage keeps pickled values, which are not loaded here; "
            f"take a database (sqlite:///tuning.db) or a journal file (tuning{JOURNAL})"
        )
    waits = {"connect_args": {"timeout": SQLITE_WAIT_S}} if storage.startswith("sqlite") else {}
    with storage_errors(storage):
        return RDBStorage(storage, engine_kwargs=waits)


@contextmanager
def study_at(place: StudyPlace, **settings: Any) -> Iterator[Any]:
    """A study without trials; what a study of the same name held before is dropped.

    Parameters
    ----------
    place : StudyPlace
        Where it is stored.
    **settings
        As for `optuna.create_study`.

    Raises
    ------
    BenchError
        The storage fails, when the study is made or while the block runs.
    """
    import optuna  # noqa: PLC0415

    storage = open_storage(place.storage)
    with storage_errors(place.storage):
        with suppress(KeyError):
            optuna.delete_study(study_name=place.name, storage=storage)
        study = optuna.create_study(study_name=place.name, storage=storage, **settings)
        study.set_user_attr("pipeline", place.pipeline)
        try:
            yield study
        finally:
            if hasattr(storage, "engine"):
                storage.remove_session()
                storage.engine.dispose()


@contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Turn whatever a storage raises into a sentence that names it without its password; ours pass unchanged."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        reason = _without_secrets((str(cause) or type(cause).__name__).strip().splitlines()[0], storage)
        raise BenchError(
            f"--storage {masked(storage)}: the tuning trials cannot be kept there ({reason}); "
            "see that it can be reached and written and that no other run tunes the same experiment into it, "
            "or leave out --storage"
        ) from None


def masked(storage: str) -> str:
    """The URL with *** in place of a password."""
    return _IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", storage))


def _without_secrets(text: str, storage: str) -> str:
    secrets = [m.group(2) for pattern in (_PASSWORD, _IN_QUERY) for m in pattern.finditer(storage)]
    for secret in {form for s in secrets for form in (s, unquote(s)) if form}:
        text = text.replace(secret, "***")
    return text


def _check_journal(storage: str) -> None:
    """Refuse what is no journal of Optuna's, before anything is added to it."""
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
            known = "op_code" in json.loads(first)
        except (ValueError, TypeError):
            known = False
        if not known:
            raise BenchError(f"--storage {storage}: this file is no journal of Optuna's; choose another name")
