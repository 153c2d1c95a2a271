"""Garbage-collect a feature store: stale, orphaned and damaged entries, and remains of killed processes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.features.store.damage import describe_damage
from bench.features.store.entry import CHUNK, RECORD, USED
from bench.features.store.inventory import Item, Kind, read_inventory, statuses
from bench.features.store.keys import is_in_place
from bench.observer import Observer
from bench.storage.locks import try_lock
from extractors.files.atomic import discard
from extractors.networks.inference.network_cache import cached_networks, remove

DAY_S = 24 * 3600.0

ABANDONED_DAYS = 1
"""Days without a write after which an unfinished or temporary file counts as abandoned."""

BUSY = "another process works on it"

_ABANDONED = {
    Kind.unfinished: "incomplete and untouched for a day",
    Kind.temporary: "temporary file of a process that ended",
    Kind.empty: "empty folder",
}


@dataclass(frozen=True)
class Garbage:
    """A file or folder that can be removed.

    Parameters
    ----------
    path : Path
        Its path.
    reason : str
        Why it is not needed.
    bytes : int
        Its size.
    obstacle : str
        Why it was not removed; empty where it was, or would be.
    """

    path: Path
    reason: str
    bytes: int
    obstacle: str = ""


def collect_garbage(
    store: Path, *, older_than: float | None = None, dry_run: bool = False, now: float | None = None
) -> list[Garbage]:
    """Remove entries that no run can use: stale or damaged ones, remains of killed processes, and orphaned locks.

    An item whose lock another process holds is not removed.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    older_than : float, optional
        Also remove entries that were not used for this number of days.
    dry_run : bool
        Remove nothing, only list what would be removed.
    now : float, optional
        The time, in seconds since the epoch.

    Raises
    ------
    BenchError
        The store cannot be read.
    """
    now = time.time() if now is None else now
    garbage = []
    for item in read_inventory(store).items:
        # A lock is removed together with its entry.
        if item.path.exists() and (reason := _reason(item, now, older_than)):
            size = item.bytes
            garbage.append(Garbage(item.path, reason, size, _obstacle(item, now, older_than, dry_run=dry_run)))
    return garbage


def remove_networks(
    *, older_than: float | None = None, dry_run: bool = False, now: float | None = None
) -> list[Garbage]:
    """Remove converted networks made by other code or libraries; they are in the user's cache, not in a store.

    Parameters
    ----------
    older_than, dry_run, now
        As for `collect_garbage`.
    """
    now = time.time() if now is None else now
    garbage = []
    for network in cached_networks():
        unused = (now - network.used) / DAY_S
        if network.outdated:
            reason = f"{network.model}, converted by other libraries or other code"
        elif older_than is not None and unused > older_than:
            reason = f"{network.model}, not used for {unused:.0f} days"
        else:
            continue
        garbage.append(Garbage(network.folder, reason, network.bytes))
        if not dry_run:
            remove(network)
    return garbage


def check_entries(entries: Iterable[Item], observer: Observer) -> dict[Item, str]:
    """Compare all bytes of stored entries with their checksums.

    Parameters
    ----------
    entries : iterable of Item
        Entries to check; unfinished ones are left out, whose chunks are checked when they are used.
    observer : Observer
        Receives the progress, in chunks.

    Returns
    -------
    dict of Item to str
        The damage of each entry; empty where it is intact.
    """
    chosen = [entry for entry in entries if entry.kind is Kind.entry]
    total, done, damage = sum(map(_chunks, chosen)), 0, {}
    observer.progress("check", 0, total)
    for entry in chosen:
        count = _chunks(entry)
        damage[entry] = describe_damage(entry.path, numbers=_reported(count, observer, done, total))
        if not damage[entry] and not is_in_place(entry.path, entry.record):
            damage[entry] = "stored under the wrong key; no run will read it"
        done += count
    observer.progress("check", total, total)
    return damage


def _chunks(entry: Item) -> int:
    """Number of chunks of a stored entry; 0 where its record is damaged."""
    return math.ceil(int(entry.record.get("cells", 0)) / CHUNK)


def _reported(count: int, observer: Observer, done: int, total: int) -> Iterator[int]:
    for number in range(count):
        observer.progress("check", done + number, total)
        yield number


def last_use(folder: Path) -> float:
    """Time of the last use of an entry, or of its creation, in seconds since the epoch; 0 if unknown."""
    files = (path for path in (folder / USED, folder / RECORD) if os.path.lexists(path))
    return max((path.lstat().st_mtime for path in files), default=0.0)


def _reason(item: Item, now: float, older_than: float | None) -> str:
    """Why an item can be removed; empty where it is needed."""
    if item.kind is Kind.entry:
        return _reason_of_entry(item, now, older_than)
    if item.kind is Kind.lock:
        return "" if _has_entry(item.lock) else "orphaned lock file"
    written = max((status.st_mtime for status in statuses(item.path)), default=now)
    return _ABANDONED.get(item.kind, "") if now - written > ABANDONED_DAYS * DAY_S else ""


def _reason_of_entry(item: Item, now: float, older_than: float | None) -> str:
    if item.problem:
        return "its record cannot be read"
    if item.stale:
        other = f"made by other {', '.join(item.stale)}"
        return "its extractor is not installed" if item.stale == ("extractor",) else other
    unused = (now - last_use(item.path)) / DAY_S
    return f"not used for {unused:.0f} days" if older_than is not None and unused > older_than else ""


def _obstacle(item: Item, now: float, older_than: float | None, *, dry_run: bool) -> str:
    """Remove an item, unless it is a dry run; return what prevents that."""
    try:
        if item.kind in (Kind.empty, Kind.temporary) or (dry_run and not item.lock.exists()):
            _discard(item, dry_run=dry_run)
            return ""
        lock = try_lock(item.lock)
        if lock is None:
            return BUSY
        try:
            # The process that held the lock before may have finished or replaced the entry.
            if not _reason(Item(item.path, item.kind), now, older_than):
                return "another process has just worked on it"
            _discard(item, dry_run=dry_run)
        finally:
            lock.release()
    except OSError as error:
        return f"it cannot be removed ({error.strerror or error})"
    return ""


def _discard(item: Item, *, dry_run: bool) -> None:
    if dry_run:
        return
    if item.kind is Kind.empty:
        item.path.rmdir()
        return
    discard(item.path)
    if item.kind is not Kind.temporary and not _has_entry(item.lock):
        item.lock.unlink(missing_ok=True)


def _has_entry(lock: Path) -> bool:
    return lock.with_suffix("").exists() or lock.with_suffix(".partial").exists()
