"""Print the feature store: entries, metadata, differences, damage and garbage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console
from bench.errors import printable

if TYPE_CHECKING:
    from bench.features.store.explain import Explanation, Overlap
    from bench.features.store.garbage import Garbage
    from bench.features.store.inspect import Inspected
    from bench.features.store.listing import Listed, Listing

PIPED_WIDTH = 240
"""Width of a table that is written to a file or a pipe, where lines should not fold."""

LONGEST = 200
"""Maximum number of characters shown of a text from the store."""

MOST = 2**53
"""Numbers of a record above this are not shown."""

FEW = 8
"""Number of names shown of a long list."""

_COLUMNS = ("extractor", "cells", "features", "size", "written", "cells/s", "state")
_NUMBERS = frozenset({"cells", "features", "size", "cells/s"})


def show_listing(listing: Listing) -> None:
    """Print one row per entry, the total size, and foreign files."""
    if not listing.entries:
        _line(f"no features in {listing.store}")
        _line("bench run, bench matrix and bench features extract store the features that they extract there")
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("name", no_wrap=True)
        for name in _COLUMNS:
            right = name in _NUMBERS
            fold = name in ("extractor", "state")
            table.add_column(name, justify="right" if right else "left", no_wrap=not fold, overflow="fold")
        for entry in listing.entries:
            table.add_row(*map(escape, (entry.name, *_row(entry))))
        wide = console if console.is_terminal else Console(width=PIPED_WIDTH)
        wide.print(table, highlight=False)
        total = sum(entry.bytes for entry in listing.entries)
        _line(f"\n{counted(len(listing.entries), 'entry', 'entries')}, {size(total)} in {listing.store}")
    show_foreign(listing.foreign)


def show_foreign(paths: Sequence[Path]) -> None:
    """Print the paths that do not belong to the store and are ignored."""
    for path in paths[:FEW]:
        _line(f"ignored: {path} does not belong to the feature store")
    if len(paths) > FEW:
        _line(f"ignored: {len(paths) - FEW} more")


def show_entry(entry: Listed) -> None:
    """Print the metadata of an entry."""
    record = entry.record
    _line(f"{entry.name}  {entry.extractor}: {entry.state}")
    _field("folder", entry.folder)
    if entry.problem:
        _field("problem", entry.problem)
    _field("key", entry.key)
    _field("size on disk", size(entry.bytes))
    if not record:
        return
    _field("written", record.get("written"))
    for name, text in (
        ("extracted", _extraction(record)),
        ("workers", _workers(record)),
        ("fitted on", _fitted(record)),
    ):
        if text:
            _field(name, text)
    for notice in _list(record, "notices"):
        _field("notice", notice)
    names = _list(record, "names")
    more = "" if len(names) <= FEW else f" ... and {len(names) - FEW} more"
    _field("rows", f"{record.get('cells')} (one per cell)")
    _field("columns", f"{len(names)}: {', '.join(_text(name) for name in names[:FEW])}{more}")
    _line("components of the key")
    _tree(entry.components, 1)
    _line("environment")
    environment = record.get("environment")
    _tree(environment if isinstance(environment, Mapping) else {}, 1)


def show_explanation(explanation: Explanation, extractor: str) -> None:
    """Print whether features are stored, and how the nearest entry differs if they are not."""
    if explanation.stored and explanation.found is not None:
        _line(f"stored: {explanation.found.folder}")
        _line(
            f"written {_text(explanation.found.record.get('written'))}, {explanation.found.record.get('cells')} cells"
        )
        return
    _line(f"not stored: {extractor}")
    if explanation.found is not None:
        _line(f"{explanation.found.state}: {explanation.found.folder}")
        _line(explanation.found.problem or "run the same command of bench run, matrix or features extract to continue")
    if (nearest := explanation.nearest) is None:
        if explanation.found is None:
            _line("the store has no entry of this extractor")
        return
    _line(f"the nearest entry is {nearest.name}, written {_text(nearest.record.get('written', 'at an unknown time'))}")
    for difference in explanation.differences:
        _line(f"  {difference.name}: {difference.stored} -> {difference.asked}")
    if explanation.overlap is not None:
        _line(f"  cells: {_overlap(explanation.overlap, alone=not explanation.differences)}")


def show_inspection(inspected: Sequence[Inspected]) -> None:
    """Print the damaged rows of each entry, and a total."""
    chunks = sum(one.chunks for one in inspected)
    bad = [one for one in inspected if not one.whole]
    for one in bad:
        _line(f"{one.entry.name}  {one.entry.extractor}: damaged")
        if one.problem:
            _line(f"  {one.problem}")
        for number, first, last in one.damaged:
            _line(f"  chunk {number}: rows {first}-{last}")
        if one.rebuilt_on_use:
            _line("  the next run that needs it fits again")
        else:
            _line("  the next run that needs these rows extracts them again")
    checked = counted(len(inspected), "entry", "entries")
    if not bad:
        _line(f"{checked} checked, {counted(chunks, 'chunk')}: no damage")
    else:
        _line(f"{checked} checked, {counted(chunks, 'chunk')}: {counted(len(bad), 'entry', 'entries')} damaged")


def show_collection(garbage: Sequence[Garbage], *, dry_run: bool) -> None:
    """Print the removed entries, or those that would be removed, and their size."""
    removable = [one for one in garbage if not one.kept]
    for one in garbage:
        if one.kept:
            _line(f"kept: {one.thing.path} ({one.why}; {one.kept})")
        else:
            _line(f"{'would remove' if dry_run else 'removed'}: {one.thing.path}, {size(one.bytes)} ({one.why})")
    total = size(sum(one.bytes for one in removable))
    what = counted(len(removable), "item")
    _line(f"{what}, {total} {'would be removed' if dry_run else 'removed'}" if garbage else "nothing to remove")


def size(count: int) -> str:
    """Return a size with its unit: `512 B`, `3.4 MB`, `1.2 GB`."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{count} B" if units[0] == "B" else f"{amount:.3g} {units[0]}"


def counted(number: int, word: str, words: str = "") -> str:
    """Return a number with its noun: `1 chunk`, `2 chunks`, `2 entries`."""
    return f"{number} {word if number == 1 else words or word + 's'}"


def _row(entry: Listed) -> Iterable[str]:
    record = entry.record
    name = entry.extractor if entry.prepare == "none" else f"{entry.prepare} > {entry.extractor}"
    yield _text(name, longest=100)
    yield _integer(record.get("cells"))
    yield str(len(_list(record, "names"))) if record else "-"
    yield size(entry.bytes)
    yield _day(record.get("written"))
    rate = record.get("cells_per_s")
    yield f"{rate:.3g}" if isinstance(rate, int | float) and 0 < rate < MOST else "-"
    yield entry.state


def _extraction(record: Mapping[str, Any]) -> str:
    """Return the number of extracted cells and the speed."""
    extracted, reused, wall, rate = (record.get(k) for k in ("extracted", "reused", "wall_s", "cells_per_s"))
    if not isinstance(extracted, int) or not isinstance(wall, int | float) or not isinstance(rate, int | float):
        return ""
    if max(extracted, wall, rate) > MOST:
        return ""
    taken = f", {counted(reused, 'row')} copied from other entries" if isinstance(reused, int) and reused else ""
    speed = f" in {wall:.1f} s: {rate:.1f} cells/s" if wall and rate else ""
    return f"{counted(extracted, 'cell')}{speed}{taken}"


def _workers(record: Mapping[str, Any]) -> str:
    """Return the number of workers and their total time."""
    jobs, threads, seconds = (record.get(k) for k in ("jobs", "threads", "seconds"))
    if not isinstance(jobs, int) or not isinstance(threads, int) or not isinstance(seconds, int | float):
        return ""
    return f"{jobs} of {counted(threads, 'thread')} each, {seconds:.1f} s in total"


def _fitted(record: Mapping[str, Any]) -> str:
    fitted = record.get("fitted_on")
    if not isinstance(fitted, Mapping):
        return ""
    patients = [_text(name) for name in _list(fitted, "patients")]
    return f"{fitted.get('cells')} cells of {counted(len(patients), 'patient')}: {', '.join(patients)}"


def _overlap(cells: Overlap, *, alone: bool) -> str:
    others = cells.asked - cells.held
    if others == cells.asked:
        text = f"all {cells.asked} are other cells"
    elif others:
        text = f"{others} of {cells.asked} are other cells"
    elif cells.asked == cells.stored:
        text = f"the same {cells.asked} cells in another order"
    else:
        text = f"all {cells.asked} are among its {cells.stored}"
    return f"{text} ({counted(cells.reusable, 'row')} will be reused)" if alone and cells.reusable else text


def _tree(values: Mapping[str, Any], depth: int) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and depth < 3:
            _line(f"{'  ' * depth}{name}")
            _tree(value, depth + 1)
        else:
            _line(f"{'  ' * depth}{name}: {_text(value, longest=2000)}")


def _field(name: str, value: object) -> None:
    _line(f"{name + ':':<14}{_text(value, longest=2000)}")


def _text(value: object, longest: int = LONGEST) -> str:
    """Return a value of a file as one line without control characters."""
    text = "none" if value is None else value if isinstance(value, str) else _plain(value)
    text = printable(text[: longest + 1]).replace("\n", " ")
    return text if len(text) <= longest else text[: longest - 4] + " ..."


def _plain(value: object) -> str:
    try:
        return str(value) if isinstance(value, Path) else json.dumps(value, default=str)
    except (RecursionError, ValueError):
        return "(too deep or too long to show)"


def _integer(value: object) -> str:
    return str(value) if isinstance(value, int) and abs(value) < MOST else "-"


def _day(value: object) -> str:
    try:
        return datetime.fromisoformat(str(value)).date().isoformat()
    except ValueError:
        return "-"


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    return value if isinstance(value, list) else []


def _line(text: str) -> None:
    console.print(printable(text), highlight=False, markup=False, soft_wrap=True)
