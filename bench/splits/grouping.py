"""Check that a split by patient is possible: some datasets have no patient ids."""

from __future__ import annotations

from bench.datasets.table import Dataset
from bench.errors import BenchError

_WITHOUT_PATIENTS = ("image", "held-out")


def check_grouping(dataset: Dataset, split: str) -> None:
    """Refuse splits by patient of a dataset that has neither patients nor split units.

    Raises
    ------
    BenchError
        The message names the splits that are possible.
    """
    if dataset.grouping == "cell" and split not in _WITHOUT_PATIENTS:
        raise BenchError(
            f"--split {split}: {dataset.name} has no patient ids, so a score on unseen patients is impossible; pass "
            "--unit-pattern to take split units (source image, slide, date) from the paths, or --split image, whose "
            "rows are marked LEAKY"
        )
