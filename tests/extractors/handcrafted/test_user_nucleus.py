"""A user mask of the nucleus overrides the segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.size import Size


def test_the_user_mask_of_the_nucleus_is_measured(draw: Any) -> None:
    mask = draw.disc(40)
    image = np.where(mask[..., None], [170, 150, 190], 0)
    y, x = np.indices(mask.shape) - np.array(mask.shape)[:, None, None] // 2
    dark, drawn = np.hypot(x, y) <= 24, np.hypot(x - 5, y) <= 15
    image[dark] = [80, 40, 120]
    masks = [None, drawn, np.zeros_like(mask)]
    cells = [Cell("c", image.astype(np.uint8), mask, nucleus=nucleus) for nucleus in masks]
    values, status = Size().transform_with_status(cells)
    column = list(Size().get_feature_names_out()).index("size.area.nucleus")
    assert values[1, column] == np.count_nonzero(drawn)
    assert values[0, column] == pytest.approx(np.count_nonzero(dark), rel=0.01)
    assert status[:, column].tolist() == [Status.OK, Status.OK, Status.NO_NUCLEUS]
