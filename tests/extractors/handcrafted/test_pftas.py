"""Threshold adjacency statistics against mahotas and a plain count, under turns, and where a range is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mahotas
import numpy as np
import pytest

from extractors.cells import CellFile, Cells
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.pftas import FEATURES, Pftas, thresholds

NAMES = [feature.name for feature in FEATURES]


def speckled_plane(draw: Any, channel: str = "green") -> MaskedChannel:
    mask = draw.ellipse(34, 21, 0.4)
    plane = CellRegions(draw.speckled(mask), mask).masked_channel("cell", channel)
    assert isinstance(plane, MaskedChannel)
    return plane


def in_mahotas_order(result: dict[str, Any]) -> np.ndarray:
    """Of each range the pixels out of it by neighbours in it, then of each negative the pixels in by those out."""
    table = np.array([result[name] for name in NAMES]).reshape(3, 2, 9)
    return np.concatenate([table[:, 1, ::-1].ravel(), table[:, 0, ::-1].ravel()])


def shares(plane: MaskedChannel, ranges: list[np.ndarray]) -> dict[str, float]:
    """Counted pixel by pixel."""
    height, width = plane.mask.shape
    counts = np.zeros((3, 2, 9))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            window = slice(y - 1, y + 2), slice(x - 1, x + 2)
            if plane.mask[window].all():
                for which, inside in enumerate(ranges):
                    alike = np.count_nonzero(inside[window] == inside[y, x]) - 1
                    counts[which, 0 if inside[y, x] else 1, alike] += 1
    return dict(zip(NAMES, (counts / counts.sum(axis=2, keepdims=True)).ravel().tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_all_54_are_those_of_mahotas(seed: int) -> None:
    # Mahotas mirrors the image at its frame; we count only pixels with all neighbours inside. So the image is given to
    # us with its frame mirrored, and drawn so that this repeats each value in proportion: what is added, five times.
    rng = np.random.default_rng(seed)
    image = rng.choice(np.arange(12, 220, 13, dtype=np.int32), (20, 22))
    values, added = np.unique(np.pad(image, 1, mode="symmetric"), return_counts=True)
    frame = np.ones(image.shape, dtype=bool)
    frame[1:-1, 1:-1] = False
    added -= [np.count_nonzero(image == value) for value in values]
    rest = [5 * n - np.count_nonzero(image[frame] == value) for value, n in zip(values, added, strict=True)]
    image[~frame] = rng.permutation(np.repeat(values, rest))
    padded = np.pad(image, 1, mode="symmetric")
    result = Pftas().values(MaskedChannel(padded, np.ones_like(padded, dtype=bool)))
    expected = mahotas.features.pftas(image.astype(np.uint8))
    assert len(expected) == len(result) == 54
    np.testing.assert_allclose(in_mahotas_order(result), expected, rtol=1e-12)


@pytest.mark.parametrize("channel", ["red", "green", "blue"])
def test_the_threshold_is_that_of_mahotas_in_the_mask(draw: Any, channel: str) -> None:
    plane = speckled_plane(draw, channel)
    inside = plane.exact[plane.mask].astype(np.uint8)
    above = inside[inside > mahotas.otsu(inside[None])]
    assert thresholds(plane) == pytest.approx((above.mean(), above.std()), rel=1e-12)


@pytest.mark.parametrize("channel", ["luma", "green", "saturation", "b"])
def test_counts_are_those_of_a_plain_loop(draw: Any, channel: str) -> None:
    plane = speckled_plane(draw, channel)
    cut = thresholds(plane)
    mean, sd = cut
    values = plane.integers[0]
    ranges = [np.abs(values - mean) < sd, values > mean - sd, values > mean]
    assert Pftas().values(plane) == pytest.approx(shares(plane, ranges), rel=1e-12)


def test_real_cells_are_counted_right(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::30]
    assert paths
    for cell in Cells(CellFile(path.stem, str(path)) for path in paths):
        plane = CellRegions(cell.image, cell.mask).masked_channel("cell", "green")
        assert isinstance(plane, MaskedChannel)
        grey = plane.exact.astype(np.uint8)
        inside = grey[plane.mask]
        above = inside[inside > mahotas.otsu(inside[None])]
        mean, sd = above.mean(), above.std()
        ranges = [np.abs(grey - mean) < sd, grey > mean - sd, grey > mean]
        assert Pftas().values(plane) == pytest.approx(shares(plane, ranges), rel=1e-12)


def test_stripes() -> None:
    # Rows of 0, 60 and 80 in turn: Otsu splits 0 from the rest, whose mean is 70 and deviation 10; so `low` is
    # 80 alone (60 is not above 70 - 10), as is `mean`, and `near` is empty.
    exact = np.repeat(np.tile([0, 60, 80], 5), 20).reshape(15, 20).astype(np.int32)
    result = Pftas().values(MaskedChannel(exact, np.ones((15, 20), dtype=bool)))
    for name in ("low", "mean"):
        assert [n for n in range(9) if result[f"{name}_in{n}"]] == [2]
        assert result[f"{name}_in2"] == 1
        assert [n for n in range(9) if result[f"{name}_out{n}"]] == [5]
    assert {result[f"near_in{n}"] for n in range(9)} == {Status.TOO_SMALL}
    assert result["near_out8"] == 1


@pytest.mark.parametrize("shape", [(1, 2), (1, 30), (2, 30), (30, 2)])
def test_without_a_pixel_among_eight_is_too_small(shape: tuple[int, int]) -> None:
    exact = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    assert Pftas().values(MaskedChannel(exact, np.ones(shape, dtype=bool))) == dict.fromkeys(NAMES, Status.TOO_SMALL)


def test_one_pixel_among_eight_is_enough() -> None:
    # Otsu splits 0 to 3 from 4 to 8, of mean 6 and deviation 1.41: 5 to 7 are near, 5 to 8 low, 7 and 8 above the
    # mean; the one in the middle, 4, is in no range.
    result = Pftas().values(MaskedChannel(np.arange(9, dtype=np.int32).reshape(3, 3), np.ones((3, 3), dtype=bool)))
    assert {name for name, value in result.items() if value == 1} == {"near_out5", "low_out4", "mean_out6"}
    assert {result[f"low_in{n}"] for n in range(9)} == {Status.TOO_SMALL}


def test_columns_are_named() -> None:
    names = Pftas(regions=("cell", "nucleus"), channels="green").get_feature_names_out()
    assert len(names) == 2 * 54
    assert names[0] == "pftas.near_in0.cell.green"
    assert names[-1] == "pftas.mean_out8.nucleus.green"
