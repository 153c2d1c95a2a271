from __future__ import annotations

import pandas as pd
import pytest

from bench.datasets.table import Dataset, ReadOptions, cell_table, units_of
from bench.errors import BenchError

LINKED = (frozenset({"51", "52", "53"}), frozenset({"1", "2"}))


def test_units_name_the_linked_patients_that_are_present() -> None:
    assert units_of(["51", "53", "7", "1", "51"], LINKED) == ["51+53", "51+53", "7", "1", "51+53"]


def test_every_column_of_the_table_is_text() -> None:
    table = cell_table(
        cell=["x", "y"], path=["/x", "/y"], label=["a", "b"], patient=["1", "2"], linked=LINKED, fold=None
    )
    assert tuple(table.columns) == Dataset.COLUMNS
    assert all(pd.api.types.is_string_dtype(table[name].dtype) for name in table)
    assert list(table["unit"]) == ["1+2", "1+2"]
    assert table["mask_path"].isna().all()


def test_options_override_masks_and_scales_of_the_table() -> None:
    more = {"mask_path": ["/m", None], "um_per_px": ["0.5", None]}
    table = cell_table(cell=["x", "y"], path=["/x", "/y"], label=["a", "b"], patient=["1", "2"], **more)
    plain = Dataset("d", "r", table, None).cells().files
    assert [(f.mask_path, f.mask_by) for f in plain] == [("/m", "foreground"), (None, "foreground")]
    assert [f.um_per_px for f in plain] == [0.5, None]
    smear = Dataset("d", "r", table, None, ReadOptions(mask="smear")).cells().files
    assert [(f.mask_path, f.mask_by) for f in smear] == [(None, "smear")] * 2
    options = ReadOptions(mask="whole", um_per_px=0.25, white_level=4095)
    full = Dataset("d", "r", table, None, options).cells().files
    assert [(f.mask_path, f.mask_by, f.um_per_px, f.white_level) for f in full] == [(None, "whole", 0.25, 4095)] * 2


@pytest.mark.parametrize("name", ["cell", "label", "patient"])
@pytest.mark.parametrize("value", ["\x1b[31mred", "a\nb", "a\x00", "\x9b2J", "\udcff.png"])
def test_names_with_control_characters_are_refused(name: str, value: str) -> None:
    columns = {"cell": ["x", "y"], "label": ["a", "b"], "patient": ["1", "2"]}
    columns[name] = [columns[name][0], value]
    with pytest.raises(BenchError) as raised:
        cell_table(path=["/x", "/y"], **columns)
    assert repr(value) in str(raised.value)
    assert str(raised.value).isprintable()


def test_names_in_any_language_are_accepted() -> None:
    names = ["Zürich 7", "\u60a3\u8005", "[red]<b>=1+1"]
    table = cell_table(cell=names, path=names, label=names, patient=names)
    assert list(table["patient"]) == names


@pytest.mark.parametrize(
    ("name", "length", "limit"),
    [("cell", 1001, 1000), ("label", 10**6, 200), ("patient", 201, 200), ("fold", 300, 200)],
)
def test_long_names_are_refused_and_shortened_in_the_message(name: str, length: int, limit: int) -> None:
    columns = {"cell": ["c"], "path": ["/c"], "label": ["a"], "patient": ["p"]} | {name: ["x" * length]}
    with pytest.raises(
        BenchError, match=rf"the {name} 'x{{77}}\.\.\.' .*has {length} characters; at most {limit}"
    ) as caught:
        cell_table(**columns)
    assert len(str(caught.value)) < 200


def test_a_unit_of_many_patients_has_a_short_name() -> None:
    patients = [f"patient-{number:03}" for number in range(300)]
    units = units_of(patients, [frozenset(patients)])
    assert set(map(len, units)) == {133}
    assert units[0].startswith("patient-000+patient-001+")
    assert "... (300 patients, " in units[0]
    assert units_of(patients[1:], [frozenset(patients)])[0] != units[0]
    assert units_of(["a", "b"], [frozenset({"a", "b"})]) == ["a+b"] * 2
