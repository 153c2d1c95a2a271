"""Local binary patterns against scikit-image, on ramps, under turns, and where no circle fits."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage.feature import local_binary_pattern as _peer

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from extractors.cells import Cell, CellFile, Cells
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.lbp import GRID, Lbp, circle

RADII = (1, 2, 3)

local_binary_pattern: Any = _peer


def bins_of(result: dict[str, Any], radius: int) -> np.ndarray:
    return np.array([result[f"u{ones}.r{radius}"] for ones in range(8 * radius + 1)] + [result[f"other.r{radius}"]])


def square_inside(mask: np.ndarray, radius: int) -> np.ndarray:
    size = 2 * radius + 1
    padded = np.pad(mask, radius)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all(axis=(2, 3)))


def largest_variation(plane: MaskedChannel) -> float:
    """Largest total variation between our histogram and scikit-image's, over the radii."""
    result = Lbp(scales=RADII).values(plane)
    apart = []
    for radius in RADII:
        codes = local_binary_pattern(plane.integers[0], 8 * radius, radius, method="uniform")
        counts = np.bincount(codes[square_inside(plane.mask, radius)].astype(int), minlength=8 * radius + 2)
        apart.append(np.abs(bins_of(result, radius) - counts / counts.sum()).sum() / 2)
    return float(max(apart))


def plane_of(cell: Cell, region: str = "cell", channel: str = "luma") -> MaskedChannel:
    plane = CellRegions(cell.image, cell.mask).masked_channel(region, channel)
    assert isinstance(plane, MaskedChannel)
    return plane


def speckled_plane(draw: Any, channel: str = "luma") -> MaskedChannel:
    mask = draw.ellipse(34, 21, 0.4)
    return plane_of(Cell("speckled", draw.speckled(mask), mask), channel=channel)


def ramp(slope: int, mask: np.ndarray) -> MaskedChannel:
    return MaskedChannel(np.broadcast_to(slope * np.arange(mask.shape[1], dtype=np.int32), mask.shape).copy(), mask)


@pytest.mark.parametrize("channel", ["luma", "saturation", "od_red", "lightness"])
def test_histograms_are_those_of_scikit_image_on_speckle(draw: Any, channel: str) -> None:
    assert largest_variation(speckled_plane(draw, channel)) <= 1e-3


def test_histograms_are_those_of_scikit_image_on_phantoms() -> None:
    images = [image for image, _ in itertools.islice(phantom_cells(PhantomSpec()), 4)]
    cells = [Cell(str(i), image) for i, image in enumerate(images)]
    assert max(largest_variation(plane_of(cell)) for cell in cells) <= 1e-3


def test_histograms_are_those_of_scikit_image_on_real_cells(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::12]
    cells = Cells(CellFile(path.stem, str(path)) for path in paths)
    assert len(cells) >= 5
    for cell, region in itertools.product(cells, ["cell", "nucleus"]):
        plane = CellRegions(cell.image, cell.mask).masked_channel(region, "luma")
        if isinstance(plane, MaskedChannel):
            assert largest_variation(plane) <= 1e-3, cell.id


@pytest.mark.parametrize("levels", [2, 6, 256])
@pytest.mark.parametrize("radius", RADII)
def test_equal_neighbours_are_not_darker(levels: int, radius: int) -> None:
    # Ties are many here, and scikit-image decides some by rounding; SciPy interpolates, and a margin far below the
    # smallest difference keeps ties.
    exact = np.random.default_rng(levels).integers(0, levels, (60, 50)).astype(np.int32)
    points = 8 * radius
    rows, columns = np.mgrid[radius : 60 - radius, radius : 50 - radius]
    angles = 2 * np.pi * np.arange(points)[:, None, None] / points
    down, right = (np.rint(GRID * radius * side) / GRID for side in (np.sin(angles), np.cos(angles)))
    places = np.broadcast_arrays(rows + down, columns + right)
    around = map_coordinates(exact.astype(float), np.stack(places), order=1, mode="nearest")
    signs = around >= exact[rows, columns] - 1e-9
    changes = np.sum(signs != np.roll(signs, 1, axis=0), axis=0)
    codes = np.where(changes <= 2, signs.sum(axis=0), points + 1)
    result = bins_of(Lbp(scales=(radius,)).values(MaskedChannel(exact, np.ones_like(exact, dtype=bool))), radius)
    np.testing.assert_array_equal(result, np.bincount(codes.ravel(), minlength=points + 2) / codes.size)


@pytest.mark.parametrize("radius", RADII)
def test_variance_is_that_of_scikit_image(draw: Any, radius: int) -> None:
    plane = speckled_plane(draw)
    result = Lbp(scales=(radius,)).values(plane)
    peer = local_binary_pattern(plane.exact, 8 * radius, radius, method="var")[square_inside(plane.mask, radius)]
    quartiles = np.percentile(np.nan_to_num(peer), [25, 50, 75]) / 1000**2
    # The peer rounds the places of the points to five decimals.
    assert result[f"var_median.r{radius}"] == pytest.approx(quartiles[1], rel=1e-4)
    assert result[f"var_iqr.r{radius}"] == pytest.approx(quartiles[2] - quartiles[0], rel=1e-4)


@pytest.mark.parametrize("radius", range(1, 8))
def test_points_lie_on_the_circle_and_their_weights_sum_to_one(radius: int) -> None:
    corners, weights = circle(radius)
    assert (weights.sum(axis=1) == 1).all()
    upper, lower, left, right = corners.T
    down = weights[:, :2].sum(axis=1) * upper + weights[:, 2:].sum(axis=1) * lower
    across = weights[:, ::2].sum(axis=1) * left + weights[:, 1::2].sum(axis=1) * right
    angles = 2 * np.pi * np.arange(8 * radius) / (8 * radius)
    np.testing.assert_allclose(across, radius * np.cos(angles), atol=2**-17 + 1e-12)
    np.testing.assert_allclose(down, radius * np.sin(angles), atol=2**-17 + 1e-12)
    assert np.abs(corners).max() == radius


@pytest.mark.parametrize("radius", range(1, 8))
def test_on_a_ramp_half_the_circle_is_not_darker_and_the_variance_is_known(radius: int) -> None:
    result = Lbp(scales=(radius,)).values(ramp(7, np.ones((20, 26), dtype=bool)))
    # Interpolation is exact on a ramp, and the two points above and below the middle tie with it.
    points = 8 * radius
    expected = np.zeros(points + 2)
    expected[points // 2 + 1] = 1
    assert bins_of(result, radius).tolist() == expected.tolist()
    # The mean of (7 R cos)^2 over the circle.
    assert result[f"var_median.r{radius}"] == pytest.approx((7 * radius) ** 2 / 2, rel=1e-5)
    assert result[f"var_iqr.r{radius}"] == pytest.approx(0, abs=1e-9)


def test_a_bright_pixel_and_a_dark_one() -> None:
    exact = np.full((9, 18), 50, dtype=np.int32)
    exact[4, 4], exact[4, 13] = 200, 0
    result = bins_of(Lbp(scales=(1,)).values(MaskedChannel(exact, np.ones_like(exact, dtype=bool))), 1)
    # Of 7 x 16 pixels: the bright one is brighter than all eight points; the four beside the dark one have it and,
    # by interpolation, the two points next to it below themselves, those at its corners the one point on its side.
    expected = np.zeros(10)
    expected[[0, 5, 7]] = 1, 4, 4
    expected[8] = 7 * 16 - 9
    np.testing.assert_array_equal(result, expected / (7 * 16))


def test_components_are_weighed_by_their_circles(draw: Any) -> None:
    one, two = (plane_of(Cell("", draw.speckled(mask, 3), mask)) for mask in (draw.disc(9), draw.disc(14)))
    height = max(one.mask.shape[0], two.mask.shape[0])
    exact, mask = (
        np.hstack([np.pad(a, ((0, height - len(a)), (0, 3))) for a in arrays])
        for arrays in ((one.exact, two.exact), (one.mask, two.mask))
    )
    both = bins_of(Lbp(scales=(2,)).values(MaskedChannel(exact, mask, 1000)), 2)
    sizes = np.array([np.count_nonzero(square_inside(plane.mask, 2)) for plane in (one, two)])
    parts = np.stack([bins_of(Lbp(scales=(2,)).values(plane), 2) for plane in (one, two)])
    np.testing.assert_allclose(both, sizes @ parts / sizes.sum(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (1, 30), (2, 30), (30, 1)])
def test_without_a_circle_inside_is_too_small(shape: tuple[int, int]) -> None:
    exact = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    result = Lbp(scales=RADII).values(MaskedChannel(exact, np.ones(shape, dtype=bool)))
    assert set(result.values()) == {Status.TOO_SMALL}


def test_one_circle_of_one_radius_is_enough() -> None:
    exact = np.arange(25, dtype=np.int32).reshape(5, 5)
    result = Lbp(scales=RADII).values(MaskedChannel(exact, np.ones((5, 5), dtype=bool)))
    for name, value in result.items():
        assert (value is Status.TOO_SMALL) == name.endswith("r3"), name
    assert result["var_iqr.r2"] == 0


def test_columns_are_named_by_bin_and_radius() -> None:
    names = Lbp(scales=2, regions=("cell", "nucleus"), channels="green").get_feature_names_out()
    assert len(names) == 2 * (18 + 2)
    assert names[0] == "lbp.u0.cell.green.r2"
    assert names[17] == "lbp.other.cell.green.r2"
    assert len(Lbp().get_feature_names_out()) == 10 + 18 + 26 + 3 * 2
