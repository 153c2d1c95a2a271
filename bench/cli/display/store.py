"""Output of the feature store's commands: inventory, entry, explanation, damage, garbage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import PrintableConsole, console, counted, show_text
from bench.errors import printable

if TYPE_CHECKING:
    from bench.features.store.explain import Explanation
    from bench.features.store.garbage import Garbage
    from bench.features.store.inventory import Inventory, Item

PIPED_WIDTH = 240
"""Columns of a table that is written to a file or a pipe, where lines are not folded."""

LONGEST = 200
"""Characters of a value in a table."""

FEW = 8
"""Names that a list shows."""

_COLUMNS = ("extractor", "cells", "features", "size", "written", "cells/s", "state")
_NUMBERS = frozenset({"cells", "features", "size", "cells/s"})


def show_inventory(inventory: Inventory) -> None:
    """Print one row per entry, a total, and what does not belong to the store."""
    if not inventory.entries:
        show_text(f"no features in {inventory.store}")
        show_text("bench run, bench matrix and bench features extract store features there")
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("name", no_wrap=True)
        for name in _COLUMNS:
            fold = name in ("extractor", "state")
            table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=not fold, overflow="fold")
        for entry in inventory.entries:
            table.add_row(*map(escape, (inventory.name(entry), *_row(entry))))
        wide = console if console.is_terminal else PrintableConsole(width=PIPED_WIDTH)
        wide.print(table)
        total = sum(entry.bytes for entry in inventory.entries)
        show_text(f"\n{counted(len(inventory.entries), 'entry', 'entries')}, {size(total)} in {inventory.store}")
    show_unknown(inventory.unknown)


def show_unknown(paths: Sequence[Path]) -> None:
    """Print paths that do not belong to the store."""
    for path in paths[:FEW]:
        show_text(f"ignored: {path} does not belong to the feature store")
    if len(paths) > FEW:
        show_text(f"ignored: {len(paths) - FEW} more")


def show_entry(entry: Item, name: str) -> None:
    """Print the record of an entry."""
    record = entry.record
    show_text(f"{name}  {entry.extractor}: {entry.state}")
    _field("folder", entry.path)
    if entry.problem:
        _field("problem", entry.problem)
    _field("key", entry.key)
    _field("size on disk", size(entry.bytes))
    if not record:
        return
    _field("written", record["written"])
    _field("extracted", _extracted(record))
    jobs, threads = record["jobs"], counted(record["threads"], "thread")
    _field("workers", f"{jobs} of {threads} each, {record['seconds']:.1f} s together")
    if fitted := record.get("fitted_on"):
        patients = fitted["patients"]
        _field("fitted on", f"{fitted['cells']} cells of {counted(len(patients), 'patient')}: {', '.join(patients)}")
    for notice in record["notices"]:
        _field("notice", notice)
    names = record["names"]
    more = "" if len(names) <= FEW else f" ... and {len(names) - FEW} more"
    _field("rows", f"{record['cells']} (one per cell)")
    _field("columns", f"{len(names)}: {', '.join(names[:FEW])}{more}")
    for title, values in (("components", entry.components), ("environment", record["environment"])):
        show_text(title)
        _tree(values, 1)


def show_explanation(explanation: Explanation, extractor: str) -> None:
    """Print whether features are stored, and the differences to the nearest entry if they are not."""
    item, nearest = explanation.item, explanation.nearest
    if item is not None and item.stored:
        show_text(f"stored: {item.path}")
        show_text(f"written {item.record['written']}, {item.record['cells']} cells")
        return
    show_text(f"not stored: {extractor}")
    if item is not None:
        show_text(f"{item.state}: {item.path}")
        show_text(item.problem or "the same command of bench run, matrix or features extract resumes it")
    elif nearest is None:
        show_text("the store contains no entry of this extractor")
    if nearest is None:
        return
    show_text(f"the nearest entry is {explanation.inventory.name(nearest)}, written {nearest.record['written']}")
    for difference in explanation.differences:
        show_text(f"  {difference.name}: {difference.stored} -> {difference.requested}")
    if explanation.reusable is not None:
        show_text(f"  cells: other cells; {counted(explanation.reusable, 'row')} can be copied from stored entries")


def show_damage(inventory: Inventory, damage: Mapping[Item, str]) -> None:
    """Print the damage of each entry, and a total."""
    damaged = {entry: text for entry, text in damage.items() if text}
    for entry, text in damaged.items():
        show_text(f"{inventory.name(entry)}  {entry.extractor}: {text}")
        again = "the extractor is fitted again" if "fitted_on" in entry.record else "damaged rows are extracted again"
        show_text(f"  {again} by the next run that needs this entry")
    result = f"{counted(len(damaged), 'entry', 'entries')} damaged" if damaged else "all are intact"
    show_text(f"{counted(len(damage), 'entry', 'entries')} checked: {result}")


def show_garbage(garbage: Sequence[Garbage], *, dry_run: bool) -> None:
    """Print what was removed, or would be, and its size."""
    for one in garbage:
        if one.obstacle:
            show_text(f"not removed: {one.path} ({one.reason}; {one.obstacle})")
        else:
            show_text(f"{'would remove' if dry_run else 'removed'}: {one.path}, {size(one.bytes)} ({one.reason})")
    removed = [one.bytes for one in garbage if not one.obstacle]
    total = f"{counted(len(removed), 'item')}, {size(sum(removed))} {'would be removed' if dry_run else 'removed'}"
    show_text(total if garbage else "nothing to remove")


def size(count: int) -> str:
    """Format a number of bytes: `512 B`, `3.4 MB`, `1.2 GB`."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{count} B" if units[0] == "B" else f"{amount:.3g} {units[0]}"


def _row(entry: Item) -> Iterable[str]:
    record = entry.record
    yield _text(entry.extractor if entry.prepare == "none" else f"{entry.prepare} > {entry.extractor}", longest=100)
    yield str(record.get("cells", "-"))
    yield str(len(record["names"])) if record else "-"
    yield size(entry.bytes)
    yield str(record.get("written", "-"))[:10]
    yield f"{record['cells_per_s']:.3g}" if record.get("cells_per_s") else "-"
    yield entry.state


def _extracted(record: Mapping[str, Any]) -> str:
    """Number of extracted cells, and the speed."""
    wall, rate = record["wall_s"], record["cells_per_s"]
    speed = f" in {wall:.1f} s: {rate:.1f} cells/s" if wall and rate else ""
    copied = f", {counted(record['reused'], 'row')} copied from other entries" if record["reused"] else ""
    return f"{counted(record['extracted'], 'cell')}{speed}{copied}"


def _tree(values: Mapping[str, Any], depth: int) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            show_text(f"{'  ' * depth}{name}")
            _tree(value, depth + 1)
        else:
            show_text(f"{'  ' * depth}{name}: {_text(value, longest=2000)}")


def _field(name: str, value: object) -> None:
    show_text(f"{name + ':':<14}{_text(value, longest=2000)}")


def _text(value: object, longest: int = LONGEST) -> str:
    """A value in one line of at most `longest` characters, with control characters escaped."""
    text = "none" if value is None else str(value) if isinstance(value, str | Path) else json.dumps(value)
    text = printable(text[: longest + 1]).replace("\n", " ")
    return text if len(text) <= longest else text[: longest - 4] + " ..."
