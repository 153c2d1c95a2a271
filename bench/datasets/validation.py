"""A scanned data set becomes one that can be used: unreadable cells refused or dropped, identical images linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.datasets.classes import check_classes, positive_class
from bench.datasets.duplicates import with_duplicates
from bench.datasets.scanning.scan import Problem, Scan
from bench.datasets.table import Dataset
from bench.errors import BenchError

_NAMED = 10


def checked(dataset: Dataset, scan: Scan, *, skip_unreadable: bool = False) -> tuple[Dataset, Scan]:
    """The data set and scan without unreadable cells, patients with identical images linked.

    Parameters
    ----------
    dataset : Dataset
        The table of cells.
    scan : Scan
        Its scan.
    skip_unreadable : bool
        Drop cells that cannot be read, with a notice, instead of refusing the data set.

    Returns
    -------
    dataset : Dataset
        Index 0..n-1 again, `unit` and `notices` brought up to date.
    scan : Scan
        The same cells, without problems.

    Raises
    ------
    BenchError
        A cell cannot be read and `skip_unreadable` is not set; fewer than two classes remain; one image stands under
        two labels.
    """
    if scan.problems:
        if not skip_unreadable:
            raise BenchError(
                f"{_count(scan.problems)} cannot be read; repair or remove them, or leave them out with "
                f"--skip-unreadable:\n{_listed(scan.problems)}"
            )
        dataset, scan = _without(dataset, scan)
    return with_duplicates(dataset, scan.table["picture"]), scan


def _without(dataset: Dataset, scan: Scan) -> tuple[Dataset, Scan]:
    rows = [problem.row for problem in scan.problems]
    table = dataset.table.drop(index=rows).reset_index(drop=True)
    classes = check_classes(table["label"], f"{dataset.name}, without its unreadable cells,")
    positive, assumed = positive_class(classes, dataset.options.positive, dataset.positive)
    lost = sorted(set(dataset.table["patient"]) - set(table["patient"]))
    notices = [f"left out as unreadable: {_count(scan.problems)}\n{_listed(scan.problems)}"]
    if lost:
        notices.append(f"patients of whom no readable cell is left: {', '.join(lost)}")
    if assumed:
        notices.append(assumed)
    kept = replace(dataset, table=table, positive=positive, notices=(*dataset.notices, *notices))
    return kept, Scan(scan.table.drop(index=rows).reset_index(drop=True))


def _count(problems: Sequence[Problem]) -> str:
    return f"{len(problems)} cell{'s' if len(problems) > 1 else ''}"


def _listed(problems: Sequence[Problem]) -> str:
    lines = [f"  {problem.path}: {problem.reason}" for problem in problems[:_NAMED]]
    more = len(problems) - len(lines)
    return "\n".join([*lines, f"  and {more} more"] if more else lines)
