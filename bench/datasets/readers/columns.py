"""Checks of the column names of a table: names in another spelling, and ignored columns with telling names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.datasets.canonical_names import name_key
from bench.datasets.names import listed
from bench.errors import BenchError, did_you_mean, shortened

_ALIASES = {
    "set": (
        "sets", "split", "splits", "subset", "partition", "dataset_split", "data_split", "train_test", "is_test",
        "is_train", "test", "train", "held_out", "heldout", "holdout",
    ),
    "fold": ("folds", "cv_fold", "kfold", "k_fold", "fold_id", "official_fold"),
    "mask": ("mask_path", "mask_file", "maskpath", "masks", "cell_mask", "segmentation"),
    "nucleus": ("nucleus_path", "nucleus_mask", "nucleus_mask_path", "nuclei", "nuclear_mask"),
    "um_per_px": (
        "um_per_pixel", "\u03bcm_per_px", "\u03bcm_per_pixel", "microns_per_pixel", "micrometers_per_pixel", "um_px",
        "\u03bcm_px", "pixel_size", "pixelsize", "pixel_size_um", "mpp", "resolution", "scale",
    ),
    "sha256": ("sha", "sha_256", "checksum", "hash"),
    "patient": ("group", "groups", "patient_id", "patientid", "subject", "subject_id", "donor", "donor_id"),
}  # fmt: skip
"""Other names of the columns of a manifest, in the form of `_column_key`."""


def check_columns(source: object, present: Sequence[str], required: Sequence[str], optional: Iterable[str]) -> None:
    """Check the column names of a table. Empty names, such as those of trailing commas, are ignored.

    Parameters
    ----------
    source : object
        Name of the table in messages.
    present : sequence of str
        Names of its columns.
    required, optional : str
        Names of the columns that are read.

    Raises
    ------
    BenchError
        A required column is missing, a column occurs twice, or a column differs from one that is read only in case,
        white space, punctuation or Unicode form.
    """
    names = [name for name in present if name]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise BenchError(f"{source}: the column {shortened(twice)!r} occurs twice")
    for name in required:
        if name not in names:
            hint = did_you_mean(name, names)
            raise BenchError(f"{source}: there is no column {name!r}.{hint} Its columns are: {listed(names, 20)}.")
    wanted = {_column_key(name): name for name in (*required, *optional)}
    for name in names:
        meant = wanted.get(_column_key(name), name)
        if meant != name:
            what = f"a second column {meant!r}" if meant in names else f"the column {meant!r} in another spelling"
            raise BenchError(f"{source}: {name!r} looks like {what}; rename it to {meant!r}, or remove it")


def ignored_notice(source: object, present: Iterable[str], wanted: Sequence[str]) -> str | None:
    """Return a notice of ignored columns whose names suggest that they hold what a wanted column would; or None."""
    meaning = {alias: name for name in wanted for alias in _ALIASES.get(name, ())}
    ignored = [name for name in present if name not in wanted and _column_key(name) in meaning]
    if not ignored:
        return None
    names = listed([f"{name!r} (known as {meaning[_column_key(name)]!r})" for name in ignored], 20)
    return f"{source}: columns are ignored: {names}; rename those that should be used"


def _column_key(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name_key(name)).strip("_")
