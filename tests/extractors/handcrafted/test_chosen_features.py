"""Single columns of the families by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.plugins import registry
from extractors.cells import Cell
from extractors.handcrafted.catalogue import Handcrafted
from extractors.handcrafted.size import Size

NUCLEUS = [
    "size.area.nucleus",
    "size.perimeter.nucleus",
    "size.equivalent_diameter.nucleus",
    "shape.circularity.nucleus",
    "shape.eccentricity.nucleus",
    "shape.solidity.nucleus",
]
"""Features of joshi-2013; its form factor is the circularity."""


@pytest.fixture
def cell(draw: Any) -> Cell:
    """A disc with a dark ellipse as its nucleus."""
    mask = np.pad(draw.ellipse(40, 40), 4)
    inner = draw.ellipse(26, 20)
    nucleus, corner = np.zeros_like(mask), (np.array(mask.shape) - inner.shape) // 2
    nucleus[corner[0] : corner[0] + inner.shape[0], corner[1] : corner[1] + inner.shape[1]] = inner
    return Cell("c", np.where(mask, 120, 0)[..., None].repeat(3, axis=2).astype(np.uint8), mask, nucleus=nucleus)


def test_chosen_columns_have_the_values_of_their_families(cell: Cell) -> None:
    every = Handcrafted(families=("size", "shape", "glcm"))
    names = every.get_feature_names_out().tolist()
    wanted = ["glcm.contrast_mean.cell.luma.d1", "shape.solidity.nucleus", "size.area.cell"]
    chosen = Handcrafted(features=wanted)
    assert chosen.get_feature_names_out().tolist() == ["size.area.cell", "shape.solidity.nucleus", wanted[0]]
    values, status = every.transform_with_status([cell])
    at = [names.index(name) for name in chosen.get_feature_names_out()]
    for one, other in zip(chosen.transform_with_status([cell]), (values, status), strict=True):
        np.testing.assert_array_equal(one, other[:, at])


def test_the_features_of_joshi_2013(cell: Cell) -> None:
    chosen = Handcrafted(features=NUCLEUS)
    assert chosen.get_feature_names_out().tolist() == NUCLEUS
    values = chosen.transform([cell])[0]
    area = np.count_nonzero(cell.nucleus)
    assert values[0] == area
    assert values[2] == pytest.approx(np.sqrt(4 * area / np.pi))
    assert values[4] == pytest.approx(np.sqrt(1 - (20 / 26) ** 2), abs=0.02)
    assert values[5] > 0.95


def test_the_equivalent_diameter_has_the_scale_and_status_of_the_area(cell: Cell) -> None:
    scaled = Cell("c", cell.image, cell.mask, um_per_px=0.5, nucleus=cell.nucleus)
    diameter = Handcrafted(features="size.equivalent_diameter.nucleus")
    assert diameter.transform([scaled])[0, 0] == pytest.approx(diameter.transform([cell])[0, 0] / 2)
    empty = Cell("e", cell.image, np.zeros_like(cell.mask))
    without = Cell("n", np.full((60, 60, 3), 90, np.uint8), np.pad(np.ones((40, 40), dtype=bool), 10))
    area = Size(regions="nucleus")
    for one in (empty, without):
        _, status = diameter.transform_with_status([one])
        assert status[0, 0] == area.transform_with_status([one])[1][0, 0] > 0


def test_only_the_families_of_the_columns_are_measured(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(Size, "_measure", lambda self, target: measured.append(1) or [1.0] * 14)
    Handcrafted(features="shape.solidity.cell").transform([cell])
    assert not measured
    Handcrafted(features="size.area.cell").transform([cell])
    assert measured


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"features": "nucleus_area"}, "unknown feature 'nucleus_area'; similar ones are size.area.nucleus, "),
        (
            {"features": ("size.area.cell", "shape.solidty.cell")},
            "unknown feature 'shape.solidty.cell'; .* shape.solidity.cell",
        ),
        ({"features": "size.area.cell", "families": "shape"}, "unknown feature 'size.area.cell'"),
        ({"features": "size.equivalent_diameter.nucleus", "regions": "cell"}, "unknown feature 'size.equivalent_diam"),
        ({"features": ()}, "features: expected at least one name of a column"),
    ],
)
def test_unknown_names_are_refused_with_similar_ones(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Handcrafted(**parameters).fit([])


def test_a_selector_names_columns() -> None:
    plugin = registry.extractor(f"handcrafted[features={'+'.join(NUCLEUS)}]")
    assert plugin.build().get_feature_names_out().tolist() == NUCLEUS
    assert registry.extractor(plugin.canonical).canonical == plugin.canonical
    with pytest.raises(
        BenchError, match=r"^handcrafted\[features=size\.aera\.cell\]: unknown feature 'size\.aera\.cell'"
    ):
        registry.extractor("handcrafted[features=size.aera.cell]")
