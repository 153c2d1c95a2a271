"""Explain why features are stored or not: compare the requested entry with the nearest stored one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.features.store.entry import Entry
from bench.features.store.inventory import Inventory, Item, Kind, read_inventory
from bench.features.store.reuse import find_rows
from bench.plugins.selectors import split_list

CELLS = "cells"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST = 60
"""Characters of a value that are printed."""


@dataclass(frozen=True)
class Difference:
    """A component in which a stored entry differs from the requested one.

    Parameters
    ----------
    name : str
        The component, or the parameter of the extractor.
    stored, requested : str
        Its two values, shortened; of a SHA-256 the first eight digits.
    """

    name: str
    stored: str
    requested: str


@dataclass(frozen=True)
class Explanation:
    """Whether features are stored, and the differences to the nearest entry if they are not.

    Parameters
    ----------
    inventory : Inventory
        The store.
    item : Item or None
        The requested entry, stored, damaged or unfinished; None where there is none.
    nearest : Item or None
        The stored entry of the extractor with the fewest differing components, then the most cells; None where the
        features are stored, or no entry of the extractor is.
    differences : tuple of Difference
        Between the nearest entry and the requested one, without the cells.
    reusable : int or None
        Number of requested cells whose rows can be copied from stored entries; None where the nearest entry has the
        same cells.
    """

    inventory: Inventory
    item: Item | None = None
    nearest: Item | None = None
    differences: tuple[Difference, ...] = ()
    reusable: int | None = None

    @property
    def stored(self) -> bool:
        """Whether the features are stored."""
        return self.item is not None and self.item.stored


def explain(store: Path, entry: Entry, cells: Sequence[str]) -> Explanation:
    """Report whether an entry is stored, and if it is not, how the nearest one differs.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    entry : Entry
        The requested entry.
    cells : sequence of str
        SHA-256 of each of its cells, in order.

    Raises
    ------
    BenchError
        The store cannot be read.
    """
    inventory = read_inventory(store)
    by_path = {item.path: item for item in inventory.entries}
    item = by_path.get(entry.folder) or by_path.get(entry.partial)
    relatives = [other for other in inventory.entries if _is_relative(other, entry)]
    if not relatives or (item is not None and item.stored):
        return Explanation(inventory, item)

    def distance(other: Item) -> tuple[int, int]:
        return len(differences(other.components, entry.components)), -other.record["cells"]

    nearest, reusable = min(relatives, key=distance), None
    if nearest.components.get(CELLS) != entry.components[CELLS]:
        reusable = int((find_rows(entry, cells).folder >= 0).sum())
    return Explanation(inventory, item, nearest, differences(nearest.components, entry.components), reusable)


def differences(stored: Mapping[str, Any], requested: Mapping[str, Any]) -> tuple[Difference, ...]:
    """All components except the cells, and all parameters of the extractor, that have different values.

    Where the preparation differs, the difference of its code is left out.
    """
    old, new = _flat(stored), _flat(requested)
    names = sorted(old.keys() | new.keys(), key=lambda name: (name.partition(".")[0], name))
    differing = [name for name in names if old.get(name) != new.get(name)]
    implied = {"preparation"} if "prepare" in differing else set()
    return tuple(Difference(n, shorten(old.get(n)), shorten(new.get(n))) for n in differing if n not in implied)


def shorten(value: object) -> str:
    """A component's value in at most 60 characters."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    if _DIGEST.fullmatch(text):
        return text[:8]
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def parameters(extractor: str) -> dict[str, str]:
    """The parameters in an extractor's canonical selector, as text; none where it cannot be parsed."""
    try:
        items = [item.partition("=") for item in split_list(extractor.partition("[")[2].removesuffix("]"))]
    except BenchError:
        return {}
    return {key: value for key, equals, value in items if equals}


def _is_relative(item: Item, entry: Entry) -> bool:
    """Whether an item is a stored entry of the requested extractor."""
    if item.kind is not Kind.entry or not item.components or "fitted_on" in item.record:
        return False
    stored, requested = (str(components.get("extractor")) for components in (item.components, entry.components))
    return stored.partition("[")[0] == requested.partition("[")[0]


def _flat(components: Mapping[str, Any]) -> dict[str, Any]:
    """Components by name; libraries and parameters of the extractor are listed separately."""
    flat: dict[str, Any] = {}
    for name, value in components.items():
        if name == "extractor":
            flat["extractor"] = str(value).partition("[")[0]
            # The component of the same name, such as the digest of the weights' file, keeps the plain name.
            flat |= {f"parameter {k}" if k in components else k: text for k, text in parameters(str(value)).items()}
        elif isinstance(value, Mapping):
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        elif name != CELLS:
            flat[name] = value
    return flat
