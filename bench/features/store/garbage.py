"""What of a feature store nobody can use any more is found and removed; what somebody works on is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from bench.errors import BenchError
from bench.features.store.entry import RECORD, USED, entry_record
from bench.features.store.inventory import Kind, Thing, contents, size_of
from bench.features.store.staleness import outdated
from bench.storage.locks import try_lock
from extractors.files.atomic import discard
from extractors.networks.inference.network_cache import cached_networks, remove

DAY_S = 24 * 3600.0

UNFINISHED_DAYS = 1
"""Days after which what nobody works on counts as left behind."""

_LEFT = {
    Kind.partial: "unfinished, and nobody has gone on with it for a day",
    Kind.remnant: "left half-written by a process that ended",
    Kind.empty: "an empty folder",
}

BUSY = "another process works on it"


@dataclass(frozen=True)
class Garbage:
    """A thing that can go.

    Parameters
    ----------
    thing : Thing
        Where it lies.
    why : str
        Why nobody needs it.
    bytes : int
        Its size on disk.
    kept : str
        Why it was left in place all the same; empty where it is gone, or would be.
    """

    thing: Thing
    why: str
    bytes: int
    kept: str = ""


def collect(
    store: Path, *, older_than: float | None = None, dry_run: bool = False, now: float | None = None
) -> list[Garbage]:
    """Remove what nobody can use any more.

    That is: what killed processes left behind more than a day ago, entries of older layouts, entries whose extractor,
    code or libraries are not those that are installed, entries that cannot be read, and locks of nothing. What another
    process holds the lock of stays.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    older_than : float, optional
        Entries that were not used for this many days go, too.
    dry_run : bool
        Remove nothing, only say what would go.
    now : float, optional
        The time, in seconds since the epoch.

    Returns
    -------
    list of Garbage

    Raises
    ------
    BenchError
        The store cannot be read.
    """
    now = time.time() if now is None else now
    try:
        things = list(contents(store))
    except OSError as error:
        raise BenchError(f"the feature store cannot be read ({error.strerror}: {error.filename})") from error
    found = []
    for thing in things:
        # A lock goes with what it locks.
        if thing.path.exists() and (why := _why(thing, now, older_than)):
            rubbish = Garbage(thing, why, size_of(thing.path))
            found.append(_held(rubbish) if dry_run else _removed(rubbish, now, older_than))
    return found


def remove_networks(
    *, older_than: float | None = None, dry_run: bool = False, now: float | None = None
) -> list[Garbage]:
    """Remove converted networks that other libraries or other code made; they lie in the user's cache, not in a store.

    Parameters
    ----------
    older_than, dry_run, now
        As for `collect`.
    """
    now = time.time() if now is None else now
    found = []
    for network in cached_networks():
        unused = (now - network.used) / DAY_S
        if network.outdated:
            why = f"{network.model}, converted by other libraries or other code"
        elif older_than is not None and unused > older_than:
            why = f"{network.model}, not used for {unused:.0f} days"
        else:
            continue
        found.append(Garbage(Thing(network.folder, Kind.network), why, network.bytes))
        if not dry_run:
            remove(network)
    return found


def last_use(folder: Path) -> float:
    """When a run last took an entry's features, or when they were written: seconds since the epoch; 0 if unknown."""
    return max(_mtimes(folder / USED, folder / RECORD), default=0.0)


def _why(thing: Thing, now: float, older_than: float | None) -> str:
    """Why a thing can go; empty where it stays."""
    if thing.kind is Kind.entry:
        return _why_entry(thing.path, now, older_than)
    if thing.kind is Kind.old:
        return "laid out by an older version of the toolkit"
    if thing.kind is Kind.lock:
        return "" if _locks_something(thing.path) else "a lock of nothing"
    left_days = (now - max(_mtimes(thing.path, *_files(thing.path)), default=now)) / DAY_S
    return _LEFT.get(thing.kind, "") if left_days > UNFINISHED_DAYS else ""


def _why_entry(folder: Path, now: float, older_than: float | None) -> str:
    try:
        components = entry_record(folder)["components"]
    except BenchError:
        return "what it says of itself cannot be read"
    if changed := outdated(components):
        return "its extractor is not installed" if changed == ("extractor",) else f"made by other {', '.join(changed)}"
    unused = (now - last_use(folder)) / DAY_S
    return f"not used for {unused:.0f} days" if older_than is not None and unused > older_than else ""


def _held(rubbish: Garbage) -> Garbage:
    """Say whether another process holds the lock."""
    if not rubbish.thing.lock.is_file():
        return rubbish
    lock = try_lock(rubbish.thing.lock)
    if lock is None:
        return replace(rubbish, kept=BUSY)
    lock.release()
    return rubbish


def _removed(rubbish: Garbage, now: float, older_than: float | None) -> Garbage:
    """Remove a thing under the lock of those who write it; say why where that is not to be."""
    thing = rubbish.thing
    try:
        if thing.kind is Kind.empty:
            thing.path.rmdir()
            return rubbish
        if thing.kind is Kind.remnant:
            discard(thing.path)
            return rubbish
        lock = try_lock(thing.lock)
        if lock is None:
            return replace(rubbish, kept=BUSY)
        try:
            if thing.kind is not Kind.lock:
                # Who held the lock may have finished or renewed it since it was looked at.
                if not _why(thing, now, older_than):
                    return replace(rubbish, kept="another process has just worked on it")
                discard(thing.path)
            _drop(lock, thing.lock)
        finally:
            lock.release()
    except OSError as error:
        return replace(rubbish, kept=f"it cannot be removed ({error.strerror or error})")
    return rubbish


def _drop(lock: FileLock, path: Path) -> None:
    """Remove a lock that is held; whoever waits for it finds that it is gone and makes a new one."""
    if lock.is_locked and not _locks_something(path):
        path.unlink(missing_ok=True)


def _locks_something(lock: Path) -> bool:
    stem = lock.name.removesuffix(".lock")
    return any(lock.with_name(stem + ending).exists() for ending in ("", ".partial", ".shards"))


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names)


def _mtimes(*paths: Path) -> Iterator[float]:
    for path in paths:
        try:
            yield path.lstat().st_mtime
        except OSError:
            continue
