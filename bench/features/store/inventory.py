"""What lies in a feature store, each thing called what it is; nothing is opened, and no link is followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.features.store.entry import RECORD

ROOMS = ("features", "fitted")
"""Folders of a store: features that need no fit, and those of fitted extractors."""

_EXTRACTOR = re.compile(r".+-[0-9a-f]{16}\Z")
_ENTRY = re.compile(r"[0-9a-f]{16}\Z")
_PARTIAL = re.compile(r"[0-9a-f]{16}\.partial\Z")
_LOCK = re.compile(r"[0-9a-f]{16}\.lock\Z")
_OLD = re.compile(r".+-[0-9a-f]{16}(\.shards)?\Z")
_OLD_LOCK = re.compile(r".+-[0-9a-f]{16}\.lock\Z")


class Kind(StrEnum):
    """What a thing in a store is."""

    entry = "entry"
    partial = "unfinished entry"
    lock = "lock"
    remnant = "left-over"
    old = "old layout"
    empty = "empty folder"
    foreign = "foreign"
    network = "converted network"


@dataclass(frozen=True)
class Thing:
    """A file or folder in a store.

    Parameters
    ----------
    path : Path
        Where it lies.
    kind : Kind
        What it is, by its name and its place.
    """

    path: Path
    kind: Kind

    @property
    def lock(self) -> Path:
        """The lock that whoever writes it holds; of a lock, itself."""
        if self.path.suffix == ".lock":
            return self.path
        return self.path.with_name(self.path.name.removesuffix(".partial").removesuffix(".shards") + ".lock")


def contents(store: Path) -> Iterator[Thing]:
    """Everything in a store, in the order of names; a store that is not there holds nothing.

    Raises
    ------
    OSError
        A folder of the store cannot be read.
    """
    for room in ROOMS:
        if (store / room).is_symlink():
            yield Thing(store / room, Kind.foreign)
        elif (store / room).is_dir():
            for place in _sorted(store / room):
                yield from _inside(place)


def size_of(path: Path) -> int:
    """Bytes on disk of a file, or of all files in a folder; a file that vanishes meanwhile counts nothing.

    What a sparse file leaves out is not counted, and links are not followed.
    """
    total = 0
    for at in (path, *(Path(folder) / name for folder, _, names in os.walk(path) for name in names)):
        try:
            state = at.lstat()
        except OSError:
            continue
        total += min(state.st_size, 512 * state.st_blocks) if not at.is_dir() else 0
    return total


def _inside(place: Path) -> Iterator[Thing]:
    """What a name in a room stands for: itself, or what lies in the folder of an extractor."""
    if place.is_symlink():
        yield Thing(place, Kind.foreign)
    elif place.name.startswith(".unfinished-"):
        yield Thing(place, Kind.remnant)
    elif not place.is_dir():
        yield Thing(place, Kind.old if _OLD_LOCK.match(place.name) else Kind.foreign)
    elif _OLD.match(place.name) and ((place / RECORD).is_file() or place.name.endswith(".shards")):
        yield Thing(place, Kind.old)
    elif _EXTRACTOR.match(place.name):
        inside = _sorted(place)
        yield from (Thing(path, _kind(path)) for path in inside)
        if not inside:
            yield Thing(place, Kind.empty)
    else:
        yield Thing(place, Kind.foreign)


def _kind(path: Path) -> Kind:
    if path.is_symlink():
        return Kind.foreign
    if path.name.startswith(".unfinished-"):
        return Kind.remnant
    if path.is_dir():
        return Kind.entry if _ENTRY.match(path.name) else Kind.partial if _PARTIAL.match(path.name) else Kind.foreign
    return Kind.lock if _LOCK.match(path.name) else Kind.foreign


def _sorted(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
