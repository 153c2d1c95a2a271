from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.datasets.links import count_notice, joined, with_links
from bench.datasets.table import cell_table
from bench.errors import BenchError

GROUPS = st.lists(st.lists(st.integers(0, 15).map(str), min_size=1, max_size=4))


@given(GROUPS)
def test_joined_groups_are_the_connected_components(groups: list[list[str]]) -> None:
    graph = networkx.Graph()
    for group in groups:
        networkx.add_path(graph, group)
    assert set(joined(groups)) == {frozenset(c) for c in networkx.connected_components(graph)}
    assert len(joined(groups)) == networkx.number_connected_components(graph)


def table_of(*patients: str, linked: tuple[frozenset[str], ...] = ()):
    numbers = [str(i) for i in range(len(patients))]
    return cell_table(cell=numbers, path=numbers, label=numbers, patient=patients, linked=linked)


def test_new_links_join_existing_units() -> None:
    table = table_of("a", "b", "c", "d", linked=(frozenset("ab"),))
    assert list(with_links(table, [{"b", "c"}])["unit"]) == ["a+b+c", "a+b+c", "a+b+c", "d"]


def test_links_through_absent_patients_hold() -> None:
    table = table_of("51", "78", "7", linked=(frozenset({"51", "75", "78"}),))
    assert list(table["unit"]) == ["51+78", "51+78", "7"]
    assert list(with_links(table, [{"7", "51"}])["unit"]) == ["51+7+78"] * 3


def test_a_patient_named_like_a_unit_is_refused() -> None:
    with pytest.raises(BenchError, match=r"patient 'a\+b' has the name of the linked patients a\+b"):
        with_links(table_of("a", "b", "a+b"), [{"a", "b"}])


def test_the_notice_names_and_counts() -> None:
    assert count_notice(table_of("a", "b")) is None
    notice = count_notice(table_of("a", "b", "c", "c", linked=(frozenset("ab"),)))
    assert notice is not None
    assert "a+b; 3 patients are 2 split units" in notice
