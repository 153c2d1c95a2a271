"""The nucleus in its cell on discs with closed forms; nucleoli that were planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from extractors.cells import CellFile, Cells
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.nucleus import Nucleus, nucleoli

BoolMask = np.ndarray
PLACE = ("nucleus.nc_ratio", "nucleus.offset", "nucleus.ring_mean", "nucleus.ring_min", "nucleus.ring_max")
SPOTS = ("nucleus.nucleolus_count", "nucleus.nucleolus_share")


def disc(radius: float, x: float = 0.0, y: float = 0.0, half: int = 80) -> BoolMask:
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    return np.asarray(np.hypot(columns - x, rows - y) <= radius)


def parts_of(cell: BoolMask, nucleus: BoolMask, um_per_px: float | None = None) -> CellRegions:
    image = np.where(nucleus[..., None], [90, 30, 120], np.where(cell[..., None], [170, 150, 190], 0))
    return CellRegions(image.astype(np.uint8), cell, um_per_px, nucleus)


@pytest.mark.parametrize(
    ("outer", "inner", "x", "y"), [(60, 40, 0, 0), (60, 40, 12, 0), (70, 30, -15, 20), (33, 20, 0, 9)]
)
def test_discs_have_the_closed_forms(outer: float, inner: float, x: float, y: float) -> None:
    result = Nucleus().measure(parts_of(disc(outer), disc(inner, x, y)))
    shift = np.hypot(x, y)
    assert result["nucleus.nc_ratio"] == pytest.approx((inner / outer) ** 2, rel=0.01)
    assert result["nucleus.offset"] == pytest.approx(shift / outer, abs=0.002)
    # From the nucleus's border at angle t the cell's edge is R - |c + r (cos t, sin t)| away; pixels blur both by one.
    angles = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
    widths = outer - np.hypot(x + inner * np.cos(angles), y + inner * np.sin(angles))
    assert result["nucleus.ring_min"] == pytest.approx(outer - inner - shift, abs=1)
    assert result["nucleus.ring_max"] == pytest.approx(outer - inner + shift, abs=1)
    assert result["nucleus.ring_mean"] == pytest.approx(widths.mean(), abs=0.6)


def test_squares_to_the_pixel() -> None:
    """A square of 21 in one of 41, 4 px from its left side, 16 from the right, 10 above and below."""
    cell, nucleus = np.zeros((2, 61, 61), dtype=bool)
    cell[10:51, 10:51] = True
    nucleus[20:41, 14:35] = True
    result = Nucleus().measure(parts_of(cell, nucleus))
    assert result["nucleus.nc_ratio"] == (21 / 41) ** 2
    assert result["nucleus.offset"] == pytest.approx(6 / (41 / np.sqrt(np.pi)), rel=1e-12)
    assert result["nucleus.ring_min"] == 4
    assert result["nucleus.ring_max"] == 16
    # 80 border pixels: 21 at the left 4 px from outside; above and below 4, 5, ... up to 10, then 10 until the right.
    sides = 21 * [4] + [min(10, 4 + k) for k in range(1, 20)] * 2 + [min(16, 10 + k) for k in range(11)]
    sides += [min(16, 10 + k) for k in range(10)]
    assert result["nucleus.ring_mean"] == pytest.approx(np.mean(sides), rel=1e-12)


def test_a_cell_without_a_nucleus(draw: Any) -> None:
    mask = draw.disc(30)
    result = Nucleus().measure(
        CellRegions(np.where(mask[..., None], np.uint8(120), np.uint8(0)).repeat(3, axis=2), mask)
    )
    assert set(result.values()) == {Status.NO_NUCLEUS}
    assert list(result) == list(Nucleus().get_feature_names_out())


def test_a_nucleus_that_fills_the_cell_has_no_ring() -> None:
    result = Nucleus().measure(parts_of(disc(40), disc(40)))
    assert result["nucleus.nc_ratio"] == 1
    assert result["nucleus.offset"] == pytest.approx(0, abs=1e-12)
    assert [result[name] for name in PLACE[2:]] == [Status.TOO_SMALL] * 3
    assert result["nucleus.nucleolus_count"] == 0


def test_a_nucleus_of_a_few_pixels_has_a_place_and_no_spots() -> None:
    result = Nucleus().measure(parts_of(disc(40), disc(11)))
    assert result["nucleus.ring_mean"] == pytest.approx(29, abs=0.4)
    assert [result[name] for name in SPOTS] == [Status.TOO_SMALL] * 2


def test_the_frame_may_cut_the_cell_and_not_the_nucleus() -> None:
    cell, nucleus = disc(60), disc(25, -20)
    cropped = parts_of(cell[:, :100], nucleus[:, :100])
    result = Nucleus().measure(cropped)
    assert [result[name] for name in PLACE] == [Status.TOUCHES_BORDER] * 5
    assert result["nucleus.nucleolus_count"] == 0
    both = Nucleus().measure(parts_of(cell[:, :60], nucleus[:, :60]))
    assert set(both.values()) == {Status.TOUCHES_BORDER}


def planted(rng: np.random.Generator, count: int) -> tuple[np.ndarray, BoolMask, float]:
    """A noisy nucleus as dark as real ones with pale discs in it, and the share of its area that they cover."""
    radius, size = rng.uniform(50, 110), rng.uniform(0.1, 0.18)
    nucleus = disc(radius, half=120)
    centres: list[np.ndarray] = []
    while len(centres) < count:
        centre = rng.uniform(-radius, radius, 2)
        apart = all(np.hypot(*(centre - other)) > (2 * size + 0.12) * radius for other in centres)
        if apart and np.hypot(*centre) < (0.82 - size) * radius:
            centres.append(centre)
    density = np.where(nucleus, 0.9, 0.3)
    for x, y in centres:
        density[disc(size * radius, x, y, half=120)] *= 1 - rng.uniform(0.3, 0.45)
    green = 256 * 10 ** -cv2.GaussianBlur(density, (0, 0), 1.5) - 1
    noise = cv2.GaussianBlur(rng.normal(0, 6, green.shape), (0, 0), 0.7)
    seen = np.clip(np.rint(green + noise), 0, 255)
    return -np.log10((seen + 1) / 256), nucleus, count * size**2


@pytest.mark.parametrize("count", range(5))
def test_planted_nucleoli_are_counted(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(12):
        density, nucleus, share = planted(rng, count)
        areas = nucleoli(density, nucleus, ndimage.distance_transform_edt(nucleus), contrast=0.12, smallest=0.005)
        assert len(areas) == count
        assert areas.sum() / nucleus.sum() == pytest.approx(share, rel=0.25)


def test_spots_on_the_rim_are_ignored_and_wide_ones_counted() -> None:
    nucleus = disc(100, half=120)
    distance = ndimage.distance_transform_edt(nucleus)
    rim, wide = disc(5, 94, 0, half=120), disc(35, half=120)
    # Of the radius, the outer tenth is left out, and the wide spot takes 35 %.
    for pale, area in ((rim & nucleus, 0), (wide, wide.sum())):
        areas = nucleoli(np.where(pale, 0.5, 0.9), nucleus, distance, contrast=0.12, smallest=0)
        assert areas.sum() == pytest.approx(area, rel=0.1)


def test_the_strength_of_the_stain_is_irrelevant() -> None:
    density, nucleus, _ = planted(np.random.default_rng(9), 3)
    distance = ndimage.distance_transform_edt(nucleus)
    areas = [nucleoli(density * k, nucleus, distance, contrast=0.12, smallest=0.005) for k in (1, 0.5, 2)]
    np.testing.assert_allclose(areas[1], areas[0], rtol=0.01)
    np.testing.assert_allclose(areas[2], areas[0], rtol=0.01)


def test_parameters_define_a_nucleolus() -> None:
    cell = disc(70)
    nucleus, pale, small = disc(60), disc(9, 20), disc(5, -20)
    image = np.where(nucleus[..., None], [90, 25, 120], np.where(cell[..., None], [170, 150, 190], 0)).astype(np.uint8)
    image[pale], image[small] = (90, 45, 120), (90, 60, 120)

    def counted(**parameters: float) -> Any:
        return Nucleus(**parameters).measure(CellRegions(image, cell, nucleus=nucleus))["nucleus.nucleolus_count"]

    assert counted() == 2
    assert counted(nucleolus_area=0.01) == 1
    assert counted(nucleolus_contrast=0.3, nucleolus_area=0) == 1
    assert counted(nucleolus_contrast=0.5, nucleolus_area=0) == 0


def test_real_lymphoblasts_are_mostly_nucleus(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_2/*/*.bmp"))
    features, status = Nucleus().transform_with_status(Cells([CellFile(path.stem, str(path)) for path in paths]))
    known = features[(status == Status.OK).all(axis=1)]
    ratio, offset, ring, least, most, count, share = known.T
    assert len(known) > 0.6 * len(paths)
    assert np.median(ratio) > 0.8
    assert (offset < 0.4).all()
    assert ((least <= ring) & (ring <= most)).all()
    assert (count == np.rint(count)).all()
    assert 0 < (count > 0).mean() < 1
    assert share.max() < 0.3
