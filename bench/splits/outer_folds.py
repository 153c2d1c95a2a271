"""Outer folds of a dataset for each value of `--split`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from bench.datasets.held_out import HELD_OUT, SET
from bench.errors import BenchError
from bench.splits.fold_manifest import NEVER_TESTED, Folds, manifest_of, read_folds
from bench.splits.folds import Indices, PatientKFold, fold_numbers
from extractors.seeds import seed_of

if TYPE_CHECKING:
    from bench.options import Options

DOMINATES = 0.5
"""Share of all cells above which a split unit is reported as dominating."""

AUTO_REPEATS = 5
"""Number of repeats of drawn folds with `--repeats auto`."""

_DRAWN = ("patient", "image")
_MAX_NAMED = 5


def outer_folds(table: pd.DataFrame, options: Options) -> Folds:
    """Create the folds requested by the options: drawn, official, or read from `--folds-file`.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit`; `fold` for official folds, `set` for held-out cells.

    Raises
    ------
    BenchError
        As `draw_folds` and `folds_from`, or if `--folds` or `--repeats` contradicts the folds.
    """
    explicit, split = options.explicit, options.split
    repeats = auto_repeats(options) if options.repeats == "auto" else options.repeats
    if options.folds_file is not None:
        with options.located("folds_file"):
            folds = folds_from(options.folds_file, table, split=split)
        source = f"{options.folds_file} has"
    else:
        folds = draw_folds(table, split=split, folds=options.folds, repeats=repeats, seed=options.seed)
        source = f"--split {split} makes"
    for name, requested, actual in (("folds", options.folds, folds.count), ("repeats", options.repeats, folds.repeats)):
        if name in explicit and requested not in (actual, "auto"):
            raise BenchError(f"--{name} {requested}: {source} {actual} on these data; omit --{name}")
    return folds


def auto_repeats(options: Options) -> int:
    """Return the number of repeats with `--repeats auto`: several of drawn folds, one of all others."""
    return AUTO_REPEATS if options.split in _DRAWN and options.folds_file is None else 1


def draw_folds(table: pd.DataFrame, *, split: str, folds: int = 5, repeats: int = 1, seed: int = 0) -> Folds:
    """Draw the outer folds of a dataset; they depend on the patient table, the seed and the repeat only.

    Parameters
    ----------
    table : DataFrame
        As for `outer_folds`.
    split : {"patient", "image", "official", "official-linked", "lopo", "held-out"}
        `patient`: each split unit is tested once per repeat. `image`: each cell is, which leaks patients.
        `official`: the folds of the dataset; leakage in them is listed. `official-linked`: the same, but cells of
        split units in the test fold are removed from training. `lopo`: each fold tests one split unit. `held-out`: one
        fold tests the cells whose `set` is `held-out`; the others are used for training.
    folds, repeats : int
        For `patient` and `image`; the other splits determine their number of folds and have one repeat.
    seed : int
        Random seed.

    Raises
    ------
    BenchError
        Too few patients of a class, official folds that are missing or divide a patient, no held-out cells, a class
        missing on a side of a fold, or repeats of folds that are not drawn.
    """
    if split in _DRAWN:
        drawn = _drawn(table, split, folds, repeats, seed)
    else:
        if repeats > 1:
            raise BenchError(f"--split {split} is not random and has one repeat; omit --repeats")
        drawn = _UNDRAWN[split](table)
    _check_sides(table, drawn, one_class_tests=split == "lopo")
    return replace(drawn, notices=(*drawn.notices, *_dominating(table)))


def folds_from(path: Path, table: pd.DataFrame, *, split: str) -> Folds:
    """Read the folds of a file, for a split by patient or by image.

    Parameters
    ----------
    path : Path
        Manifest, as for `read_folds`.
    table : DataFrame
        As for `outer_folds`.
    split : {"patient", "image"}
        `patient`: folds must not divide split units. `image`: divided units are listed as violations.

    Raises
    ------
    BenchError
        Another split, a split unit in two folds of a repeat, or a class missing on a side of a fold; as `read_folds`.
    """
    if split not in _DRAWN:
        raise BenchError(f"--folds-file replaces random folds, but --split {split} is not random; omit one of them")
    folds = read_folds(path, table)
    if split == "patient":
        for repeat, part in folds.table.groupby("repeat", sort=True):
            divided = _divided(part, "unit")
            if divided:
                units = f"{len(divided)} split unit{'s' if len(divided) > 1 else ''}"
                raise BenchError(
                    f"{path}: repeat {repeat} has {units} in several folds, such as {divided[0]} "
                    f"({_in_each_fold(part[part['unit'] == divided[0]], 'patient')}); linked patients are one split "
                    "unit and must be in one fold"
                )
    else:
        folds = replace(folds, violations=_violations(folds.table))
    _check_sides(table, folds, one_class_tests=False, file=path)
    return replace(folds, notices=(*folds.notices, *_dominating(table)))


def _drawn(table: pd.DataFrame, split: str, folds: int, repeats: int, seed: int) -> Folds:
    y, units = table["label"].to_numpy().astype(str), table["unit"].to_numpy().astype(str)
    assigned: dict[int, Indices] = {}
    for repeat in range(repeats):
        random_state = seed_of("folds", seed, repeat)
        if split == "patient":
            assigned[repeat] = PatientKFold(folds, random_state=random_state).assign(y, units)
        else:
            classes, counts = np.unique(y, return_counts=True)
            if counts.min() < folds:
                scarce = f"{classes[counts.argmin()]} has {counts.min()}"
                raise BenchError(f"{folds} folds need {folds} cells of each class, but {scarce}")
            splitter = StratifiedKFold(folds, shuffle=True, random_state=random_state)
            assigned[repeat] = fold_numbers(splitter.split(y, y), len(y))
    manifest = manifest_of(table, assigned)
    return Folds(manifest, _violations(manifest) if split == "image" else ())


def _official(table: pd.DataFrame) -> Folds:
    manifest = _official_manifest(table)
    return Folds(manifest, _violations(manifest))


def _official_linked(table: pd.DataFrame) -> Folds:
    manifest = _official_manifest(table)
    folds = Folds(manifest, leaves_out=True)
    without = [(fold, len(table) - len(train) - len(test)) for _, fold, train, test in folds.splits()]
    lost = sum(count for _, count in without)
    each = ", ".join(f"{count} in fold {fold}" for fold, count in without)
    removed = f"{lost} training cells are removed in total ({each})" if lost else "no training cell is removed"
    across = len(_divided(manifest, "unit"))
    why = f"{across} split units of linked patients are in several official folds" if across else "no link crosses them"
    return replace(folds, notices=(f"official folds without leakage of linked patients: {removed}; {why}",))


def _leave_one_out(table: pd.DataFrame) -> Folds:
    units, fold = np.unique(table["unit"].to_numpy().astype(str), return_inverse=True)
    per_class = table.groupby("label")["unit"].nunique()
    if per_class.min() < 3:
        scarce = per_class.idxmin()
        raise BenchError(
            f"--split lopo needs 3 patients of each class, one for testing and two for inner folds (linked patients "
            f"count once), but {scarce} has {per_class.min()}"
        )
    pure = table.groupby("unit")["label"].nunique().max() == 1
    return Folds(manifest_of(table, {0: fold}), notices=(_NO_AUROC.format(count=len(units)),) if pure else ())


_NO_AUROC = (
    "leave-one-patient-out has no AUROC: each of its {count} models is tested on cells of one class, and pairs across "
    "models are biased, because leaving out a patient lowers the share of its class in training (a classifier that "
    "predicts these shares would score exactly 0, also at the threshold); use the metrics at the threshold"
)


def _held_out(table: pd.DataFrame) -> Folds:
    if SET not in table:
        raise BenchError("--split held-out needs held-out cells: --held-out PATH, or a manifest with a column `set`")
    held = table[SET].to_numpy() == HELD_OUT
    return Folds(manifest_of(table, {0: np.where(held, 0, NEVER_TESTED)}))


_UNDRAWN: dict[str, Callable[[pd.DataFrame], Folds]] = {
    "official": _official,
    "official-linked": _official_linked,
    "lopo": _leave_one_out,
    "held-out": _held_out,
}


def _official_manifest(table: pd.DataFrame) -> pd.DataFrame:
    if "fold" not in table or table["fold"].isna().any():
        raise BenchError("official folds need a dataset with folds (a column `fold`); use --split patient")
    names, assigned = np.unique(table["fold"].to_numpy().astype(str), return_inverse=True)
    if len(names) < 2:
        raise BenchError(f"at least two official folds are needed; the only one is {str(names[0])!r}")
    manifest = manifest_of(table, {0: assigned})
    divided = _divided(manifest, "patient")
    if divided:
        named = table.assign(number=manifest["fold"].to_numpy())
        listed = "\n".join(
            f"  patient {patient}: {_in_each_fold(named[named['patient'] == patient], 'cell')}"
            for patient in divided[:_MAX_NAMED]
        )
        more = f"\n  and {len(divided) - _MAX_NAMED} more" if len(divided) > _MAX_NAMED else ""
        raise BenchError(
            f"{len(divided)} patient{'s' if len(divided) > 1 else ''} with cells in several official folds, which "
            f"are therefore not grouped by patient:\n{listed}{more}\nCorrect the folds, or use --split patient."
        )
    return manifest


def _check_sides(table: pd.DataFrame, folds: Folds, *, one_class_tests: bool, file: Path | None = None) -> None:
    classes, label = np.unique(table["label"].to_numpy().astype(str), return_inverse=True)
    for repeat, fold, train, test in folds.splits():
        for side, rows in (("training", train), *((("test", test),) if not one_class_tests else ())):
            missing = np.bincount(label[rows], minlength=len(classes)) == 0
            if missing.any():
                where = f"{file}: " if file is not None else ""
                raise BenchError(
                    f"{where}fold {fold} of repeat {repeat} has no cell of {', '.join(classes[missing])} on its {side} "
                    "side; use other folds"
                )


def _dominating(table: pd.DataFrame) -> Iterator[str]:
    cells = table.groupby("unit").size()
    share = cells.max() / len(table)
    if share > DOMINATES:
        yield (
            f"{cells.idxmax()} has {100 * share:.0f} % of the cells: the fold that tests it has few training cells; "
            "patient-weighted metrics give it the weight of one patient, cell-level ones mostly reflect this patient"
        )


def _violations(manifest: pd.DataFrame) -> tuple[str, ...]:
    messages = []
    first = manifest[manifest["repeat"] == manifest["repeat"].min()]
    linked = not first["unit"].equals(first["patient"])
    columns = {"patient": "patients"} | ({"unit": "split units (linked patients are one)"} if linked else {})
    for column, word in columns.items():
        if divided := _divided(first, column):
            counts = f"{len(divided)} of {first[column].nunique()} {word}"
            messages.append(f"{counts} are in several folds, such as {divided[0]}")
    return tuple(messages)


def _divided(manifest: pd.DataFrame, column: str) -> list[str]:
    """Patients or units with cells in several folds of one repeat."""
    folds = manifest.groupby(column)["fold"].nunique()
    return [str(name) for name in folds.index[folds > 1]]


def _in_each_fold(rows: pd.DataFrame, column: str) -> str:
    """Name the first patient or cell of the rows in each fold."""
    first = rows.drop_duplicates("fold")
    return ", ".join(f"{name} in fold {fold}" for name, fold in zip(first[column], first["fold"], strict=True))
