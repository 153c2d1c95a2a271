"""Real cells for the tests of segmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from extractors.images.pixels import read_image


@pytest.fixture(scope="package")
def real_cells(shared: Path) -> list[npt.NDArray[np.uint8]]:
    """RGB images of 52 cells of the C-NMC sample, on black."""
    return [read_image(path) for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))]
