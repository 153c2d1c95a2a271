"""Outer folds of datasets without patient ids: which splits are possible, and what their leakage is called."""

from __future__ import annotations

from dataclasses import replace

from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.options import Options
from bench.splits.fold_manifest import Folds
from bench.splits.outer_folds import outer_folds

_WITHOUT_PATIENTS = ("image", "held-out")


def folds_of(dataset: Dataset, options: Options) -> Folds:
    """Create the folds of a dataset requested by the options, as `outer_folds`.

    Raises
    ------
    BenchError
        As `outer_folds`; or the split needs patients or split units, and the dataset has neither.
    """
    check_grouping(dataset, options.split)
    folds = outer_folds(dataset.table, options)
    if dataset.grouping == "block" and options.split == "image":
        return replace(folds, violations=("cells of one patient may be in several folds: there are no patient ids",))
    if dataset.grouping == "patient" or not folds.violations:
        return folds
    return replace(folds, violations=(folds.violations[0].replace(" patients are ", " split units are ", 1),))


def check_grouping(dataset: Dataset, split: str) -> None:
    """Refuse splits by patient of a dataset that has neither patients nor split units.

    Raises
    ------
    BenchError
        The message names the splits that are possible.
    """
    if dataset.grouping == "block" and split not in _WITHOUT_PATIENTS:
        raise BenchError(
            f"--split {split}: {dataset.name} has no patient ids, so a score on unseen patients is impossible; pass "
            "--unit-pattern to take split units (source image, slide, date) from the paths, or --split image, whose "
            "rows are marked LEAKY"
        )
