"""What stands in the column `patient` of cells without patient ids: split units, or a name for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.datasets.readers.patterns import PathPattern, path_pattern
from bench.datasets.table import Grouping, ReadOptions

CELL_PREFIX = "cell "


@dataclass(frozen=True)
class Groups:
    """Column `patient` of a table of cells, and what it holds.

    Parameters
    ----------
    names : sequence of str
        One entry per cell.
    grouping : {"patient", "unit", "cell"}
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
    options: ReadOptions,
    *,
    root: object,
    units: Sequence[str] | None = None,
    unit: str = "split unit",
) -> Groups:
    """Return the groups of cells without patient ids.

    Parameters
    ----------
    title : str
        Name of the dataset in messages.
    files : sequence of str
        Relative path of each cell.
    options : ReadOptions
        `unit_pattern` matches the split unit in each path.
    root : object
        Folder of the paths, for messages.
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
        pattern = path_pattern("unit", options.unit_pattern, files)
        matched = [pattern.match(file, root) for file in files]
        return Groups(matched, "unit", (_by_unit(title, "the matches of --unit-pattern"),), pattern=pattern)
    if units is not None:
        return Groups(units, "unit", (_by_unit(title, f"{unit}s"),))
    names = [f"{CELL_PREFIX}{number}" for number in range(1, len(files) + 1)]
    return Groups(names, "cell", (_NO_PATIENTS.format(title=title),))


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
