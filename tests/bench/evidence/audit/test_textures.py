from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench.evidence.audit.textures import similarity, texture


def grain(seed: int, size: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(120 + 250 * gaussian_filter(rng.normal(size=(size, size)), 2), 0, 255).astype(np.uint8)


def disc(size: int = 120) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.hypot(x, y) < size / 2


def on_black(grey: np.ndarray) -> np.ndarray:
    return np.where(disc(len(grey)), grey, 0).astype(np.uint8)


def test_a_cell_is_like_itself_and_unlike_another() -> None:
    one, two = (texture(on_black(grain(seed)), disc()) for seed in (0, 1))
    assert similarity(one, one, reach=7) == pytest.approx(1.0, abs=1e-5)
    assert abs(similarity(one, two, reach=7)) < 0.3
    assert np.square(one).sum() == pytest.approx(1.0, abs=1e-5)


def test_brightness_and_offset_do_not_count() -> None:
    grey = grain(0)
    changed = np.rint(0.8 * grey + 30).astype(np.uint8)
    assert similarity(texture(on_black(grey), disc()), texture(on_black(changed), disc()), reach=7) > 0.99


@pytest.mark.parametrize(("shift", "alike"), [(5, True), (12, False)])
def test_shifts_up_to_the_reach_are_detected(shift: int, alike: bool) -> None:
    wide = grain(0, 160)
    one, two = wide[20:140, 20:140], wide[20:140, 20 + shift : 140 + shift]
    inside = np.ones((120, 120), dtype=bool)
    result = similarity(texture(one, inside), texture(two, inside), reach=7)
    assert (result > 0.9) == alike


def test_what_all_cells_on_black_share_does_not_count() -> None:
    shaded = np.where(disc(), 90 + 80 * np.hypot(*(np.mgrid[:120, :120] - 59.5)) / 60, 0)
    one, two = (np.clip(shaded + np.where(disc(), grain(seed) - 120.0, 0), 0, 255).astype(np.uint8) for seed in (0, 1))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.8
    assert abs(similarity(texture(one, disc()), texture(two, disc()), reach=7)) < 0.3


@pytest.mark.parametrize("inside", [disc(), np.zeros((120, 120), dtype=bool)])
def test_a_flat_or_empty_cell_is_like_nothing(inside: np.ndarray) -> None:
    none = texture(np.full((120, 120), 90, np.uint8), inside)
    assert not none.any()
    assert similarity(none, none, reach=7) == 0.0


def test_crops_of_slightly_different_sizes_can_be_compared() -> None:
    grey = grain(0)
    one, two = grey[:118, :116], grey
    result = similarity(*(texture(part, np.ones(part.shape, dtype=bool)) for part in (one, two)), reach=7)
    assert result > 0.9
