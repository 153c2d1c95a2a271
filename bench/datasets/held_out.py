"""Two sets of cells: those that train and those that are held out, joined into one table and kept apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from bench.datasets.classes import check_classes, positive_class
from bench.datasets.duplicates import identical
from bench.datasets.table import Dataset
from bench.errors import BenchError

SET = "set"
TRAIN, HELD_OUT = "train", "held-out"

_NAMED = 5
_PREFIX = re.compile(r"^\D*0*(?=\d)")


def joined_sets(train: Dataset, held_out: Dataset) -> Dataset:
    """One data set whose column `set` says which cells train and which are held out; the training cells come first.

    Official folds are left out, since they play no part beside a held-out set. Where cells of the two share a name, all
    held-out names get `held-out/` in front.

    Raises
    ------
    BenchError
        One of them has a set held out already; their classes or positive classes differ.
    """
    for dataset, option in ((train, "--data"), (held_out, "--held-out")):
        if SET in dataset.table:
            raise BenchError(
                f"{option} {dataset.name} has a column `set` that names its own held-out cells; give it as --data "
                "alone, with --split held-out"
            )
    if train.classes != held_out.classes:
        raise BenchError(
            f"the held-out cells are of the classes {', '.join(held_out.classes)}, those of --data of "
            f"{', '.join(train.classes)}; give both the same labels"
        )
    if train.positive != held_out.positive:
        raise BenchError(
            f"the positive class is {train.positive!r} in --data and {held_out.positive!r} in --held-out; "
            "name one with --positive"
        )
    tables = [
        dataset.table.drop(columns="fold", errors="ignore").assign(**{SET: name})
        for dataset, name in ((train, TRAIN), (held_out, HELD_OUT))
    ]
    if set(tables[0]["cell"]) & set(tables[1]["cell"]):
        tables[1] = tables[1].assign(cell=f"{HELD_OUT}/" + tables[1]["cell"])
    joined = pd.concat(tables, ignore_index=True).astype("str")
    notices = tuple(dict.fromkeys((*train.notices, *held_out.notices)))
    return replace(train, name=f"{train.name} | {held_out.name}", table=joined, notices=notices)


def training_set(dataset: Dataset) -> Dataset:
    """The data set without its held-out cells, and a notice that says so.

    Raises
    ------
    BenchError
        The cells that train are of fewer than two classes.
    """
    held = dataset.table[SET] == HELD_OUT
    table = dataset.table[~held].drop(columns=SET).reset_index(drop=True)
    classes = check_classes(table["label"], f"{dataset.name}, without its held-out cells,")
    positive, assumed = positive_class(classes, dataset.options.positive, dataset.positive)
    notices = [f"{int(held.sum())} held-out cells are left out, a track of their own: --split held-out reads them"]
    if assumed:
        notices.append(assumed)
    return replace(dataset, table=table, positive=positive, notices=(*dataset.notices, *notices))


def with_patients_apart(dataset: Dataset) -> Dataset:
    """The data set, with a notice of the patient ids that differ only by case or prefix between the two sets.

    Raises
    ------
    BenchError
        A patient has cells in both sets; one of the two sets lacks a class.
    """
    train, held = _parts(dataset)
    both = sorted(set(train["patient"]) & set(held["patient"]))
    if both:
        raise BenchError(
            f"{len(both)} patient{'s' if len(both) > 1 else ''} with cells in both the training and the held-out set: "
            f"{_some(both)}; a patient lies on one side. Where two people share an id, tell them apart in it."
        )
    for part, name in ((train, "training"), (held, "held-out")):
        missing = sorted(set(dataset.classes) - set(part["label"]))
        if missing:
            raise BenchError(f"{dataset.name}: the {name} set has no cell of {', '.join(missing)}")
    alike = list(_alike(train, held))
    if not alike:
        return dataset
    notice = (
        f"patient ids that differ only by case or prefix between the training and the held-out set are taken as "
        f"different people: {_some(alike)}"
    )
    return replace(dataset, notices=(*dataset.notices, notice))


def check_images_apart(dataset: Dataset, pictures: pd.Series) -> None:
    """Stop where an image, as it is or turned or mirrored, lies in both sets, or patients of both are linked.

    Parameters
    ----------
    dataset : Dataset
        With the column `set`.
    pictures : Series of str
        Digest of each cell's pixels that its turned and mirrored copies share, index as in the table.

    Raises
    ------
    BenchError
        Names pairs of cells, or of patients.
    """
    groups = [dataset.table.loc[rows] for rows in identical(pictures)]
    across = [group for group in groups if group[SET].nunique() > 1]
    if across:
        pairs = "\n".join(f"  {_pair(group)}" for group in across[:_NAMED])
        more = f"\n  and {len(across) - _NAMED} more" if len(across) > _NAMED else ""
        raise BenchError(
            f"{len(across)} image{'s lie' if len(across) > 1 else ' lies'} in both the training and the held-out set:\n"
            f"{pairs}{more}\nTake the patients out of one of them."
        )
    sets = dataset.table.groupby("unit")[SET].nunique()
    linked = [str(unit) for unit in sets.index[sets > 1]]
    if linked:
        raise BenchError(
            f"linked patients lie in both the training and the held-out set: {_some(linked)}; take them out of one"
        )


def _parts(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    held = dataset.table[SET] == HELD_OUT
    return dataset.table[~held], dataset.table[held]


def _alike(train: pd.DataFrame, held: pd.DataFrame) -> Iterator[str]:
    of_core: dict[str, list[str]] = {}
    for patient in sorted(set(train["patient"])):
        of_core.setdefault(_core(patient), []).append(patient)
    for patient in sorted(set(held["patient"])):
        for other in of_core.get(_core(patient), []):
            yield f"{other} and {patient}"


def _core(patient: str) -> str:
    """An id in lower case, without what stands before its first number: `H011` and `11` share it."""
    return _PREFIX.sub("", patient.casefold())


def _pair(group: pd.DataFrame) -> str:
    first = group.drop_duplicates(SET)
    return " and ".join(f"{row.cell} (patient {row.patient}, {getattr(row, SET)})" for row in first.itertuples())


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
