"""Notices of how images and masks were read, from scans of drawn files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from bench.datasets.scanning.scan import scan
from bench.datasets.table import Dataset, ReadOptions, cell_table

pytestmark = pytest.mark.usefixtures("own_cache")

RGB = np.zeros((40, 40, 3), np.uint8)
RGB[10:30, 8:28] = np.random.default_rng(0).integers(60, 255, (20, 20, 3))
RGB[10:13, 8:13] = RGB[27:30, 23:28] = 0  # no rectangle
MASK = (RGB.any(axis=2) * 255).astype(np.uint8)
BLACK_UNDER = np.where(MASK[..., None] > 0, RGB, 90).astype(np.uint8)


def notices(
    folder: Path,
    *images: npt.NDArray[np.generic],
    masks: list[npt.NDArray[np.generic]] | None = None,
    options: ReadOptions | None = None,
) -> tuple[str, ...]:
    def written(prefix: str, pixels: npt.NDArray[np.generic], index: int) -> str:
        path = folder / f"{prefix}{index}.png"
        assert cv2.imwrite(str(path), pixels)
        return str(path)

    paths = [written("c", pixels, index) for index, pixels in enumerate(images)]
    table = cell_table(
        cell=[Path(path).name for path in paths],
        path=paths,
        label=["a"] * len(paths),
        patient=["p"] * len(paths),
        mask_path=None if masks is None else [written("m", mask, index) for index, mask in enumerate(masks)],
    )
    result = scan(Dataset("d", "test", table, None, options or ReadOptions()))
    assert not result.problems
    return result.notices


def test_plain_images_need_no_notice(tmp_path: Path) -> None:
    assert notices(tmp_path, RGB, RGB[::-1], RGB.astype(np.uint16) * 257) == ()


@pytest.mark.parametrize(("bits", "white"), [(12, 4095), (10, 1023), (14, 16383)])
def test_values_of_fewer_bits_in_16_name_the_white_level(tmp_path: Path, bits: int, white: int) -> None:
    deep = RGB.astype(np.uint16) << (bits - 8)
    (notice,) = notices(tmp_path, deep, deep)
    assert f"exceeds {deep.max()} (2 images)" in notice
    assert f"pass --white-level {white}" in notice
    assert notices(tmp_path, deep, options=ReadOptions(white_level=white)) == ()


def test_images_of_different_depths_are_reported(tmp_path: Path) -> None:
    dark, bright = RGB.astype(np.uint16) * 16, RGB.astype(np.uint16) * 257
    (notice,) = notices(tmp_path, dark, bright)
    assert "16-bit images differ in depth: 1 of 2 have no value above" in notice
    assert notices(tmp_path, bright, bright // 2) == ()


def test_a_hot_pixel_does_not_hide_the_depth(tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * 16
    deep[15, 15, 0] = 65535
    assert "pass --white-level 4095" in notices(tmp_path, deep, RGB.astype(np.uint16) * 16)[0]


def test_different_orientation_tags_of_image_and_mask_are_reported(tmp_path: Path) -> None:
    table = cell_table(
        cell=["c"], path=[str(tmp_path / "c.jpg")], label=["a"], patient=["p"], mask_path=[str(tmp_path / "m.png")]
    )
    Image.fromarray(MASK).save(tmp_path / "m.png")
    for orientation, count in ((3, 1), (1, 0)):
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(RGB).save(tmp_path / "c.jpg", exif=exif, quality=95)
        result = scan(Dataset("d", "test", table, None, ReadOptions()))
        assert len([n for n in result.notices if "orientation tags of image and mask differ" in n]) == count


def test_a_white_level_that_clips_or_is_not_used_is_reported(tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * 16
    assert notices(tmp_path, deep, options=ReadOptions(white_level=2000)) == (
        "values above --white-level 2000 are clipped in 1 of 1 16-bit images",
    )
    assert notices(tmp_path, RGB, options=ReadOptions(white_level=2000)) == (
        "--white-level is not used: no image has 16 bits",
    )


def test_a_crop_with_a_black_border_is_reported(tmp_path: Path) -> None:
    crop = np.zeros((84, 84, 3), np.uint8)
    crop[10:74, 10:74] = np.random.default_rng(0).integers(150, 255, (64, 64, 3))
    (notice,) = notices(tmp_path, RGB, crop)
    assert notice.startswith(
        "the cell is a rectangle, so it is probably an image with a black border; pass --mask: 1 of 2"
    )


def test_transparent_pixels_are_reported(tmp_path: Path) -> None:
    (notice,) = notices(tmp_path, RGB, np.dstack([BLACK_UNDER, MASK]))
    assert notice == "pixels that are less than half opaque are black: 1 of 2 images, such as c1.png"
    assert notices(tmp_path, np.dstack([RGB, MASK * 0 + 255])) == ()


def test_a_former_jpeg_is_reported_where_the_cell_is_segmented(tmp_path: Path) -> None:
    ringing = cv2.imdecode(cv2.imencode(".jpg", RGB, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_COLOR)
    (notice,) = notices(tmp_path, RGB, np.asarray(ringing))
    assert notice.startswith("values up to 16 of 255 are background")
    assert "1 of 2 images, such as c1.png" in notice
    assert not any("16 of 255" in n for n in notices(tmp_path, np.asarray(ringing), masks=[MASK]))


def test_mask_values_and_their_interpretation_are_reported(tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(MASK, (0, 0), 1.5)
    reported = notices(tmp_path, RGB, RGB, RGB, masks=[MASK, MASK // 255, np.asarray(soft)])
    assert reported == (
        f"masks with the values 0..255 ({len(np.unique(soft))} values): values above half of white are inside (1 file)",
        "masks with the values 0, 255; 0, 1: every value but 0 is inside (2 files)",
    )
    labels = (MASK // 255 + (MASK[::-1] // 255) * 2).astype(np.uint8)
    (stated,) = notices(tmp_path, RGB, masks=[labels], options=ReadOptions(mask_values="1+3"))
    assert stated.endswith("1+3 is inside (1 file)")
    assert notices(tmp_path, RGB, options=ReadOptions(mask_values="1")) == (
        "--mask-values is not used: no cell has a mask file",
    )


def test_a_mask_of_several_images_is_reported(tmp_path: Path) -> None:
    shared = [n for n in notices(tmp_path, RGB, RGB[::-1], masks=[MASK, MASK]) if "different image" in n]
    assert shared == ["the mask is also that of a different image: 2 of 2 images, such as c0.png"]
    assert not any("different image" in n for n in notices(tmp_path, RGB, RGB, masks=[MASK, MASK]))


def test_one_file_for_cell_and_nucleus_is_reported(tmp_path: Path) -> None:
    path, mask = str(tmp_path / "c.png"), str(tmp_path / "m.png")
    assert cv2.imwrite(path, RGB)
    assert cv2.imwrite(mask, MASK)
    table = cell_table(cell=["c"], path=[path], label=["a"], patient=["p"], mask_path=[mask], nucleus_path=[mask])
    result = scan(Dataset("d", "test", table, None, ReadOptions()))
    assert any("cell and nucleus are the same file" in notice for notice in result.notices)
