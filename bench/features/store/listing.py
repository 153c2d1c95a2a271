"""The entries of a feature store as a list that a person reads: what each says of itself, and in which state it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.features.store.chunks import CHUNKS
from bench.features.store.entry import RECORD, entry_record
from bench.features.store.inventory import Kind, Thing, contents, size_of
from bench.features.store.layout import read_layout
from bench.features.store.staleness import outdated
from bench.plugins.pipeline import NO_PREPARATION
from bench.plugins.preparation import parse_prepare, shortened
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json

SHORTEST = 8
"""Fewest characters of a key in the name of an entry."""


@dataclass(frozen=True)
class Listed:
    """An entry of a store.

    Parameters
    ----------
    thing : Thing
        Where it lies, and whether it is whole, unfinished, or of an older version of the toolkit.
    key : str
        Its key, or as much of it as is known.
    name : str
        As many of the key's first characters as tell it from all others.
    record : mapping
        What it says of itself; empty where that cannot be read.
    bytes : int
        Its size on disk.
    outdated : tuple of str
        What of it has changed since, so that it cannot be asked for any more: "code", "libraries" ...
    chunks : tuple of (int, int), optional
        Of an unfinished one, the finished chunks and all, as far as its first chunk is there.
    problem : str
        Why what it says of itself cannot be read; else empty.
    """

    thing: Thing
    key: str
    name: str
    record: Mapping[str, Any] = field(default_factory=dict)
    bytes: int = 0
    outdated: tuple[str, ...] = ()
    chunks: tuple[int, int] | None = None
    problem: str = ""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.thing.path

    @property
    def components(self) -> Mapping[str, Any]:
        """Everything that its key is made of."""
        found = self.record.get("components")
        return found if isinstance(found, Mapping) else {}

    @property
    def extractor(self) -> str:
        """The extractor's selector as a person writes it, or what its folder's name keeps of it."""
        selector = self.record.get("selector")
        if isinstance(selector, str) and selector:
            return selector
        folder = self.folder if self.thing.kind is Kind.old else self.folder.parent
        return folder.name.removesuffix(".shards")[:-17]

    @property
    def prepare(self) -> str:
        """How its cells were prepared, as a person writes it; `none` for cells as they are."""
        text = str(self.components.get("prepare", NO_PREPARATION))
        try:
            return shortened(parse_prepare(text))
        except BenchError:
            return text

    @property
    def state(self) -> str:
        """In a few words: `whole`, `unfinished (3 of 9 chunks)`, `stale (code)`, `damaged`."""
        if self.problem:
            return "damaged"
        if self.thing.kind is Kind.old:
            return "stale (format)"
        if self.outdated:
            return f"stale ({', '.join(self.outdated)})"
        if self.thing.kind is Kind.partial:
            return (
                f"unfinished ({self.chunks[0]} of {self.chunks[1]} chunks)"
                if self.chunks
                else "unfinished (no chunk yet)"
            )
        return "whole"


@dataclass(frozen=True)
class Listing:
    """What lies in a store.

    Parameters
    ----------
    store : Path
        Its folder.
    entries : tuple of Listed
        In the order of extractors, then of names.
    foreign : tuple of Path
        What nobody knows, and nobody touches.
    """

    store: Path
    entries: tuple[Listed, ...]
    foreign: tuple[Path, ...]

    def find(self, name: str) -> Listed:
        """The one entry whose key or folder begins with the given characters.

        Raises
        ------
        BenchError
            There is none, or several.
        """
        found = [entry for entry in self.entries if _is_called(entry, name)]
        if len(found) == 1:
            return found[0]
        if found:
            those = ", ".join(f"{entry.name} ({entry.extractor})" for entry in found[:10])
            raise BenchError(f"{name!r} stands for {len(found)} entries: {those}; give more characters of one")
        if not self.entries:
            raise BenchError(f"{self.store} holds no entry, so none is called {name!r}")
        hint = did_you_mean(name, [entry.name for entry in self.entries])
        raise BenchError(f"no entry in {self.store} is called {name!r}.{hint} bench features list names them all")


def list_store(store: Path, *, sizes: bool = True) -> Listing:
    """Everything in a store, and what each entry says of itself.

    Parameters
    ----------
    store : Path
        Its folder, which need not exist.
    sizes : bool
        Whether to look how large each is.

    Raises
    ------
    BenchError
        The store cannot be read.
    """
    try:
        things = list(contents(store))
    except OSError as error:
        raise BenchError(f"the feature store cannot be read ({error.strerror}: {error.filename})") from error
    found = [_listed(thing, sizes=sizes) for thing in things if _is_entry(thing)]
    return Listing(
        store,
        tuple(sorted(_named(found), key=lambda entry: (entry.extractor, entry.key))),
        tuple(thing.path for thing in things if thing.kind is Kind.foreign),
    )


def _is_entry(thing: Thing) -> bool:
    whole_or_begun = thing.kind in (Kind.entry, Kind.partial)
    return whole_or_begun or (thing.kind is Kind.old and (thing.path / RECORD).is_file())


def _listed(thing: Thing, *, sizes: bool) -> Listed:
    size = size_of(thing.path) if sizes else 0
    # What does not tell its key is called by its place.
    place = digest([thing.path.parent.name, thing.path.name.removesuffix(".partial")])
    try:
        if thing.kind is Kind.partial:
            return Listed(thing, place, "", bytes=size, chunks=_finished(thing.path))
        if thing.kind is Kind.old:
            return Listed(thing, place, "", read_json(thing.path / RECORD), size)
        record = entry_record(thing.path)
        return Listed(thing, str(record["key"]), "", record, size, outdated(record["components"]))
    except BenchError as error:
        return Listed(thing, place, "", bytes=size, problem=str(error))


def _finished(folder: Path) -> tuple[int, int] | None:
    layout = read_layout(folder)
    if layout is None:
        return None
    return sum(path.suffix == ".json" for path in (folder / CHUNKS).glob("[0-9]*")), layout.chunks


def _named(entries: list[Listed]) -> Iterator[Listed]:
    """Each with the shortest beginning of its key that no other has; two of one key have it whole."""
    ordered = sorted(entries, key=lambda entry: entry.key)
    shared = [_shared(a.key, b.key) for a, b in pairwise(ordered)]
    for entry, before, after in zip(ordered, [0, *shared], [*shared, 0], strict=False):
        yield replace(entry, name=entry.key[: max(SHORTEST, before + 1, after + 1)])


def _shared(one: str, other: str) -> int:
    """How many characters two keys begin with together."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _is_called(entry: Listed, name: str) -> bool:
    if not name:
        return False
    places = (entry.folder.name, f"{entry.folder.parent.name}/{entry.folder.name}", str(entry.folder))
    return entry.key.startswith(name) or any(place.startswith(name) for place in places)
