"""Orientations of gradients against scikit-image, NumPy, waves and cones, under turns, and where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.feature import hog as peer_hog

from extractors.cells import CellFile, Cells
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.hog import FEATURES, Hog, orientations

NAMES = [feature.name for feature in FEATURES]
WIDTH = 180 / 8


def speckled_plane(draw: Any, channel: str = "luma") -> MaskedChannel:
    mask = draw.ellipse(34, 21, 0.4)
    plane = CellRegions(draw.speckled(mask), mask).masked_channel("cell", channel)
    assert isinstance(plane, MaskedChannel)
    return plane


def folded(degrees: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights of angles split between the two nearest of 8 bins, as shares."""
    apart = np.abs((degrees[:, None] - WIDTH * np.arange(8) + 90) % 180 - 90)
    return np.asarray(weights @ np.maximum(1 - apart / WIDTH, 0) / weights.sum())


def gradients(plane: MaskedChannel) -> np.ndarray:
    """As complex numbers, right and down, of the pixels whose eight neighbours lie in the mask."""
    down, right = np.gradient(plane.integers[0].astype(float))
    inside = np.lib.stride_tricks.sliding_window_view(np.pad(plane.mask, 1), (3, 3)).all(axis=(2, 3))
    return np.asarray(right + 1j * down)[inside]


def shares_of(result: dict[str, Any]) -> np.ndarray:
    return np.array([result[f"share_{place}"] for place in range(1, 9)])


def full(exact: np.ndarray) -> MaskedChannel:
    return MaskedChannel(exact.astype(np.int32), np.ones(exact.shape, dtype=bool))


def test_the_histogram_is_that_of_scikit_image_in_narrow_bins(draw: Any) -> None:
    # A frame of one value has no gradient of its own, in which the peer would differ.
    exact = np.pad(draw.speckled(np.ones((60, 80), dtype=bool))[..., 1], 1, constant_values=100).astype(np.int32)
    narrow = peer_hog(exact, 1440, exact.shape, (1, 1), block_norm="L1")
    histogram, _ = orientations(full(exact))
    expected = folded((np.arange(1440) + 0.5) / 8, narrow)
    # Half of a narrow bin is 0.3 % of one of ours.
    np.testing.assert_allclose(histogram / histogram.sum(), expected, atol=3e-3)


@pytest.mark.parametrize("channel", ["luma", "red", "saturation", "b"])
def test_orientations_are_those_of_numpy(draw: Any, channel: str) -> None:
    plane = speckled_plane(draw, channel)
    z = gradients(plane)
    histogram, harmonics = orientations(plane)
    size, angle = np.abs(z), np.angle(z)
    np.testing.assert_allclose(histogram / histogram.sum(), folded(np.degrees(angle) % 180, size), atol=1e-7)
    expected = [np.sum(size * np.exp(2j * angle)), np.sum(size * np.exp(4j * angle))]
    np.testing.assert_allclose(harmonics, 2 * np.array(expected), rtol=1e-10)


def test_real_cells_are_those_of_numpy(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::20]
    assert paths
    for cell in Cells(CellFile(path.stem, str(path)) for path in paths):
        plane = CellRegions(cell.image, cell.mask).masked_channel("cell", "luma")
        assert isinstance(plane, MaskedChannel)
        z = gradients(plane)
        z = z[np.abs(z) > 0]
        result = Hog().values(plane)
        shares = np.sort(folded(np.degrees(np.angle(z)) % 180, np.abs(z)))[::-1]
        np.testing.assert_allclose(shares_of(result), shares, atol=1e-7)
        assert result["entropy"] == pytest.approx(-np.sum(shares * np.log2(shares)), rel=1e-6)
        assert result["first_harmonic"] == pytest.approx(abs(np.sum(z**2 / np.abs(z))) / np.abs(z).sum(), rel=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 10.0, 22.5, 30.0, 67.5, 90.0, 100.0, 135.0, 171.0])
def test_a_plane_wave_has_one_orientation(degrees: float) -> None:
    # Central differences of cos(a x + b y) point along (sin a, sin b).
    a, b = np.arcsin(0.3 * np.cos(np.radians(degrees))), np.arcsin(0.3 * np.sin(np.radians(degrees)))
    y, x = np.mgrid[:60, :70]
    result = Hog().values(full(np.rint(1e8 * np.cos(a * x + b * y + 0.2))))
    part = degrees / WIDTH % 1
    expected = np.zeros(8)
    expected[:2] = max(part, 1 - part), min(part, 1 - part)
    np.testing.assert_allclose(shares_of(result), expected, atol=1e-6)
    entropy = -sum(share * np.log2(share) for share in expected[:2] if share > 0)
    assert result["entropy"] == pytest.approx(entropy, abs=1e-4)
    assert result["first_harmonic"] == pytest.approx(1, rel=1e-7)
    assert result["second_harmonic"] == pytest.approx(1, rel=1e-7)


def test_a_cone_has_all_orientations_alike(draw: Any) -> None:
    mask = draw.disc(80)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] - mask.shape[0] // 2
    result = Hog().values(MaskedChannel(np.rint(1e4 * np.hypot(x, y)).astype(np.int32), mask))
    np.testing.assert_allclose(shares_of(result), np.full(8, 1 / 8), rtol=1e-2)
    assert result["entropy"] == pytest.approx(3, abs=1e-4)
    assert result["first_harmonic"] == pytest.approx(0, abs=1e-9)
    assert result["second_harmonic"] == pytest.approx(0, abs=2e-3)


def test_two_crossed_ramps_have_a_second_harmonic_only() -> None:
    # The slope is 4 to the right in the left half and 4 down in the right half; in the two columns where they meet
    # the difference across is 0.
    exact = np.zeros((42, 82), dtype=np.int32)
    exact[:, :41], exact[:, 41:] = 4 * np.arange(41), 4 * np.arange(42)[:, None]
    mask = np.ones(exact.shape, dtype=bool)
    mask[:, 40:42] = False
    result = Hog().values(MaskedChannel(exact, mask))
    assert shares_of(result).tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert result["entropy"] == 1
    assert result["first_harmonic"] == pytest.approx(0, abs=1e-15)
    assert result["second_harmonic"] == 1


def test_the_edge_of_the_cell_is_no_gradient(draw: Any) -> None:
    mask = draw.disc(20)
    exact = np.where(mask, 500 + 3 * np.arange(mask.shape[1]), 0).astype(np.int32)
    result = Hog().values(MaskedChannel(exact, mask))
    assert (result["share_1"], result["entropy"], result["first_harmonic"]) == (1, 0, 1)


def test_a_region_that_is_flat_but_for_its_edge_is_flat() -> None:
    exact = np.full((9, 9), 40)
    exact[0, 0] = 90
    assert Hog().values(full(exact)) == dict.fromkeys(NAMES, Status.FLAT)


@pytest.mark.parametrize("shape", [(1, 2), (1, 30), (2, 30), (30, 2)])
def test_without_a_pixel_among_eight_is_too_small(shape: tuple[int, int]) -> None:
    assert Hog().values(full(np.arange(shape[0] * shape[1]).reshape(shape))) == dict.fromkeys(NAMES, Status.TOO_SMALL)


def test_columns_are_named() -> None:
    names = Hog(regions=("cell", "nucleus"), channels="green").get_feature_names_out()
    assert len(names) == 2 * 11
    assert names[0] == "hog.share_1.cell.green"
    assert names[-1] == "hog.second_harmonic.nucleus.green"
