"""A miss names what differs: components one by one, parameters by their names, cells by number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.features.store.entry import Entry, write_entry
from bench.features.store.explain import Difference, Explanation, Overlap, differences, explain, shown
from bench.features.store.keys import entry_of
from bench.plugins.registry import extractor
from bench.storage.fingerprints import digest

CELLS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(12)]


def asked(store: Path, selector: str = "size", cells: Sequence[str] = CELLS, prepare: str = "none") -> Entry:
    return entry_of(store, extractor(selector), cells, weights_dir=None, threads=1, prepare=prepare)


def put(entry: Entry, cells: Sequence[str] = CELLS, **changes: Any) -> Entry:
    """Write an entry; with changed components it lies where these lead."""
    components = {**entry.components, **changes}
    identity = digest({k: v for k, v in components.items() if k != "cells"})[:16]
    folder = entry.folder.parent.with_name(f"{entry.folder.parent.name[:-17]}-{identity}") / entry.folder.name
    write_entry(folder, np.zeros((len(cells), 1), np.float32), ["a"], components=components, rows=cells)
    return Entry(folder, components)


def told(found: Explanation) -> list[tuple[str, str, str]]:
    return [(d.name, d.stored, d.asked) for d in found.differences]


def test_what_is_stored_is_told_with_its_place(tmp_path: Path) -> None:
    entry = put(asked(tmp_path))
    found = explain(tmp_path, asked(tmp_path), CELLS)
    assert found.stored
    assert found.found is not None
    assert found.found.folder == entry.folder == asked(tmp_path).folder
    assert found.differences == ()


def test_an_empty_store_has_nothing_near(tmp_path: Path) -> None:
    found = explain(tmp_path, asked(tmp_path), CELLS)
    assert (found.stored, found.found, found.nearest) == (False, None, None)


def test_another_extractor_is_not_near(tmp_path: Path) -> None:
    put(asked(tmp_path, "shape"))
    assert explain(tmp_path, asked(tmp_path), CELLS).nearest is None


def test_each_component_that_differs_is_named_with_both_values(tmp_path: Path) -> None:
    now = asked(tmp_path)
    libraries = {**now.components["libraries"], "numpy": "1.0"}
    put(now, code="ab" * 32, libraries=libraries)
    found = explain(tmp_path, now, CELLS)
    assert told(found) == [
        ("code", "abababab", now.components["code"][:8]),
        ("libraries.numpy", "1.0", now.components["libraries"]["numpy"]),
    ]
    assert found.overlap is None


def test_preparation_is_named(tmp_path: Path) -> None:
    put(asked(tmp_path))
    wanted = asked(tmp_path, prepare="mask[to=mean]")
    assert told(explain(tmp_path, wanted, CELLS)) == [("prepare", "none", "mask[to=mean]")], "not its code, too"


def test_other_code_of_the_same_preparation_is_named(tmp_path: Path) -> None:
    now = asked(tmp_path, prepare="mask[to=mean]")
    put(now, preparation="ab" * 32)
    assert told(explain(tmp_path, now, CELLS)) == [("preparation", "abababab", now.components["preparation"][:8])]


def test_parameters_are_named_one_by_one(tmp_path: Path) -> None:
    put(asked(tmp_path, "glcm[levels=16]"))
    assert told(explain(tmp_path, asked(tmp_path, "glcm[levels=8]"), CELLS)) == [("levels", "16", "8")]


def test_a_parameter_that_is_called_like_a_component_is_told_apart() -> None:
    stored = {"extractor": 'a.E[model=m,pool=avg,weights="x,y"]', "weights": "1" * 64, "model": "m.tag"}
    wanted = {"extractor": "a.E[model=m,pool=max,weights=default]", "weights": "2" * 64, "model": "m.tag"}
    assert set(differences(stored, wanted)) == {
        Difference("weights", "11111111", "22222222"),
        Difference("pool", "avg", "max"),
        Difference("parameter weights", '"x,y"', "default"),
    }


def test_the_nearest_is_the_one_with_fewest_differences_and_then_most_cells(tmp_path: Path) -> None:
    now = asked(tmp_path)
    put(now, code="ab" * 32, reading="cd" * 32)
    put(asked(tmp_path, cells=CELLS[:3]), CELLS[:3])
    near = put(asked(tmp_path, cells=CELLS[:9]), CELLS[:9])
    found = explain(tmp_path, now, CELLS)
    assert found.nearest is not None
    assert found.nearest.folder == near.folder
    assert told(found) == []
    assert found.overlap == Overlap(asked=12, held=9, reusable=9, stored=9)


def test_rows_of_all_siblings_are_reused(tmp_path: Path) -> None:
    for part in (CELLS[:8], CELLS[4:10]):
        put(asked(tmp_path, cells=part), part)
    found = explain(tmp_path, asked(tmp_path), CELLS)
    assert found.overlap == Overlap(asked=12, held=8, reusable=10, stored=8)


def test_cells_in_another_order_are_other_features(tmp_path: Path) -> None:
    put(asked(tmp_path))
    found = explain(tmp_path, asked(tmp_path, cells=CELLS[::-1]), CELLS[::-1])
    assert not found.stored
    assert found.overlap == Overlap(asked=12, held=12, reusable=12, stored=12)


def test_a_damaged_entry_is_not_stored(tmp_path: Path) -> None:
    entry = put(asked(tmp_path))
    (entry.folder / "entry.json").write_text("{}")
    found = explain(tmp_path, asked(tmp_path), CELLS)
    assert not found.stored
    assert found.found is not None
    assert found.found.state == "damaged"


def test_an_unfinished_entry_is_found(tmp_path: Path) -> None:
    entry = asked(tmp_path)
    entry.partial.mkdir(parents=True)
    found = explain(tmp_path, entry, CELLS)
    assert found.found is not None
    assert (found.stored, found.found.state, found.nearest) == (False, "unfinished (no chunk yet)", None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), ("a" * 64, "aaaaaaaa"), ("avg", "avg"), (4, "4"), ({"a": [1]}, '{"a": [1]}'),
        ("g" * 64, "g" * 56 + " ..."),
    ],
)  # fmt: skip
def test_values_are_shown_short(value: object, text: str) -> None:
    assert shown(value) == text
