"""The cells and folds of the authors' protocol of a recipe, on any dataset of two classes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from bench.datasets.loading import LoadedDataset
from bench.errors import BenchError
from bench.recipes.cell_rows import is_held_out, rows_of, training_cells, with_copies
from bench.recipes.recipe import LEAKS, AuthorsProtocol, CellRule, Part
from bench.splits.fold_manifest import NEVER_TESTED, VALIDATION, Folds, manifest_of
from bench.splits.folds import Indices, PatientKFold, fold_numbers
from bench.statistics.arrays import Flags, Values
from extractors.networks.training.holdout import patient_holdout
from extractors.seeds import seed_of

UNUSED = -9
"""Number in place of a fold for cells that the authors did not use."""

_FOLD_OF_PART = {"training": NEVER_TESTED, "validation": VALIDATION, "test": 0}


@dataclass(frozen=True)
class AuthorsData:
    """What the authors evaluated on.

    Parameters
    ----------
    opened : LoadedDataset
        The cells that they used, with copies.
    folds : Folds
        One fold, or the folds of a cross-validation; its violations are the leaks.
    split : {"image", "patient", "held-out"}
        As `--split`: how cells and patients are separated.
    shortened : tuple of str
        Counts that the dataset does not have and how they were scaled.
    """

    opened: LoadedDataset
    folds: Folds
    split: str
    shortened: tuple[str, ...] = ()


def authors_data(
    opened: LoadedDataset, protocol: AuthorsProtocol, *, part: Part = "test", without: Collection[str] = ()
) -> AuthorsData:
    """Apply the protocol of the authors to a dataset.

    Parameters
    ----------
    opened : LoadedDataset
        Dataset; with held-out patients, its table has the column `set`.
    protocol : AuthorsProtocol
        Protocol of the recipe.
    part : {"validation", "test"}
        Scored part. Without a test part it is the validation part.
    without : collection of str
        Leaks that are removed (`LEAKS`): copies are added to the training cells only; the epoch and the threshold are
        chosen on inner folds; test cells are halved by patient; parts and folds are drawn by patient.

    Raises
    ------
    BenchError
        The dataset has not two classes or too few cells or patients, or the protocol scores held-out patients and the
        dataset has none.
    """
    return _Design(opened, protocol, part, frozenset(without)).data()


class _Design:
    def __init__(self, opened: LoadedDataset, protocol: AuthorsProtocol, part: Part, without: frozenset[str]) -> None:
        self.protocol, self.without = protocol, without
        self.leaks = tuple(leak for leak in protocol.leaks(part) if leak not in without)
        dataset = opened.dataset
        if dataset.positive is None:
            raise BenchError(
                f"{dataset.name}: recipes need two classes, one of them positive; it has {dataset.classes}"
            )
        self.positive = dataset.positive
        held_out = is_held_out(dataset.table)
        uses_held_out = protocol.held_out is not None and part == "test"
        if uses_held_out and not held_out.any():
            raise BenchError("no held-out data")
        self.opened = opened if uses_held_out else training_cells(opened)
        self.scores_held_out = uses_held_out
        self.by_image = protocol.split == "image" and "images" not in without
        self.shortened: tuple[str, ...] = ()

    def data(self) -> AuthorsData:
        """Add copies, assign the parts and drop unused cells."""
        copies, opened = self.protocol.copies, self.opened
        before = copies is not None and "copies" not in self.without
        if before:
            opened = self._copied(opened, np.flatnonzero(~is_held_out(opened.dataset.table)))[0]
        fold = self._assigned(opened)
        if copies is not None and not before:
            opened, origin = self._copied(opened, np.flatnonzero(fold == NEVER_TESTED))
            fold = np.concatenate([fold, np.full(len(origin), NEVER_TESTED)])
        used = np.flatnonzero(fold != UNUSED)
        opened, fold = rows_of(opened, used), fold[used]
        folds = Folds(
            manifest_of(opened.dataset.table, {0: fold}),
            published=True,
            violations=tuple(LEAKS[leak] for leak in self.leaks),
            chosen_on_test="epoch" in self.leaks or "threshold" in self.leaks,
        )
        return AuthorsData(opened, folds, self._split(fold), self.shortened)

    def _split(self, fold: Indices) -> str:
        if self.by_image and (not self.scores_held_out or (fold == VALIDATION).any()):
            return "image"
        return "held-out" if self.scores_held_out else "patient"

    def _copied(self, opened: LoadedDataset, rows: Indices) -> tuple[LoadedDataset, Indices]:
        copies = self.protocol.copies
        assert copies is not None  # noqa: S101 (checked by the caller)
        if copies.label is not None:
            rows = rows[self._roles(opened)[rows] == copies.label]
        return with_copies(opened, rows, per_cell=copies.per_cell, seed=self.protocol.seed)

    def _roles(self, opened: LoadedDataset) -> Values:
        return np.where(opened.dataset.table["label"] == self.positive, "positive", "negative")

    def _assigned(self, opened: LoadedDataset) -> Indices:
        """Return the fold of each cell, of `bench.splits.fold_manifest`, or `UNUSED`."""
        table, protocol = opened.dataset.table, self.protocol
        held_out = is_held_out(table)
        rows, fold = np.flatnonzero(~held_out), np.full(len(table), NEVER_TESTED)
        y, units = table["label"].to_numpy().astype(str), table["unit"].to_numpy().astype(str)
        if protocol.folds is not None:
            fold[rows] = self._folds(y[rows], units[rows])
        elif protocol.cells:
            fold[rows] = self._by_rules(table.iloc[rows], self._roles(opened)[rows])
        elif protocol.validation or protocol.test:
            fold[rows] = self._shares(y[rows], units[rows])
        if self.scores_held_out:
            test = np.flatnonzero(held_out)
            fold[test] = self._halves(y[test], units[test]) if protocol.held_out == "halves" else 0
        elif not (fold >= 0).any():
            # The validation part is scored.
            fold[fold == VALIDATION] = 0
        return fold

    def _folds(self, y: Values, units: Values) -> Indices:
        count, seed = self.protocol.folds or 0, self.protocol.seed
        if not self.by_image:
            return PatientKFold(count, random_state=seed_of("authors", seed)).assign(y, units)
        kind = StratifiedKFold if self.protocol.stratified else KFold
        return fold_numbers(kind(count, shuffle=True, random_state=seed).split(y, y), len(y))

    def _shares(self, y: Values, units: Values) -> Indices:
        """Draw the validation and the test part; the validation part is drawn from what the test part leaves."""
        fold, left = np.full(len(y), NEVER_TESTED), np.arange(len(y))
        for name, share in (("test", self.protocol.test), ("validation", self.protocol.validation)):
            if share is None:
                continue
            left, drawn = self._drawn(left, y, units, share)
            fold[drawn] = _FOLD_OF_PART[name]
        return fold

    def _drawn(self, left: Indices, y: Values, units: Values, share: float) -> tuple[Indices, Indices]:
        """Divide rows into the rest and a part with a share of all cells, or of the patients of each class."""
        if not self.by_image:
            fraction = share * len(np.unique(units)) / len(np.unique(units[left]))
            rest, drawn = patient_holdout(y[left], units[left], fraction=fraction, seed=self.protocol.seed)
            return left[rest], left[drawn]
        count = max(1, int(share * len(y)))
        strata = y[left] if self.protocol.stratified else None
        try:
            rest, drawn = train_test_split(left, test_size=count, random_state=self.protocol.seed, stratify=strata)
        except ValueError as error:
            raise BenchError(f"the cells cannot be divided as the authors did ({error})") from error
        return np.sort(rest), np.sort(drawn)

    def _halves(self, y: Values, units: Values) -> Indices:
        """Halve the cells of the test patients into validation and test part, by image or by patient."""
        rows = np.arange(len(y))
        if "halves" in self.without:
            _, validation = patient_holdout(y, units, fraction=0.5, seed=self.protocol.seed)
        else:
            _, validation = train_test_split(rows, test_size=0.5, random_state=self.protocol.seed, stratify=y)
        return np.where(np.isin(rows, validation), VALIDATION, 0)

    def _by_rules(self, table: pd.DataFrame, roles: Values) -> Indices:
        """Assign the cells that the rules take, in the order of their names; scale counts that are too large."""
        rules = self.protocol.cells
        if not self.by_image:
            return self._shares_of_rules(table, roles)
        official = table["fold"].astype(str).to_numpy() if "fold" in table else None
        if official is None and any(rule.fold is not None for rule in rules):
            self.shortened += ("the dataset has no official folds; cells are taken from all of it",)
        factor = self._factor(rules, roles, official)
        fold, order = np.full(len(table), UNUSED), np.argsort(table["cell"].to_numpy().astype(str), kind="stable")
        for rule in rules:
            free = order[_available(rule, roles, official)[order] & (fold[order] == UNUSED)]
            fold[free[: max(1, int(factor * rule.count))]] = _FOLD_OF_PART[rule.part]
        return fold

    def _factor(self, rules: tuple[CellRule, ...], roles: Values, official: Values | None) -> float:
        """Return the factor by which the dataset has too few cells for the rules, at most 1."""
        factor = 1.0
        for rule in rules:
            same = [one for one in rules if (one.label, one.fold) in ((rule.label, rule.fold), (rule.label, None))]
            factor = min(factor, np.count_nonzero(_available(rule, roles, official)) / sum(one.count for one in same))
        if factor < 1:
            counts = ", ".join(f"{max(1, int(factor * r.count))} of {r.count} {r.label} ({r.part})" for r in rules)
            self.shortened += (f"the dataset has fewer cells than the protocol takes; it takes {counts}",)
        return factor

    def _shares_of_rules(self, table: pd.DataFrame, roles: Values) -> Indices:
        """Draw parts of patients with the shares that the rules have; all cells are used."""
        total = sum(rule.count for rule in self.protocol.cells)
        shares = {
            name: sum(rule.count for rule in self.protocol.cells if rule.part == name) / total
            for name in ("validation", "test")
        }
        changed = self.protocol.model_copy(
            update={"cells": (), **{name: share or None for name, share in shares.items()}}
        )
        design = _Design(self.opened, changed, "validation", self.without)
        return design._shares(roles, table["unit"].to_numpy().astype(str))


def _available(rule: CellRule, roles: Values, official: Values | None) -> Flags:
    matches: Flags = roles == rule.label
    return matches if rule.fold is None or official is None else matches & (official == rule.fold)
