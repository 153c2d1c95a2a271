"""Linked patients: groups of patient ids that form one split unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from bench.datasets.names import listed
from bench.datasets.table import units_of
from bench.errors import BenchError


def joined(groups: Iterable[Collection[str]]) -> list[frozenset[str]]:
    """Merge groups that share a member: the connected components, in the order of their first member.

    Parameters
    ----------
    groups : iterable of collections of str
        May overlap.

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
    components: dict[str, set[str]] = {}
    for member in parent:
        components.setdefault(root(member), set()).add(member)
    return [frozenset(component) for component in components.values()]


def with_links(table: pd.DataFrame, groups: Iterable[Collection[str]]) -> pd.DataFrame:
    """Link further patients in a table of cells; existing links remain.

    Raises
    ------
    BenchError
        The id of a patient equals the name of a split unit of other patients.
    """
    existing = table.groupby("unit", sort=False)["patient"].unique()
    linked = joined([*(set(patients) for patients in existing), *groups])
    units = units_of(list(table["patient"]), linked)
    present = set(table["patient"])
    for unit, patient in zip(units, table["patient"], strict=True):
        if unit != patient and unit in present:
            raise BenchError(f"patient {unit!r} has the name of the linked patients {unit}; rename it")
    return table.assign(unit=pd.Series(units, index=table.index, dtype="str"))


def count_notice(table: pd.DataFrame, why: str = "share identical images") -> str | None:
    """Return a notice that names the linked patients and counts patients and split units; None without links."""
    members = table.groupby("unit")["patient"].nunique()
    shared = [str(unit) for unit in members.index[members > 1]]
    if not shared:
        return None
    return (
        f"linked patients {why} and count as one split unit: {listed(shared, 20)}; "
        f"{table['patient'].nunique()} patients are {len(members)} split units"
    )
