"""What all families of grey-level matrices share: turns, background, binning, degenerate regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.family import HandcraftedBase
from extractors.handcrafted.framework.feature import EXACT
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.gldm import Gldm
from extractors.handcrafted.glrlm import Glrlm
from extractors.handcrafted.glszm import Glszm
from extractors.handcrafted.ngtdm import Ngtdm

FAMILIES: list[Any] = [Glcm, Glrlm, Glszm, Ngtdm, Gldm]
FLATTENED = {"correlation", "imc1", "imc2", "mcc", "coarseness", "contrast", "busyness", "strength"}
"""What one level leaves undefined; contrast is meant of neighbourhoods."""

pytestmark = pytest.mark.parametrize("family", FAMILIES)


def of(family: Any, image: np.ndarray, mask: np.ndarray, **parameters: Any) -> dict[str, Any]:
    extractor: HandcraftedBase = family(**parameters)
    return extractor.measure(CellRegions(image, mask))


def values(found: dict[str, Any]) -> np.ndarray:
    assert not any(isinstance(value, Status) for value in found.values())
    return np.array(list(found.values()))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("channel", ["luma", "methylene_blue"])
def test_quarter_turns_and_flips(draw: Any, family: Any, turns: int, channel: str) -> None:
    for seed, mask in enumerate((draw.ellipse(28, 17, 0.3), draw.disc(12), draw.rectangle(6, 40))):
        image = draw.speckled(mask, seed)
        lying = values(of(family, image, mask, channels=channel))
        for flipped in (np.rot90(image, turns), np.rot90(image, turns)[::-1]):
            turned = np.ascontiguousarray(flipped)
            found = of(family, turned, turned.any(axis=2), channels=channel)
            # What is 0 for an exact reason, such as the range of a feature that no direction changes, stays so.
            np.testing.assert_allclose(values(found), lying, rtol=EXACT, atol=1e-12)


def test_background_has_no_part(draw: Any, family: Any) -> None:
    mask = draw.ellipse(15, 10, 0.5)
    image = draw.speckled(mask)
    repainted = np.where(mask[..., None], image, np.uint8(255))
    assert of(family, image, mask) == of(family, repainted, mask)


def test_brightness_and_contrast_do_not_matter_to_a_number_of_levels_but_to_their_width(draw: Any, family: Any) -> None:
    mask = draw.disc(15)
    grey = draw.speckled(mask)[..., :1].repeat(3, axis=2) // 2
    brighter = np.where(mask[..., None], 2 * grey + 1, 0).astype(np.uint8)
    assert of(family, grey, mask) == of(family, brighter, mask)
    narrow, wide = (of(family, image, mask, bin_width=6.0) for image in (grey, brighter))
    assert not any(narrow[name] == wide[name] for name in narrow)


def test_a_flat_region_is_flat(draw: Any, family: Any) -> None:
    mask = draw.disc(9)
    found = of(family, np.full((*mask.shape, 3), 77, dtype=np.uint8), mask)
    assert set(found) == set(family().get_feature_names_out())
    assert set(found.values()) == {Status.FLAT}


def test_one_pixel_is_flat(family: Any) -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 2] = True
    assert set(of(family, np.full((5, 5, 3), 9, dtype=np.uint8), mask).values()) == {Status.FLAT}


def test_all_in_one_wide_bin_is_no_error(draw: Any, family: Any) -> None:
    mask = draw.disc(9)
    found = of(family, draw.speckled(mask), mask, bin_width=1000.0)
    undefined = {name for name, value in found.items() if isinstance(value, Status)}
    assert {name.split(".")[1].removesuffix("_mean").removesuffix("_range") for name in undefined} <= FLATTENED
    assert {found[name] for name in undefined} <= {Status.FLAT}
    assert len(undefined) == {Glcm: 4 * 2 * 3, Ngtdm: 4}.get(family, 0)


def test_a_line_has_runs_zones_and_neighbours_but_no_pairs_across(family: Any) -> None:
    image = np.zeros((5, 40, 3), dtype=np.uint8)
    image[2, 3:37] = np.random.default_rng(0).integers(1, 255, (34, 3))
    found = of(family, image, image.any(axis=2))
    if family is Glcm:
        assert set(found.values()) == {Status.TOO_SMALL}
    else:
        assert np.isfinite(values(found)).all()


def test_bodies_apart_are_one_region(draw: Any, family: Any) -> None:
    body = draw.disc(9)
    mask = np.hstack([body, body])
    image = draw.speckled(body)
    alone, twice = of(family, image, body), of(family, np.hstack([image, image]), mask)
    # Twice the same counts are the same shares; three sums of differences are divided by no area.
    scaled = {"ngtdm.coarseness.cell.luma": 0.5, "ngtdm.busyness.cell.luma": 2, "ngtdm.strength.cell.luma": 0.5}
    for name, value in alone.items():
        assert twice[name] == pytest.approx(value * scaled.get(name, 1), rel=1e-12, abs=1e-12), name


def test_senseless_levels_are_refused(family: Any) -> None:
    with pytest.raises(ValueError, match="from 2 to 256"):
        family(levels=1).fit([])
    with pytest.raises(ValueError, match="a number above 0"):
        family(bin_width=0.0).fit([])
