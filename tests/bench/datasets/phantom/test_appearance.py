"""Valid appearance parameters of a phantom cell."""

from __future__ import annotations

import pytest

from bench.datasets.phantom.appearance import CellAppearance


def appearance(**changes: object) -> CellAppearance:
    defaults: dict[str, object] = {
        "n_clefts": 2,
        "cleft_depth": 0.2,
        "elongation": 0.05,
        "skew": 0.01,
        "nucleus_radius_px": 55.0,
        "nc_ratio": 0.7,
        "grain_px": 8.0,
        "contrast": 0.1,
        "nucleus_rgb": (63.0, 25.0, 75.0),
        "cytoplasm_rgb": (92.0, 54.0, 110.0),
    }
    return CellAppearance(**{**defaults, **changes})  # type: ignore[arg-type]  # a table of keywords


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"n_clefts": 5}, "5 clefts"),
        ({"n_clefts": -1}, "-1 clefts"),
        ({"cleft_depth": 0.5}, "0.5 of the radius"),
        ({"nc_ratio": 1.0}, "1.0 of the cell's area"),
        ({"debris": "dust"}, "none, touching, loose"),
    ],
)
def test_invalid_parameters_are_refused_with_the_value(changes: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        appearance(**changes)


def test_columns_hold_each_number_once_and_no_tuple() -> None:
    columns = appearance().columns()
    assert columns["nucleus_green"] == 25.0
    assert columns["cytoplasm_blue"] == 110.0
    assert not any(isinstance(value, tuple) for value in columns.values())
