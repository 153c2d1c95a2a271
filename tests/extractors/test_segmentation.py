"""Cell and nucleus masks: drawn truth, JPEG against lossless, expert masks of real cells."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import laplace

from extractors.cells import read_image
from extractors.segmentation import ONE_POPULATION, fill_holes, foreground_mask, nucleus_mask, otsu

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def disc(radius: float, *, size: int = 101, centre: tuple[float, float] = (50, 50)) -> Mask:
    y, x = np.mgrid[:size, :size]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) <= radius)


def painted(*layers: tuple[Mask, tuple[int, int, int]]) -> Image:
    image = np.zeros((*layers[0][0].shape, 3), dtype=np.uint8)
    for mask, colour in layers:
        image[mask] = colour
    return image


def as_jpeg(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


@pytest.fixture(scope="module")
def real_cells(shared: Path) -> list[Image]:
    return [read_image(path) for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))]


def test_foreground_is_the_largest_component_without_holes() -> None:
    cell, hole, debris = disc(30), disc(6), disc(4, centre=(95, 95))
    image = painted((cell | debris, (120, 60, 140)), (hole, (0, 0, 0)))
    np.testing.assert_array_equal(foreground_mask(image), cell)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_channel_is_enough_to_be_foreground(channel: int) -> None:
    image = np.zeros((101, 101, 3), dtype=np.uint8)
    image[disc(20), channel] = 1
    np.testing.assert_array_equal(foreground_mask(image), disc(20))


def test_a_bay_that_reaches_the_frame_is_no_hole() -> None:
    mask = np.ones((20, 20), dtype=bool)
    mask[8:12, 5:] = False
    np.testing.assert_array_equal(fill_holes(mask), mask)


def test_holes_may_touch_the_region_by_corners_only() -> None:
    ring = np.zeros((7, 7), dtype=bool)
    ring[1:6, 1:6] = True
    ring[2:5, 2:5] = False
    ring[1, 1] = False
    # (1, 1) is outside; the hole meets it across a corner, which does not open it.
    filled = fill_holes(ring)
    assert filled[2:5, 2:5].all()
    assert not filled[1, 1]


def test_black_throughout_is_an_empty_mask() -> None:
    black = np.zeros((30, 30, 3), dtype=np.uint8)
    assert not foreground_mask(black).any()
    assert not foreground_mask(black, lossy=True).any()


@pytest.mark.parametrize("lossy", [False, True])
def test_a_bright_frame_names_the_option(lossy: bool) -> None:
    bright = painted((np.ones((101, 101), dtype=bool), (230, 225, 240)), (disc(30), (120, 60, 140)))
    with pytest.raises(ValueError, match=r"not black.*--mask FOLDER.*--mask whole"):
        foreground_mask(bright, lossy=lossy)


def test_a_cell_may_touch_less_than_half_of_the_border() -> None:
    cell = disc(45, centre=(20, 50))
    np.testing.assert_array_equal(foreground_mask(painted((cell, (90, 40, 90)))), cell)


@pytest.mark.parametrize(
    ("quality", "median", "worst"), [(95, 0.01, 0.03), (90, 0.01, 0.03), (75, 0.01, 0.03), (50, 0.01, 0.03)]
)
def test_jpeg_masks_have_the_area_of_lossless_ones(
    real_cells: list[Image], quality: int, median: float, worst: float
) -> None:
    changes = []
    for image in real_cells[::2]:
        lossless = np.count_nonzero(foreground_mask(image))
        changes.append(np.count_nonzero(foreground_mask(as_jpeg(image, quality), lossy=True)) / lossless - 1)
    assert abs(np.median(changes)) < median
    assert np.abs(changes).max() < worst


def test_without_the_margin_jpeg_would_inflate_the_area(real_cells: list[Image]) -> None:
    inflated = []
    for image in real_cells[::4]:
        above_zero = as_jpeg(image, 90).max(axis=2) > 0
        inflated.append(np.count_nonzero(above_zero) / np.count_nonzero(foreground_mask(image)) - 1)
    assert np.median(inflated) > 0.1


def test_nucleus_is_the_dark_part_in_one_piece() -> None:
    cell, nucleus, bubble, granule = disc(40), disc(22), disc(4), disc(3, centre=(50, 82))
    image = painted((cell, (170, 150, 190)), (nucleus | granule, (80, 40, 120)), (bubble, (170, 150, 190)))
    found = nucleus_mask(image, cell)
    assert found is not None
    assert np.count_nonzero(found ^ nucleus) <= 0.01 * np.count_nonzero(nucleus)


def test_nucleus_does_not_see_the_background() -> None:
    cell, nucleus = disc(40), disc(22)
    image = painted((cell, (170, 150, 190)), (nucleus, (80, 40, 120)))
    bright = np.where(cell[..., None], image, np.uint8(255))
    np.testing.assert_array_equal(nucleus_mask(image, cell), nucleus_mask(bright, cell))


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr])
def test_nucleus_turns_with_the_cell(turn: object, real_cells: list[Image]) -> None:
    assert callable(turn)
    for image in real_cells[::12]:
        cell = foreground_mask(image)
        found = nucleus_mask(image, cell)
        turned = nucleus_mask(np.ascontiguousarray(turn(image)), np.ascontiguousarray(turn(cell)))
        assert (found is None) == (turned is None)
        if found is not None and turned is not None:
            np.testing.assert_array_equal(turn(found), turned)


@pytest.mark.parametrize("seed", range(10))
def test_an_even_cell_has_no_nucleus(seed: int) -> None:
    cell = disc(40)
    noise = np.random.default_rng(seed).normal(120, 12, (101, 101, 3))
    assert nucleus_mask(np.where(cell[..., None], noise, 0).astype(np.uint8), cell) is None


def test_a_split_through_one_population_is_no_nucleus() -> None:
    # Green rises from left to right with the quantiles of a Laplace distribution, of which half would be "dark".
    cell = disc(40)
    order = np.argsort(np.where(cell, np.indices(cell.shape)[1], 999).ravel(), kind="stable")[: cell.sum()]
    image = painted((cell, (150, 0, 160)))
    levels = laplace.ppf((np.arange(cell.sum()) + 0.5) / cell.sum(), loc=128, scale=14)
    image.reshape(-1, 3)[order, 1] = levels.clip(1, 255)
    assert (otsu(image[..., 1][cell]) or (0, 1.0))[1] < ONE_POPULATION
    assert nucleus_mask(image, cell) is None


def test_lobes_of_which_none_holds_half_are_no_nucleus() -> None:
    cell = disc(80, size=201, centre=(100, 100))
    turns = np.arange(3) * 2 * np.pi / 3
    places = [(100 + 43.3 * np.cos(turn), 100 + 43.3 * np.sin(turn)) for turn in turns]
    lobes = [disc(36.2, size=201, centre=place) for place in places]
    assert min(np.count_nonzero(lobe) for lobe in lobes) > 0.2 * np.count_nonzero(cell)
    image = painted((cell, (150, 120, 160)), *((lobe, (60, 40, 80)) for lobe in lobes))
    assert nucleus_mask(image, cell) is None


def test_no_nucleus_in_flat_empty_or_sliver_dark() -> None:
    cell = disc(40)
    flat = painted((cell, (150, 120, 160)))
    assert nucleus_mask(flat, cell) is None
    assert nucleus_mask(flat, np.zeros_like(cell)) is None
    assert nucleus_mask(painted((cell, (150, 120, 160)), (disc(12), (60, 40, 80))), cell) is None
    scattered = (
        disc(10, centre=(35, 35)) | disc(10, centre=(65, 35)) | disc(10, centre=(35, 65)) | disc(10, centre=(65, 65))
    )
    assert nucleus_mask(painted((cell, (150, 120, 160)), (scattered, (60, 40, 80))), cell) is None


def test_nuclei_agree_with_expert_masks(shared: Path) -> None:
    overlaps, found = [], 0
    paths = sorted((shared / "data/wbc-masks").glob("dataset*/*.png"))[::4]
    for path in paths:
        parts = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        cell, truth = parts > 64, parts > 192
        nucleus = nucleus_mask(read_image(path.with_suffix(".bmp")), cell)
        if nucleus is not None:
            found += 1
            overlaps.append(np.count_nonzero(nucleus & truth) / np.count_nonzero(nucleus | truth))
    assert found >= 0.8 * len(paths)
    assert np.median(overlaps) > 0.93
    assert np.mean(np.array(overlaps) > 0.8) > 0.8


@pytest.mark.parametrize("seed", range(5))
def test_otsu_is_opencvs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(60, 12, 3000), rng.normal(150, 20, 5000)]).clip(0, 255).astype(np.uint8)
    threshold, explained = otsu(values) or (0, 0.0)
    expected, _ = cv2.threshold(values[None], 0, 255, cv2.THRESH_OTSU)
    assert threshold == int(expected)
    low, high = values[values <= threshold].astype(float), values[values > threshold].astype(float)
    between = len(low) * len(high) / len(values) ** 2 * (low.mean() - high.mean()) ** 2
    assert explained == pytest.approx(between / values.var(), rel=1e-9)


def test_otsu_explains_two_thirds_of_one_population_and_all_of_two_values() -> None:
    normal = np.random.default_rng(0).normal(128, 25, 200_000).clip(0, 255).astype(np.uint8)
    assert (otsu(normal) or (0, 0.0))[1] == pytest.approx(ONE_POPULATION, abs=0.005)
    assert otsu(np.array([10, 10, 200], dtype=np.uint8)) == (10, pytest.approx(1))
    assert otsu(np.full(9, 7, dtype=np.uint8)) is None
    assert otsu(np.zeros(0, dtype=np.uint8)) is None
