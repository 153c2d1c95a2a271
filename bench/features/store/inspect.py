"""Entries of a feature store held against their checksums, for a person who wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.features.store.entry import CHUNK
from bench.features.store.inventory import Kind
from bench.features.store.keys import is_in_place
from bench.features.store.listing import Listed
from bench.features.store.verify import examine
from bench.observer import Observer


@dataclass(frozen=True)
class Inspected:
    """What came out for one entry.

    Parameters
    ----------
    entry : Listed
        Which one.
    chunks : int
        Number of its chunks.
    damaged : tuple of (int, int, int)
        Number, first and last row of each chunk whose checksum is another.
    problem : str
        What is wrong with the entry as a whole; else empty.
    """

    entry: Listed
    chunks: int
    damaged: tuple[tuple[int, int, int], ...] = ()
    problem: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.damaged and not self.problem

    @property
    def rebuilt_on_use(self) -> bool:
        """Whether the features come from a fit, which is then done again as a whole."""
        return "fitted_on" in self.entry.record


def inspect(entries: Iterable[Listed], observer: Observer) -> list[Inspected]:
    """Check every checksum of whole entries; unfinished ones and older layouts have none that anybody relies on.

    Parameters
    ----------
    entries : iterable of Listed
        What to check.
    observer : Observer
        Hears of the progress, in chunks.
    """
    chosen = [entry for entry in entries if entry.thing.kind is Kind.entry]
    total, done, found = sum(map(_chunks, chosen)), 0, []
    observer.progress("verify", 0, total)
    for entry in chosen:
        found.append(_inspected(entry, lambda n, before=done: observer.progress("verify", before + n, total)))  # type: ignore[misc]
        done += _chunks(entry)
    observer.progress("verify", total, total)
    return found


def _inspected(entry: Listed, begins: Callable[[int], object]) -> Inspected:
    seen = examine(entry.folder, begins=begins)
    if seen.layout is None:
        return Inspected(entry, 0, problem=seen.problem)
    if not is_in_place(entry.folder, entry.record):
        return Inspected(entry, 0, problem="it lies in the place of another entry, where no run takes it")
    bounds = ((number, *seen.layout.bounds(number)) for number in seen.chunks)
    damaged = tuple((number, first, end - 1) for number, first, end in bounds)
    return Inspected(entry, seen.layout.chunks, damaged, f"damaged: {', '.join(seen.files)}" if seen.files else "")


def _chunks(entry: Listed) -> int:
    return 0 if entry.problem else -(-int(entry.record["cells"]) // CHUNK)
