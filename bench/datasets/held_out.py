"""Training and held-out cells in one table, with checks that they share no patient and no image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from bench.datasets.canonical_names import known_spelling, matched_notice
from bench.datasets.canonical_table import with_canonical_names
from bench.datasets.classes import positive_class, with_positive_class
from bench.datasets.duplicates import identical
from bench.datasets.names import listed
from bench.datasets.table import Dataset, Grouping
from bench.errors import BenchError

SET = "set"
TRAIN, HELD_OUT = "train", "held-out"

_MAX_NAMES = 5
_WEAKER: Sequence[Grouping] = ("patient", "unit", "block")
"""Groupings of cells; two sets together have the later one."""
_PREFIX = re.compile(r"^\D*0*(?=\d)")


class NoHeldOutCellsError(BenchError):
    """A dataset has no held-out cells."""


def joined_sets(train: Dataset, held_out: Dataset) -> Dataset:
    """Join a training and a held-out dataset; the column `set` holds the set of each cell, training cells come first.

    The reader is that of both, or `TRAINING+HELD_OUT`.
    Official folds are dropped, since they are not used with a held-out set. If the two share a cell name, all held-out
    names get the prefix `held-out/`.

    Raises
    ------
    BenchError
        They show the same cells, one of them already has a held-out set, or their classes or positive classes differ.
    """
    _check_families(train, held_out)
    for dataset, option in ((train, "--data"), (held_out, "--held-out")):
        if SET in dataset.table:
            raise BenchError(
                f"{option} {dataset.name} has a column `set` that names its own held-out cells; pass it as --data "
                "alone, with --split held-out"
            )
    held_out = _with_labels_of(held_out, train)
    if train.classes != held_out.classes:
        raise BenchError(
            f"the held-out cells have the classes {listed(held_out.classes, 20)}, those of --data have "
            f"{listed(train.classes, 20)}; use the same labels in both"
        )
    if train.positive != held_out.positive:
        raise BenchError(
            f"the positive class is {train.positive!r} in --data and {held_out.positive!r} in --held-out; "
            "set one with --positive"
        )
    tables = [
        dataset.table.drop(columns="fold", errors="ignore").assign(**{SET: name})
        for dataset, name in ((train, TRAIN), (held_out, HELD_OUT))
    ]
    if "block" in (train.grouping, held_out.grouping):
        tables[1] = tables[1].assign(
            patient=f"{HELD_OUT} " + tables[1]["patient"], unit=f"{HELD_OUT} " + tables[1]["unit"]
        )
    if set(tables[0]["cell"]) & set(tables[1]["cell"]):
        tables[1] = tables[1].assign(cell=f"{HELD_OUT}/" + tables[1]["cell"])
    joined = pd.concat(tables, ignore_index=True).astype("str")
    notices = tuple(dict.fromkeys((*train.notices, *held_out.notices)))
    reader = train.reader if train.reader == held_out.reader else f"{train.reader}+{held_out.reader}"
    grouping = max(train.grouping, held_out.grouping, key=_WEAKER.index)
    name = f"{train.name} | {held_out.name}"
    both = replace(train, name=name, table=joined, notices=notices, reader=reader, grouping=grouping)
    return with_canonical_names(both)


def _check_families(train: Dataset, held_out: Dataset) -> None:
    if train.family is not None and train.family == held_out.family and train.name != held_out.name:
        raise BenchError(
            f"--held-out {held_out.name} and --data {train.name} show the same cells ({train.family}): a model of one "
            "is never tested on the other"
        )


def _with_labels_of(held_out: Dataset, train: Dataset) -> Dataset:
    spelling = known_spelling(held_out.classes, train.classes)
    if not spelling:
        return held_out
    table = held_out.table.assign(label=held_out.table["label"].replace(spelling))
    notice = matched_notice(spelling, f"labels of --held-out {held_out.name}")
    _, assumed = positive_class(held_out.classes, held_out.options.positive, None)
    notices = tuple(text for text in (*held_out.notices, notice) if text is not None and text != assumed)
    if assumed in held_out.notices:
        respelled = replace(held_out, table=table, positive=None, notices=notices)
        return with_positive_class(respelled, held_out.name)
    positive = None if held_out.positive is None else spelling.get(held_out.positive, held_out.positive)
    return replace(held_out, table=table, positive=positive, notices=notices)


def with_sets_of_split(dataset: Dataset, split: str) -> Dataset:
    """Select the cells that a split uses: both sets for `held-out`, otherwise the training cells.

    Raises
    ------
    BenchError
        The split is `held-out` and the dataset has no held-out cells or the sets are invalid; the training cells have
        fewer than two classes.
    """
    if split == "held-out":
        if SET not in dataset.table:
            raise NoHeldOutCellsError(
                f"--split held-out: {dataset.name} has no held-out cells; pass them as --held-out PATH, or in a column "
                "`set` of a manifest"
            )
        return with_patients_apart(replace(dataset, table=dataset.table.drop(columns="fold", errors="ignore")))
    return training_set(dataset) if SET in dataset.table else dataset


def training_set(dataset: Dataset) -> Dataset:
    """Drop the held-out cells and add a notice.

    Raises
    ------
    BenchError
        The training cells have fewer than two classes.
    """
    held = dataset.table[SET] == HELD_OUT
    notice = f"{int(held.sum())} held-out cells are left out; --split held-out evaluates on them"
    table = dataset.table[~held].drop(columns=SET).reset_index(drop=True)
    training = replace(dataset, table=table, notices=(*dataset.notices, notice))
    return with_positive_class(training, f"{dataset.name}, without its held-out cells,")


def with_patients_apart(dataset: Dataset) -> Dataset:
    """Check that no patient is in both sets; add a notice of ids that differ only by prefix between them.

    Raises
    ------
    BenchError
        A patient has cells in both sets, or a set lacks a class.
    """
    held_out = dataset.table[SET] == HELD_OUT
    train, held = dataset.table[~held_out], dataset.table[held_out]
    both = sorted(set(train["patient"]) & set(held["patient"]))
    if both:
        what = "patient" if dataset.grouping == "patient" else "split unit"
        raise BenchError(
            f"{len(both)} {what}{'s' if len(both) > 1 else ''} with cells in both the training and the held-out set: "
            f"{listed(both)}; a {what} belongs to one set. If two of them share an id, rename one."
        )
    for part, name in ((train, "training"), (held, "held-out")):
        missing = sorted(set(dataset.classes) - set(part["label"]))
        if missing:
            raise BenchError(f"{dataset.name}: the {name} set has no cell of {listed(missing, 20)}")
    similar = list(_similar_ids(train, held)) if dataset.grouping == "patient" else []
    if not similar:
        return dataset
    notice = (
        f"patient ids that differ only by prefix between the training and the held-out set are treated as "
        f"different patients: {listed(similar)}"
    )
    return replace(dataset, notices=(*dataset.notices, notice))


def check_images_apart(dataset: Dataset, pictures: pd.Series) -> None:
    """Check that no image, in any orientation, and no linked patients are in both sets.

    Parameters
    ----------
    dataset : Dataset
        Table of cells; without the column `set`, nothing is checked.
    pictures : Series of str
        Orientation-independent digest of each cell's pixels, indexed like the table.

    Raises
    ------
    BenchError
        Names pairs of cells, or of patients.
    """
    if SET not in dataset.table:
        return
    groups = [dataset.table.loc[rows] for rows in identical(pictures)]
    across = [group for group in groups if group[SET].nunique() > 1]
    if across:
        pairs = "\n".join(f"  {_pair(group)}" for group in across[:_MAX_NAMES])
        more = f"\n  and {len(across) - _MAX_NAMES} more" if len(across) > _MAX_NAMES else ""
        raise BenchError(
            f"{len(across)} image{'s are' if len(across) > 1 else ' is'} in both the training and the held-out set:\n"
            f"{pairs}{more}\nRemove the patients from one of them."
        )
    sets = dataset.table.groupby("unit")[SET].nunique()
    linked = [str(unit) for unit in sets.index[sets > 1]]
    if linked:
        raise BenchError(
            f"linked patients are in both the training and the held-out set: {listed(linked)}; remove them from one"
        )


def _similar_ids(train: pd.DataFrame, held: pd.DataFrame) -> Iterator[str]:
    of_core: dict[str, list[str]] = {}
    for patient in sorted(set(train["patient"])):
        of_core.setdefault(_core(patient), []).append(patient)
    for patient in sorted(set(held["patient"])):
        for other in of_core.get(_core(patient), []):
            yield f"{other} and {patient}"


def _core(patient: str) -> str:
    """Return the id in lower case, without the prefix of its first number: `H011` and `11` have the same core."""
    return _PREFIX.sub("", patient.casefold())


def _pair(group: pd.DataFrame) -> str:
    first = group.drop_duplicates(SET)
    return " and ".join(f"{row.cell} (patient {row.patient}, {getattr(row, SET)})" for row in first.itertuples())
