"""Why features are stored or not: what was asked for, held against the entry that comes nearest to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.features.store.entry import Entry, open_rows
from bench.features.store.inventory import Kind
from bench.features.store.listing import Listed, list_store
from bench.features.store.reuse import origins
from bench.plugins.selectors import split_list

CELLS = "cells"

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LONGEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Difference:
    """A component of which a stored entry has another value than the one asked for.

    Parameters
    ----------
    name : str
        The component, or the parameter of the extractor.
    stored, asked : str
        Its two values, short enough to be shown; the first eight digits of a SHA-256.
    """

    name: str
    stored: str
    asked: str


@dataclass(frozen=True)
class Overlap:
    """How many of the cells asked for have rows in the store.

    Parameters
    ----------
    asked : int
        Cells asked for.
    held : int
        Those among them that the nearest entry holds.
    reusable : int
        Those whose rows can be taken over as they are, from any entry that differs in nothing but its cells.
    stored : int
        Cells of the nearest entry.
    """

    asked: int
    held: int
    reusable: int
    stored: int


@dataclass(frozen=True)
class Explanation:
    """Whether features are stored, and what differs where they are not.

    Parameters
    ----------
    entry : Entry
        What was asked for.
    found : Listed or None
        The entry itself, whole or unfinished; None where nothing of it is there.
    nearest : Listed or None
        The stored entry of the extractor that differs in fewest components; None where the features are stored, or
        nothing of that extractor is.
    differences : tuple of Difference
        Between the nearest one and what was asked for, cells left out.
    overlap : Overlap or None
        Of the cells, where those of the nearest one are others.
    """

    entry: Entry
    found: Listed | None = None
    nearest: Listed | None = None
    differences: tuple[Difference, ...] = ()
    overlap: Overlap | None = None

    @property
    def stored(self) -> bool:
        """Whether the features are there, whole."""
        return self.found is not None and self.found.state == "whole"


def explain(store: Path, entry: Entry, cells: Sequence[str]) -> Explanation:
    """Say whether an entry is stored, and if it is not, what the nearest one differs in.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    entry : Entry
        What is asked for.
    cells : sequence of str
        SHA-256 of each of its cells, in order.

    Raises
    ------
    BenchError
        The store cannot be read.
    """
    listing = list_store(store, sizes=False)
    places = {entry.folder: Kind.entry, entry.partial: Kind.partial}
    here = [e for e in listing.entries if places.get(e.folder) is e.thing.kind]
    found = min(here, key=lambda e: e.thing.kind is not Kind.entry, default=None)
    if found is not None and found.state == "whole":
        return Explanation(entry, found)
    relatives = [e for e in listing.entries if _is_relative(e, entry)]
    if not relatives:
        return Explanation(entry, found)
    fewest = min(len(differences(e.components, entry.components)) for e in relatives)
    near = [e for e in relatives if len(differences(e.components, entry.components)) == fewest]
    nearest, held = max(((e, _held(e, cells)) for e in near), key=lambda pair: pair[1])
    overlap = None
    if nearest.components.get(CELLS) != entry.components[CELLS]:
        stored = nearest.record.get("cells")
        reusable = int((origins(entry, cells).folder >= 0).sum())
        overlap = Overlap(len(cells), held, reusable, stored if isinstance(stored, int) else 0)
    return Explanation(entry, found, nearest, differences(nearest.components, entry.components), overlap)


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every component but the cells, and every parameter of the extractor, that has two values.

    Where cells are prepared by other steps, that these have other code goes without saying.
    """
    old, new = _flat(stored), _flat(asked)
    names = sorted(old.keys() | new.keys(), key=lambda name: (name.partition(".")[0], name))
    differing = [name for name in names if old.get(name) != new.get(name)]
    implied = {"preparation"} if "prepare" in differing else set()
    return tuple(Difference(n, shown(old.get(n)), shown(new.get(n))) for n in differing if n not in implied)


def shown(value: object) -> str:
    """A component's value in a few characters."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if _DIGEST.match(text):
        return text[:8]
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def parameters(extractor: object) -> dict[str, str]:
    """The parameters in an extractor's canonical selector, as text; none where it is no selector."""
    if not isinstance(extractor, str) or not extractor.endswith("]"):
        return {}
    try:
        items = [item.partition("=") for item in split_list(extractor.partition("[")[2][:-1])]
    except BenchError:
        return {}
    return {key: value for key, equals, value in items if equals}


def _is_relative(listed: Listed, entry: Entry) -> bool:
    """Whether a whole entry is of the extractor asked for; networks are extractors of their own."""
    if listed.thing.kind is Kind.partial or not listed.components or "fitted_on" in listed.record:
        return False
    theirs, ours = listed.components.get("extractor"), entry.components["extractor"]
    same_class = isinstance(theirs, str) and theirs.partition("[")[0] == str(ours).partition("[")[0]
    return same_class and parameters(theirs).get("model") == parameters(ours).get("model")


def _flat(components: Mapping[str, Any]) -> dict[str, Any]:
    """Components by name; libraries and the like, and the extractor's parameters, one by one."""
    flat: dict[str, Any] = {}
    for name, value in components.items():
        if name == CELLS:
            continue
        if name == "extractor":
            flat["extractor"] = str(value).partition("[")[0]
            for key, text in parameters(value).items():
                # The digest of the weights' file has the name, since a reader asks for it first.
                flat[f"parameter {key}" if key in components else key] = text
        elif isinstance(value, Mapping):
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat


def _held(listed: Listed, cells: Sequence[str]) -> int:
    """How many of the cells a stored entry holds; none where its row ids cannot be read."""
    if listed.thing.kind is not Kind.entry:
        return 0
    try:
        rows = {row.tobytes() for row in open_rows(listed.folder)}
    except BenchError:
        return 0
    return sum(bytes.fromhex(cell) in rows for cell in cells)
