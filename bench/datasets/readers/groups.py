"""What stands in the column `patient` of cells without patient ids: split units, or blocks of consecutive cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.datasets.readers.patterns import PathPattern, path_pattern
from bench.datasets.table import Grouping, ReadOptions

BLOCKS = 50
"""Most blocks of a class: enough for inner folds and intervals, and few enough for large datasets."""


@dataclass(frozen=True)
class Groups:
    """Column `patient` of a table of cells, and what it holds.

    Parameters
    ----------
    names : sequence of str
        One entry per cell.
    grouping : {"patient", "unit", "block"}
        As in `bench.datasets.table.Dataset`.
    notices : tuple of str
        Messages for the user.
    linked : sequence of frozenset of str
        Disjoint groups of patients that may be one person.
    pattern : PathPattern or None
        Pattern of the user that matched the names.
    """

    names: Sequence[str]
    grouping: Grouping
    notices: tuple[str, ...] = ()
    linked: Sequence[frozenset[str]] = ()
    pattern: PathPattern | None = None


def groups_without_patients(
    title: str,
    files: Sequence[str],
    labels: Sequence[str],
    options: ReadOptions,
    *,
    root: object,
    sets: Sequence[str | None] | None = None,
    units: Sequence[str] | None = None,
    unit: str = "split unit",
) -> Groups:
    """Return the groups of cells without patient ids.

    Parameters
    ----------
    title : str
        Name of the dataset in messages.
    files, labels : sequence of str
        Relative path and label of each cell.
    options : ReadOptions
        `unit_pattern` matches the split unit in each path.
    root : object
        Folder of the paths, for messages.
    sets : sequence of str, optional
        Set of each cell, if some are held out.
    units : sequence of str, optional
        Split unit of each cell that the reader knows; `unit_pattern` overrides it.
    unit : str
        What such a split unit is.

    Raises
    ------
    BenchError
        The pattern is invalid, or does not match a path.
    """
    if options.unit_pattern is not None:
        return units_of_pattern(title, files, options.unit_pattern, root=root)
    if units is not None:
        return Groups(units, "unit", (_by_unit(title, f"{unit}s"),))
    return Groups(blocks(labels, sets), "block", (_NO_PATIENTS.format(title=title),))


def units_of_pattern(title: str, files: Sequence[str], pattern: str, *, root: object) -> Groups:
    """Return the split units that `--unit-pattern` matches in the paths of cells without patient ids.

    Raises
    ------
    BenchError
        The pattern is invalid, or does not match a path.
    """
    searched = path_pattern("unit", pattern, files)
    matched = [searched.match(file, root) for file in files]
    return Groups(matched, "unit", (_by_unit(title, "the matches of --unit-pattern"),), pattern=searched)


def blocks(labels: Sequence[str], sets: Sequence[str | None] | None = None) -> list[str]:
    """Return the block of each cell: `BLOCKS` equal runs of consecutive cells of each class, or one cell each.

    Cells of one patient often follow each other, so that blocks separate them better than single cells. A class that
    is in several sets has its own blocks in each.
    """
    keys = list(zip(labels, [None] * len(labels) if sets is None else sets, strict=True))
    sizes, ranks = Counter(keys), Counter[tuple[str, str | None]]()
    number_of = {label: number for number, label in enumerate(sorted(set(labels)), start=1)}
    names = []
    for label, name in keys:
        size = sizes[label, name]
        block = ranks[label, name] * min(size, BLOCKS) // size + 1
        ranks[label, name] += 1
        names.append(f"{f'{name} ' if name else ''}block {number_of[label]}-{block}")
    return names


def ignored_pattern(title: str, options: ReadOptions) -> tuple[str, ...]:
    """Return a notice that `--unit-pattern` is not used for cells with patient ids; empty without the option."""
    if options.unit_pattern is None:
        return ()
    return (f"--unit-pattern is ignored: {title} has patient ids, which are the split units",)


def _by_unit(title: str, units: str) -> str:
    return (
        f"{title} has no patient ids: the split units are {units}, cells of one patient may be in several of them, and "
        "rows are marked NO PATIENTS"
    )


_NO_PATIENTS = (
    "{title} has no patient ids, so a score on unseen patients is impossible: --split image runs (marked LEAKY), and "
    "--unit-pattern takes split units, such as source images, slides or dates, from the paths"
)
