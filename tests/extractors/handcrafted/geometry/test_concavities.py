"""Concavities against closed forms and OpenCV's defects."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.geometry.concavities import concavities
from extractors.handcrafted.geometry.contour import outline, signed_area


def test_a_notch_in_a_square() -> None:
    result = concavities(np.array([[0.0, 0], [6, 0], [6, 1], [2, 2], [6, 3], [6, 6], [0, 6]]))
    deepest = int(np.argmax(result.depth))
    assert result.depth[deepest] == 4
    assert result.opening[deepest] == 2
    assert result.area[deepest] == 4
    assert result.middle[deepest].tolist() == [6, 2]
    assert np.count_nonzero(result.depth) == 1
    assert result.opening.sum() == 24


def test_a_wedge_of_30_px_is_29_px_below_its_chord(draw: Any) -> None:
    disc = draw.disc(100)
    y, x = np.mgrid[-104:105, -104:105]
    wedge = disc & ~((x >= 70) & (np.abs(y) <= (x - 70) / 2))
    depths = np.sort(concavities(outline(wedge, sigma=0.7)).depth)
    # The lips lie where y = (x - 70) / 2 meets the circle, at x = 98.95; the blur fills some of the tip.
    assert depths[-1] == pytest.approx(28.95, abs=0.8)
    assert depths[-2] < 0.8


@pytest.mark.parametrize("clefts", range(5))
def test_depths_are_opencvs_defects(draw: Any, clefts: int) -> None:
    loop = outline(draw.cleft_nucleus(clefts, 0.2, np.random.default_rng(clefts)))
    # OpenCV takes whole numbers only.
    fine = np.rint(loop * 1000).astype(np.int32)
    defects = np.asarray(cv2.convexityDefects(fine, cv2.convexHull(fine, returnPoints=False))).reshape(-1, 4)
    theirs = np.sort(defects[:, 3] / 256_000)[::-1]
    ours = np.sort(concavities(loop).depth)[::-1]
    # Where they are shallow, rounding adds and drops corners of the hull.
    deep = int(np.count_nonzero(theirs > 0.45))
    assert deep >= max(clefts, 1)
    np.testing.assert_allclose(ours[:deep], theirs[:deep], atol=0.002)
    assert np.all(ours[deep:] < 0.46)


def test_areas_add_up_to_the_hull(draw: Any) -> None:
    loop = outline(draw.cleft_nucleus(3, 0.3, np.random.default_rng(2)))
    hull = float(cv2.contourArea(cv2.convexHull(loop.astype(np.float32))))
    assert concavities(loop).area.sum() == pytest.approx(hull - signed_area(loop), rel=1e-4)
