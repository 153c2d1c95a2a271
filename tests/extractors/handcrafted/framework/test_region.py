"""Regions: crops, moments, widths, cuts by the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.measure import regionprops

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.region import Region, bounds
from extractors.handcrafted.framework.status import Status


def test_geometry_agrees_with_scikit_image(draw: Any) -> None:
    mask = draw.ellipse(43, 27, 0.5, (0.3, -0.2))
    region, peer = Region(mask), regionprops(mask.astype(np.uint8))[0]
    assert region.area == peer.area
    assert 4 * np.sqrt(region.principal_variances[0]) == pytest.approx(peer.axis_major_length, rel=1e-12)
    assert 4 * np.sqrt(region.principal_variances[1]) == pytest.approx(peer.axis_minor_length, rel=1e-12)
    rows, columns = bounds(mask)
    np.testing.assert_allclose(
        region.centroid - 1 + [columns.start, rows.start], np.array(peer.centroid)[::-1], rtol=1e-12
    )
    # The peer takes its hull through other points of the outermost pixels.
    assert region.feret[0] == pytest.approx(peer.feret_diameter_max, abs=0.5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (6, 8), (30, 40)])
def test_widths_of_rectangles_are_exact(draw: Any, height: int, width: int) -> None:
    region = Region(draw.rectangle(height, width))
    assert region.feret == pytest.approx((np.hypot(height, width), min(height, width)), rel=1e-6)


def test_a_line_has_no_variance_across(draw: Any) -> None:
    largest, smallest = Region(draw.rectangle(1, 9)).principal_variances
    assert largest == pytest.approx((9**2 - 1) / 12)
    assert smallest == 0


def test_a_tight_crop_is_complete_and_a_halved_disc_is_truncated(draw: Any) -> None:
    for radius in (3, 6, 12, 25, 50, 100, 400):
        disc = draw.disc(radius)
        tight = disc[bounds(disc)]
        assert not Region(disc).is_truncated
        assert not Region(tight).is_truncated
        assert Region(tight[: radius + 1]).is_truncated
    assert Region(np.ones((20, 30), dtype=bool)).is_truncated


def test_a_disc_without_a_third_of_its_radius_is_truncated(draw: Any) -> None:
    tight = draw.disc(60)[bounds(draw.disc(60))]
    assert Region(tight[20:]).is_truncated
    assert not Region(tight[2:]).is_truncated


def test_opening_removes_threads_and_crumbs(draw: Any) -> None:
    mask = draw.disc(20)
    threaded = mask.copy()
    threaded[24, 40:48] = True
    threaded[0, 0] = True
    clean = Region(threaded).opened
    assert clean is not None
    assert abs(clean.area - Region(mask).area) <= 4
    assert Region(draw.rectangle(1, 30)).opened is None


def test_regions_are_cropped_to_the_mask(draw: Any) -> None:
    mask = draw.disc(10)
    parts = CellRegions(draw.speckled(mask), mask)
    assert parts.image.shape == (21, 21, 3)
    assert parts.mask.sum() == mask.sum()


def test_regions_without_features_have_a_status(draw: Any) -> None:
    mask = draw.disc(10)
    flat = CellRegions(np.where(mask[..., None], np.uint8(90), np.uint8(0)).repeat(3, axis=2), mask)
    assert flat.outline("cell") is flat.cell_region
    assert (
        flat.outline("nucleus")
        is flat.mask_of("nucleus")
        is flat.masked_channel("cytoplasm", "luma")
        is Status.NO_NUCLEUS
    )
    assert flat.outline("cell", min_area=1000) is Status.TOO_SMALL
    cut = CellRegions(np.zeros((30, 30, 3), dtype=np.uint8), np.ones((30, 30), dtype=bool))
    assert cut.outline("cell") is Status.TOUCHES_BORDER


def test_a_user_mask_of_the_nucleus_is_not_segmented(draw: Any) -> None:
    mask, nucleus = draw.ellipse(30, 25), draw.ellipse(30, 25)
    nucleus[:, :33] = False
    parts = CellRegions(draw.speckled(mask), mask, nucleus=nucleus)
    assert parts.nucleus_region is not None
    assert parts.nucleus_region.area == nucleus.sum()
    cytoplasm = parts.masked_channel("cytoplasm", "green")
    assert not isinstance(cytoplasm, Status)
    assert cytoplasm.mask.sum() == mask.sum() - nucleus.sum()
    assert CellRegions(draw.speckled(mask), mask, nucleus=np.zeros_like(mask)).outline("nucleus") is Status.NO_NUCLEUS
