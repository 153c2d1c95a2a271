"""Invariances of all families: quarter turns and flips, background, gain and offset of the channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.catalogue import EXTRACTORS, Handcrafted
from extractors.handcrafted.framework.bases import TextureBase
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.status import Status

CHANNELS = ("luma", "lightness", "methylene_blue")
TOLERANCES = {
    "gabor": 1e-6,
    "hog": 1e-10,
    "lbp": 1e-10,
    "granularity": 1e-6,
    "color": 1e-6,
    "nucleus": 1e-9,
    "wavelets": 1e-12,
    "pftas": 0.0,
}
"""Relative changes under quarter turns and flips; 1e-9 for other families."""

TURNS: dict[str, Callable[..., Any]] = {
    "quarter": np.rot90,
    "half": lambda array: np.rot90(array, 2),
    "upside down": np.flipud,
    "left to right": np.fliplr,
    "transposed": lambda array: np.swapaxes(array, 0, 1),
}
TEXTURES = [name for name, family in EXTRACTORS.items() if issubclass(family, TextureBase)]


def cell(draw: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, mask and nucleus."""
    rng = np.random.default_rng(7)
    masks = {
        "cleft": lambda: draw.cleft_nucleus(3, 0.2, rng, radii=(50, 60)),
        "blob": lambda: draw.blob(rng, 45),
        "odd": lambda: draw.ellipse(50, 43, 0.3),
        "even": lambda: draw.ellipse(50, 43, 0.3)[48:],
        "disc": lambda: np.pad(draw.disc(12), 20),
        "bar": lambda: draw.rectangle(6, 40),
        "noise": lambda: np.pad(rng.random((37, 52)) > 0.3, 1),
    }
    mask = np.ascontiguousarray(masks[name]())
    rows, columns = np.indices(mask.shape)
    middle = np.argwhere(mask).mean(axis=0)
    nucleus = mask & (np.hypot(rows - middle[0] - 2, columns - middle[1]) < 0.7 * np.sqrt(mask.sum() / np.pi))
    return draw.speckled(mask, 3), mask, nucleus


def measure(image: np.ndarray, mask: np.ndarray, nucleus: np.ndarray) -> dict[str, Any]:
    extractor = Handcrafted(regions=["cell", "nucleus", "cytoplasm"], channels=CHANNELS)
    arrays = (np.ascontiguousarray(array) for array in (image, mask, nucleus))
    pixels, inside, inner = arrays
    return extractor.measure(CellRegions(pixels, inside, nucleus=inner))


@pytest.mark.parametrize("name", ["cleft", "blob", "odd", "even", "disc", "bar", "noise"])
def test_quarter_turns_and_flips(draw: Any, name: str) -> None:
    arrays = cell(draw, name)
    expected = measure(*arrays)
    columns = Handcrafted(regions=["cell", "nucleus", "cytoplasm"], channels=CHANNELS).catalogue()
    for turn in TURNS.values():
        turned = measure(*(turn(array) for array in arrays))
        for column in columns:
            if not np.isfinite(column.feature.turns):
                continue
            family, feature = column.name.split(".")[:2]
            value, other = expected[column.name], turned[column.name]
            exact = isinstance(value, Status) or (family == "lbp" and not feature.startswith("var"))
            tolerance = 0.0 if exact else TOLERANCES.get(family, 1e-9)
            assert other == pytest.approx(value, rel=tolerance, abs=0 if tolerance == 0 else 1e-12), column.name


def test_the_background_is_ignored(draw: Any) -> None:
    image, mask, _ = cell(draw, "cleft")
    noise = np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)
    extractor = Handcrafted(channels=CHANNELS)
    expected = extractor.measure(CellRegions(image, mask))
    for background in (0, 255, noise):
        repainted = np.where(mask[..., None], image, background).astype(np.uint8)
        assert extractor.measure(CellRegions(repainted, mask)) == expected


@pytest.mark.parametrize("family", TEXTURES)
def test_gain_and_offset_change_only_the_unit(draw: Any, family: str) -> None:
    """Features in units of the channel scale with the gain; all others are invariant."""
    mask = draw.disc(40)
    grey = draw.speckled(mask)[..., :1].repeat(3, axis=2) // 2
    brighter = np.where(mask[..., None], 2 * grey + 1, 0).astype(np.uint8)
    extractor = EXTRACTORS[family](channels="red")
    plain, scaled = (extractor.measure(CellRegions(image, mask)) for image in (grey, brighter))
    factors = {"channel": 2.0, "channel^2": 4.0}
    tolerance = {"gabor": 1e-6, "granularity": 1e-6, "wavelets": 1e-12}.get(family, 1e-9)
    for column in extractor.catalogue():
        expected = plain[column.name]
        if not isinstance(expected, Status):
            expected *= factors.get(column.feature.unit, 1.0)
        assert scaled[column.name] == pytest.approx(expected, rel=tolerance, abs=1e-12), column.name


@pytest.mark.parametrize("family", TEXTURES)
def test_a_constant_channel_is_flat(draw: Any, family: str) -> None:
    mask = draw.disc(20)
    values = EXTRACTORS[family]().measure(CellRegions(np.full((*mask.shape, 3), 77, dtype=np.uint8), mask))
    assert list(values) == EXTRACTORS[family]().get_feature_names_out().tolist()
    assert set(values.values()) == {Status.FLAT}
