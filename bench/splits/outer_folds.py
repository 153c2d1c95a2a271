"""The outer folds of a data set, one way to draw them for each `--split`, and what each promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from bench.datasets.held_out import HELD_OUT, SET
from bench.errors import BenchError
from bench.seeds import seed_of
from bench.splits.fold_manifest import NEVER_TESTED, Folds, manifest_of, read_folds
from bench.splits.folds import Indices, PatientKFold

if TYPE_CHECKING:
    from bench.options import Options

DOMINATES = 0.5
"""Share of all cells from which one split unit is told to dominate."""

_NAMED = 5


def outer_folds(table: pd.DataFrame, options: Options) -> Folds:
    """The folds that the options ask for: drawn, the data set's own, or read from `--folds-file`.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit`; `fold` for official folds, `set` for held-out cells.

    Raises
    ------
    BenchError
        As `draw_folds` and `folds_from`; or `--folds` or `--repeats` contradict the folds.
    """
    given, split = options.explicit, options.split
    if options.folds_file is not None:
        folds = folds_from(options.folds_file, table, split=split)
        whose = f"{options.folds_file} holds"
    else:
        folds = draw_folds(table, split=split, folds=options.folds, repeats=options.repeats, seed=options.seed)
        whose = f"--split {split} makes"
    for name, asked, there in (("folds", options.folds, folds.count), ("repeats", options.repeats, folds.repeats)):
        if name in given and asked != there:
            raise BenchError(f"--{name} {asked}: {whose} {there} on these data; leave out --{name}")
    return folds


def draw_folds(table: pd.DataFrame, *, split: str, folds: int = 5, repeats: int = 1, seed: int = 0) -> Folds:
    """The outer folds of a data set; they depend on the patient table, the seed and the repeat alone.

    Parameters
    ----------
    table : DataFrame
        As for `outer_folds`.
    split : {"patient", "image", "official", "official-linked", "lopo", "held-out"}
        `patient`: each split unit is tested once in a repeat. `image`: each cell is, which leaks and shows how much.
        `official`: the folds that came with the data; what leaks in them is listed. `official-linked`: the same, but
        cells of a split unit that is tested are left out of training. `lopo`: each fold tests one split unit.
        `held-out`: one fold tests the cells whose `set` is `held-out`; the others train.
    folds, repeats : int
        For `patient` and `image`; the other splits make their own number of folds, once.
    seed : int
        Root of the draws.

    Raises
    ------
    BenchError
        Too few patients of a class, official folds that are missing or tear a patient apart, no held-out cells, a class
        that a side of a fold lacks, repeats of folds that are not drawn.
    """
    if split in ("patient", "image"):
        drawn = _drawn(table, split, folds, repeats, seed)
    else:
        if repeats > 1:
            raise BenchError(f"--split {split} draws nothing and so has one repeat; leave out --repeats")
        drawn = _UNDRAWN[split](table)
    _check_sides(table, drawn, one_class_tests=split == "lopo")
    return replace(drawn, notices=(*drawn.notices, *_dominating(table)))


def folds_from(path: Path, table: pd.DataFrame, *, split: str) -> Folds:
    """The folds of a file, for a split by patient or by image.

    Parameters
    ----------
    path : Path
        As for `read_folds`.
    table : DataFrame
        As for `outer_folds`.
    split : {"patient", "image"}
        What the folds must hold apart; with `image`, what they tear apart is listed.

    Raises
    ------
    BenchError
        Another split; a patient in two folds of a repeat; a class that a side of a fold lacks; as `read_folds`.
    """
    if split not in ("patient", "image"):
        raise BenchError(f"--folds-file takes the place of drawn folds, and --split {split} draws none; leave one out")
    folds = read_folds(path, table)
    if split == "patient":
        for repeat, part in folds.table.groupby("repeat", sort=True):
            torn = _torn(part, "unit")
            if torn:
                raise BenchError(
                    f"{path}: repeat {repeat} has {_units(torn)} in several folds, such as {_where(part, torn[0])}; "
                    "linked patients are one split unit and lie in one fold"
                )
    else:
        folds = replace(folds, violations=_violations(folds.table))
    _check_sides(table, folds, one_class_tests=False, file=path)
    return replace(folds, notices=(*folds.notices, *_dominating(table)))


def _drawn(table: pd.DataFrame, split: str, folds: int, repeats: int, seed: int) -> Folds:
    y, units = table["label"].to_numpy().astype(str), table["unit"].to_numpy().astype(str)
    assigned: dict[int, Indices] = {}
    for repeat in range(repeats):
        drawn_with = seed_of("folds", seed, repeat)
        if split == "patient":
            assigned[repeat] = PatientKFold(folds, random_state=drawn_with).assign(y, units)
        else:
            _check_cells(y, folds)
            assigned[repeat] = np.empty(len(y), dtype=np.intp)
            splitter = StratifiedKFold(folds, shuffle=True, random_state=drawn_with)
            for fold, (_, test) in enumerate(splitter.split(y, y)):
                assigned[repeat][test] = fold
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
    told = f"{lost} training cells are left out in all ({each})" if lost else "no training cell is left out"
    across = len(_torn(manifest, "unit"))
    why = f"{across} split units of linked patients lie in several official folds" if across else "no link crosses them"
    return replace(folds, notices=(f"official folds, links held apart: {told}; {why}",))


def _leave_one_out(table: pd.DataFrame) -> Folds:
    units, fold = np.unique(table["unit"].to_numpy().astype(str), return_inverse=True)
    per_class = table.groupby("label")["unit"].nunique()
    if per_class.min() < 3:
        scarce = per_class.idxmin()
        raise BenchError(
            f"--split lopo needs 3 patients of each class, one that is tested and two for inner folds (linked patients "
            f"count once), but {scarce} has {per_class.min()}"
        )
    pure = table.groupby("unit")["label"].nunique().max() == 1
    return Folds(manifest_of(table, {0: fold}), notices=(_NO_AUROC.format(count=len(units)),) if pure else ())


_NO_AUROC = (
    "leave-one-patient-out has no AUROC: each of its {count} models tests cells of one class, and pairs across models "
    "are biased, since leaving a patient out lowers the share of its class in training (a classifier that knows these "
    "shares alone would score exactly 0, at the threshold too); read the metrics at the threshold"
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
        raise BenchError("official folds need a data set that comes with folds (a column `fold`); use --split patient")
    names, assigned = np.unique(table["fold"].to_numpy().astype(str), return_inverse=True)
    if len(names) < 2:
        raise BenchError(f"official folds must be at least two; here is only {str(names[0])!r}")
    manifest = manifest_of(table, {0: assigned})
    torn = _torn(manifest, "patient")
    if torn:
        named = table.assign(number=manifest["fold"].to_numpy())
        listed = "\n".join(f"  {_pair(named[named['patient'] == patient])}" for patient in torn[:_NAMED])
        more = f"\n  and {len(torn) - _NAMED} more" if len(torn) > _NAMED else ""
        raise BenchError(
            f"{len(torn)} patient{'s' if len(torn) > 1 else ''} with cells in several official folds, which "
            f"are then no folds of patients:\n{listed}{more}\nMend the folds, or use --split patient."
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
                    "side, so nothing can be told there; other folds are needed"
                )


def _dominating(table: pd.DataFrame) -> Iterator[str]:
    cells = table.groupby("unit").size()
    share = cells.max() / len(table)
    if share > DOMINATES:
        yield (
            f"{cells.idxmax()} holds {100 * share:.0f} % of the cells: the fold that tests it trains on few; "
            "patient-weighted metrics give it the weight of one patient, cell-level ones tell of little else"
        )


def _violations(manifest: pd.DataFrame) -> tuple[str, ...]:
    found = []
    first = manifest[manifest["repeat"] == manifest["repeat"].min()]
    linked = not first["unit"].equals(first["patient"])
    columns = [("patient", "patients"), *([("unit", "split units (linked patients are one)")] if linked else [])]
    for column, word in columns:
        torn = _torn(first, column)
        if torn:
            found.append(f"{len(torn)} of {first[column].nunique()} {word} lie in several folds, such as {torn[0]}")
    return tuple(found)


def _torn(manifest: pd.DataFrame, column: str) -> list[str]:
    """Patients or units whose cells lie in several folds of one repeat."""
    folds = manifest.groupby(column)["fold"].nunique()
    return [str(name) for name in folds.index[folds > 1]]


def _units(torn: list[str]) -> str:
    return f"{len(torn)} split unit{'s' if len(torn) > 1 else ''}"


def _where(manifest: pd.DataFrame, unit: str) -> str:
    lying = manifest[manifest["unit"] == unit].drop_duplicates("fold")
    return f"{unit} ({', '.join(f'{r.patient} in fold {r.fold}' for r in lying.itertuples())})"


def _pair(cells: pd.DataFrame) -> str:
    """A patient's first cell in each official fold."""
    first = cells.drop_duplicates("fold")
    each = ", ".join(f"{row.cell} in fold {row.fold}" for row in first.itertuples())
    return f"patient {cells['patient'].iloc[0]}: {each}"


def _check_cells(y: npt.NDArray[Any], folds: int) -> None:
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < folds:
        raise BenchError(
            f"{folds} folds need {folds} cells of each class, but {classes[counts.argmin()]} has {counts.min()}"
        )
