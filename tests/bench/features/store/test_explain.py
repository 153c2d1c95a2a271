"""`why` reports the components, parameters and cells in which the nearest entry differs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.features.store.entry import Entry, write_entry
from bench.features.store.explain import Difference, Explanation, differences, explain, shorten
from bench.features.store.keys import entry_of
from bench.plugins.registry import extractor
from bench.storage.fingerprints import digest

CELLS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(12)]


def request(store: Path, selector: str = "size", cells: Sequence[str] = CELLS, prepare: str = "none") -> Entry:
    return entry_of(store, extractor(selector), cells, weights_dir=None, threads=1, prepare=prepare)


def put(entry: Entry, cells: Sequence[str] = CELLS, **changes: Any) -> Entry:
    """Write an entry, under the path that follows from its changed components."""
    components = {**entry.components, **changes}
    identity = digest({k: v for k, v in components.items() if k != "cells"})[:16]
    folder = entry.folder.parent.with_name(f"{entry.folder.parent.name[:-17]}-{identity}") / entry.folder.name
    write_entry(folder, np.zeros((len(cells), 1), np.float32), ["a"], components=components, rows=cells)
    return Entry(folder, components)


def rows(explanation: Explanation) -> list[tuple[str, str, str]]:
    return [(d.name, d.stored, d.requested) for d in explanation.differences]


def test_a_stored_entry_is_reported_with_its_path(tmp_path: Path) -> None:
    entry = put(request(tmp_path))
    explanation = explain(tmp_path, request(tmp_path), CELLS)
    assert explanation.stored
    assert explanation.item is not None
    assert explanation.item.path == entry.folder == request(tmp_path).folder
    assert (explanation.nearest, explanation.differences) == (None, ())


def test_another_extractor_is_not_near(tmp_path: Path) -> None:
    put(request(tmp_path, "shape"))
    explanation = explain(tmp_path, request(tmp_path), CELLS)
    assert (explanation.stored, explanation.item, explanation.nearest) == (False, None, None)


def test_each_differing_component_is_reported(tmp_path: Path) -> None:
    now = request(tmp_path)
    libraries = {**now.components["libraries"], "numpy": "1.0"}
    put(now, code="ab" * 32, libraries=libraries)
    explanation = explain(tmp_path, now, CELLS)
    assert rows(explanation) == [
        ("code", "abababab", now.components["code"][:8]),
        ("libraries.numpy", "1.0", now.components["libraries"]["numpy"]),
    ]
    assert explanation.reusable is None


def test_a_differing_preparation_is_reported(tmp_path: Path) -> None:
    put(request(tmp_path))
    prepared = request(tmp_path, prepare="mask[to=mean]")
    assert rows(explain(tmp_path, prepared, CELLS)) == [("prepare", "none", "mask[to=mean]")], "without its code"
    put(prepared, preparation="ab" * 32)
    assert rows(explain(tmp_path, prepared, CELLS))[0][:2] in {("preparation", "abababab"), ("prepare", "none")}
    assert differences({"preparation": "a"}, {"preparation": "b"}) == (Difference("preparation", "a", "b"),)


def test_parameters_are_reported_separately(tmp_path: Path) -> None:
    put(request(tmp_path, "glcm[levels=16]"))
    assert rows(explain(tmp_path, request(tmp_path, "glcm[levels=8]"), CELLS)) == [("levels", "16", "8")]


def test_a_parameter_with_the_name_of_a_component_is_distinguished() -> None:
    stored = {"extractor": 'a.E[model=m,pool=avg,weights="x,y"]', "weights": "1" * 64, "model": "m.tag"}
    requested = {"extractor": "a.E[model=m,pool=max,weights=default]", "weights": "2" * 64, "model": "m.tag"}
    assert set(differences(stored, requested)) == {
        Difference("weights", "11111111", "22222222"),
        Difference("pool", "avg", "max"),
        Difference("parameter weights", '"x,y"', "default"),
    }


def test_the_nearest_entry_has_fewest_differences_and_then_most_cells(tmp_path: Path) -> None:
    """Rows are reused from all entries that differ only in their cells."""
    now = request(tmp_path)
    put(now, code="ab" * 32, reading="cd" * 32)
    for part in (CELLS[:3], CELLS[:8], CELLS[4:10]):
        put(request(tmp_path, cells=part), part)
    explanation = explain(tmp_path, now, CELLS)
    assert explanation.nearest is not None
    assert explanation.nearest.path == request(tmp_path, cells=CELLS[:8]).folder
    assert (rows(explanation), explanation.reusable) == ([], 10)


def test_cells_in_another_order_are_another_entry(tmp_path: Path) -> None:
    put(request(tmp_path))
    explanation = explain(tmp_path, request(tmp_path, cells=CELLS[::-1]), CELLS[::-1])
    assert (explanation.stored, explanation.reusable) == (False, 12)


def test_damaged_and_unfinished_entries_are_not_stored(tmp_path: Path) -> None:
    entry = put(request(tmp_path))
    (entry.folder / "entry.json").write_text("{}")
    explanation = explain(tmp_path, request(tmp_path), CELLS)
    assert explanation.item is not None
    assert (explanation.stored, explanation.item.state) == (False, "damaged")
    entry.folder.rename(entry.partial)
    explanation = explain(tmp_path, request(tmp_path), CELLS)
    assert explanation.item is not None
    assert (explanation.stored, explanation.item.state) == (False, "unfinished (0 chunks)")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), ("a" * 64, "aaaaaaaa"), ("avg", "avg"), (4, "4"), ({"a": [1]}, '{"a": [1]}'),
        ("g" * 64, "g" * 56 + " ..."),
    ],
)  # fmt: skip
def test_values_are_shortened(value: object, text: str) -> None:
    assert shorten(value) == text
