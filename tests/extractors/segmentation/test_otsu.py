"""Otsu's threshold: OpenCV's own, and closed forms of what it explains."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from extractors.segmentation.otsu import ONE_POPULATION, otsu


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
