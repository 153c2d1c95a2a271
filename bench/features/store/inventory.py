"""Inventory of a feature store: every file and folder in it by kind, and the state of each entry."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.features.store.entry import entry_record
from bench.features.store.keys import software
from bench.plugins.importing import installed
from bench.plugins.pipeline import NO_PREPARATION
from bench.plugins.preparation import parse_prepare, shortened
from bench.storage.fingerprints import digest

ROOTS = ("features", "fitted")
"""Folders of a store: features of stateless extractors, and those of fitted ones."""

MIN_NAME = 8
"""Least number of characters of a key that name an entry."""

_EXTRACTOR = re.compile(r".+-[0-9a-f]{16}")
_ENTRY = re.compile(r"[0-9a-f]{16}(\.partial|\.lock)?")


class Kind(StrEnum):
    """Kinds of files and folders in a store."""

    entry = "entry"
    unfinished = "unfinished entry"
    lock = "lock"
    temporary = "temporary"
    empty = "empty folder"
    unknown = "unknown"


@dataclass(frozen=True)
class Item:
    """A file or folder in a store.

    Parameters
    ----------
    path : Path
        Its path.
    kind : Kind
        What it is, by its name.
    """

    path: Path
    kind: Kind

    @property
    def lock(self) -> Path:
        """Lock file of the entry; of a lock, its own path."""
        return self.path.with_suffix(".lock")

    @cached_property
    def bytes(self) -> int:
        """Size in bytes, of a folder that of the files in it."""
        return sum(status.st_size for status in statuses(self.path) if stat.S_ISREG(status.st_mode))

    @property
    def record(self) -> Mapping[str, Any]:
        """The entry's record; empty where it is unfinished or damaged."""
        return self._record[0]

    @property
    def problem(self) -> str:
        """Why the record cannot be read; otherwise empty."""
        return self._record[1]

    @property
    def components(self) -> Mapping[str, Any]:
        """Components of the entry's key."""
        components: Mapping[str, Any] = self.record.get("components", {})
        return components

    @property
    def key(self) -> str:
        """The entry's key, or a digest of its path where the key is unknown."""
        return str(self.record.get("key") or digest([self.path.parent.name, self.path.name]))

    @property
    def extractor(self) -> str:
        """The extractor's selector in its short form, or the start of its folder's name."""
        return str(self.record.get("selector") or self.path.parent.name[:-17])

    @property
    def prepare(self) -> str:
        """Preparation of the cells in its short form; `none` for raw cells."""
        text = str(self.components.get("prepare", NO_PREPARATION))
        try:
            return shortened(parse_prepare(text))
        except BenchError:
            return text

    @cached_property
    def stale(self) -> tuple[str, ...]:
        """Components in which the installed software differs: "code", "libraries" and so on."""
        return stale_components(self.components) if self.record else ()

    @property
    def stored(self) -> bool:
        """Whether the entry is finished and its record is intact."""
        return self.kind is Kind.entry and not self.problem

    @property
    def state(self) -> str:
        """State of the entry: `stored`, `unfinished (3 chunks)`, `stale (code)` or `damaged`."""
        if self.kind is Kind.unfinished:
            chunks = len(list(self.path.glob("*.chunk")))
            return f"unfinished ({chunks} chunk{'' if chunks == 1 else 's'})"
        if self.problem:
            return "damaged"
        return f"stale ({', '.join(self.stale)})" if self.stale else "stored"

    @cached_property
    def _record(self) -> tuple[Mapping[str, Any], str]:
        if self.kind is not Kind.entry:
            return {}, ""
        try:
            return entry_record(self.path), ""
        except BenchError as error:
            return {}, str(error)


@dataclass(frozen=True)
class Inventory:
    """The content of a store.

    Parameters
    ----------
    store : Path
        Its folder.
    items : tuple of Item
        Files and folders in it.
    """

    store: Path
    items: tuple[Item, ...]

    @cached_property
    def entries(self) -> tuple[Item, ...]:
        """Stored, damaged and unfinished entries, sorted by extractor and key."""
        entries = [item for item in self.items if item.kind in (Kind.entry, Kind.unfinished)]
        return tuple(sorted(entries, key=lambda entry: (entry.extractor, entry.key)))

    @property
    def unknown(self) -> tuple[Path, ...]:
        """Files and folders that do not belong to the store; they are never removed."""
        return tuple(item.path for item in self.items if item.kind is Kind.unknown)

    def name(self, entry: Item) -> str:
        """The first characters of an entry's key, as many as distinguish all keys of the store."""
        return entry.key[: self._name_length]

    @cached_property
    def _name_length(self) -> int:
        keys = {entry.key for entry in self.entries}
        return next(n for n in range(MIN_NAME, 65) if len({key[:n] for key in keys}) == len(keys))

    def find(self, name: str) -> Item:
        """The one entry whose key or path starts with `name`.

        Raises
        ------
        BenchError
            There is none, or several.
        """
        matches = [entry for entry in self.entries if _matches(entry, name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(f"{self.name(entry)} ({entry.extractor})" for entry in matches[:10])
            raise BenchError(f"{name!r} matches {len(matches)} entries: {names}; give more characters of one")
        hint = did_you_mean(name, [self.name(entry) for entry in self.entries])
        raise BenchError(f"no entry in {self.store} is called {name!r}.{hint} bench features list names them all")


def read_inventory(store: Path) -> Inventory:
    """List a store; one that does not exist is empty.

    Raises
    ------
    BenchError
        It cannot be read.
    """
    try:
        return Inventory(store, tuple(_items(store)))
    except OSError as error:
        raise BenchError(f"the feature store cannot be read ({error.strerror}: {error.filename})") from error


def stale_components(components: Mapping[str, Any]) -> tuple[str, ...]:
    """The components in which the installed software differs from the software that made an entry.

    Parameters, weights, cells, threads and device are not compared, since the user can choose them again.

    Parameters
    ----------
    components : mapping
        Components of the entry's key.

    Returns
    -------
    tuple of str
        `("extractor",)` where the extractor is not installed; otherwise those of "code", "reading", "preparation" and
        "libraries" that differ. Empty if the installed software would compute the same entry.
    """
    points = installed("extractors")
    name = str(components.get("extractor")).partition("[")[0]
    # A network is an extractor under its own name. Only modules of installed extractors are looked up.
    point = points.get("embedding" if components.get("model") and name not in points else name)
    if point is None:
        return ("extractor",)
    try:
        now = software(point.value.partition(":")[0], str(components.get("prepare", "none"))[:10_000])
    except BenchError:
        return ("preparation",)
    return tuple(name for name, value in now.items() if components.get(name) != value)


def statuses(path: Path) -> Iterator[os.stat_result]:
    """Status of a file, or of a folder and everything in it; what another process has just removed is left out."""
    for item in (path, *(path.rglob("*") if _is_folder(path) else ())):
        with suppress(FileNotFoundError):
            yield item.lstat()


def _items(store: Path) -> Iterator[Item]:
    roots = [store / root for root in ROOTS]
    yield from (Item(root, Kind.unknown) for root in roots if os.path.lexists(root) and not _is_folder(root))
    for path in (path for root in roots if _is_folder(root) for path in sorted(root.iterdir())):
        if not _is_folder(path) or not _EXTRACTOR.fullmatch(path.name):
            yield Item(path, Kind.temporary if path.name.startswith(".unfinished-") else Kind.unknown)
            continue
        inside = sorted(path.iterdir())
        yield from (Item(item, _kind(item)) for item in inside)
        if not inside:
            yield Item(path, Kind.empty)


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder and not a link to one."""
    return path.is_dir() and not path.is_symlink()


def _kind(path: Path) -> Kind:
    if path.name.startswith(".unfinished-"):
        return Kind.temporary
    expected = path.is_file() if path.suffix == ".lock" else path.is_dir()
    if not _ENTRY.fullmatch(path.name) or path.is_symlink() or not expected:
        return Kind.unknown
    return {".lock": Kind.lock, ".partial": Kind.unfinished}.get(path.suffix, Kind.entry)


def _matches(entry: Item, name: str) -> bool:
    places = (entry.path.name, f"{entry.path.parent.name}/{entry.path.name}", str(entry.path), entry.key)
    return bool(name) and any(place.startswith(name) for place in places)
