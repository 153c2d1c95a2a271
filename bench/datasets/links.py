"""Linked patients: which patient ids count as one split unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from bench.datasets.table import units_of
from bench.errors import BenchError


def joined(groups: Iterable[Collection[str]]) -> list[frozenset[str]]:
    """Groups that share a member, joined until none do (the connected components), in the order of their first member.

    Parameters
    ----------
    groups : iterable of collections of str
        Overlapping or not.

    Returns
    -------
    list of frozenset of str
        Disjoint groups.
    """
    parent: dict[str, str] = {}

    def root(member: str) -> str:
        while parent.setdefault(member, member) != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for group in groups:
        first, *rest = sorted(group)
        top = root(first)
        for member in rest:
            parent[root(member)] = top
    found: dict[str, set[str]] = {}
    for member in parent:
        found.setdefault(root(member), set()).add(member)
    return [frozenset(group) for group in found.values()]


def with_links(table: pd.DataFrame, groups: Iterable[Collection[str]]) -> pd.DataFrame:
    """The table of cells with further patients linked; links that its units already hold stay.

    Raises
    ------
    BenchError
        A patient's id reads like the joined name of other linked patients.
    """
    held = table.groupby("unit", sort=False)["patient"].unique()
    linked = joined([*(set(patients) for patients in held), *groups])
    units = units_of(list(table["patient"]), linked)
    present = set(table["patient"])
    for unit, patient in zip(units, table["patient"], strict=True):
        if unit != patient and unit in present:
            raise BenchError(f"patient {unit!r} has the name of the linked patients {unit}; rename it")
    return table.assign(unit=pd.Series(units, index=table.index, dtype="str"))


def count_notice(table: pd.DataFrame, why: str = "share identical images") -> str | None:
    """A sentence that names the linked patients and counts patients and split units; None where none are linked."""
    members = table.groupby("unit")["patient"].nunique()
    shared = [str(unit) for unit in members.index[members > 1]]
    if not shared:
        return None
    return (
        f"linked patients {why} and count as one split unit: {', '.join(shared)}; "
        f"{table['patient'].nunique()} patients are {len(members)} split units"
    )
