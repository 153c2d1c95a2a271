"""Families of grey-level matrices: binning and degenerate regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.family import HandcraftedBase
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.gldm import Gldm
from extractors.handcrafted.glrlm import Glrlm
from extractors.handcrafted.glszm import Glszm
from extractors.handcrafted.ngtdm import Ngtdm

FAMILIES: list[Any] = [Glcm, Glrlm, Glszm, Ngtdm, Gldm]
FLATTENED = {"correlation", "imc1", "imc2", "mcc", "coarseness", "contrast", "busyness", "strength"}
"""Features that are undefined for one level; `contrast` only for neighbourhoods."""

pytestmark = pytest.mark.parametrize("family", FAMILIES)


def of(family: Any, image: np.ndarray, mask: np.ndarray, **parameters: Any) -> dict[str, Any]:
    extractor: HandcraftedBase = family(**parameters)
    return extractor.measure(CellRegions(image, mask))


def values(result: dict[str, Any]) -> np.ndarray:
    assert not any(isinstance(value, Status) for value in result.values())
    return np.array(list(result.values()))


def test_levels_of_fixed_width_depend_on_brightness_and_contrast(draw: Any, family: Any) -> None:
    mask = draw.disc(15)
    grey = draw.speckled(mask)[..., :1].repeat(3, axis=2) // 2
    brighter = np.where(mask[..., None], 2 * grey + 1, 0).astype(np.uint8)
    narrow, wide = (of(family, image, mask, bin_width=6.0) for image in (grey, brighter))
    assert not any(narrow[name] == wide[name] for name in narrow)


def test_one_pixel_is_flat(family: Any) -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 2] = True
    assert set(of(family, np.full((5, 5, 3), 9, dtype=np.uint8), mask).values()) == {Status.FLAT}


def test_a_single_wide_bin_is_valid(draw: Any, family: Any) -> None:
    mask = draw.disc(9)
    result = of(family, draw.speckled(mask), mask, bin_width=1000.0)
    undefined = {name for name, value in result.items() if isinstance(value, Status)}
    assert {name.split(".")[1].removesuffix("_mean").removesuffix("_range") for name in undefined} <= FLATTENED
    assert {result[name] for name in undefined} <= {Status.FLAT}
    assert len(undefined) == {Glcm: 4 * 2 * 3, Ngtdm: 4}.get(family, 0)


def test_a_line_has_runs_zones_and_neighbours_but_no_pairs_across(family: Any) -> None:
    image = np.zeros((5, 40, 3), dtype=np.uint8)
    image[2, 3:37] = np.random.default_rng(0).integers(1, 255, (34, 3))
    result = of(family, image, image.any(axis=2))
    if family is Glcm:
        assert set(result.values()) == {Status.TOO_SMALL}
    else:
        assert np.isfinite(values(result)).all()


def test_separate_components_form_one_region(draw: Any, family: Any) -> None:
    body = draw.disc(9)
    mask = np.hstack([body, body])
    image = draw.speckled(body)
    alone, twice = of(family, image, body), of(family, np.hstack([image, image]), mask)
    # Twice the same counts are the same shares; three sums of differences are divided by no area.
    scaled = {"ngtdm.coarseness.cell.luma": 0.5, "ngtdm.busyness.cell.luma": 2, "ngtdm.strength.cell.luma": 0.5}
    for name, value in alone.items():
        assert twice[name] == pytest.approx(value * scaled.get(name, 1), rel=1e-12, abs=1e-12), name
