"""Reading cells: formats, depths, damage, masks, laziness."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage

from extractors.cells import Cell, CellFile, Cells
from extractors.images import raster
from extractors.images.decoding import verify_image
from extractors.images.masks import read_mask
from extractors.images.pixels import load_image, read_image

SUFFIXES = ("bmp", "png", "jpg", "tif")


@pytest.fixture
def picture() -> npt.NDArray[np.uint8]:
    """RGB, black at the border, 20 x 30."""
    image = np.zeros((20, 30, 3), dtype=np.uint8)
    image[4:16, 5:25] = np.random.default_rng(0).integers(40, 255, (12, 20, 3))
    return image


def save(path: Path, pixels: npt.NDArray[np.generic], **options: object) -> Path:
    PillowImage.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["bmp", "png", "tif"])
def test_lossless_formats_are_read_as_rgb(tmp_path: Path, picture: npt.NDArray[np.uint8], suffix: str) -> None:
    np.testing.assert_array_equal(read_image(save(tmp_path / f"c.{suffix}", picture)), picture)


def test_jpeg_is_read_and_lossy(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    path = save(tmp_path / "c.jpg", smooth, quality=95)
    assert np.abs(read_image(path).astype(int) - smooth).mean() < 4
    assert load_image(path).lossy
    assert not load_image(save(tmp_path / "c.png", picture)).lossy
    assert load_image(save(tmp_path / "jpeg.tif", picture, compression="jpeg")).lossy
    assert not load_image(save(tmp_path / "lzw.tif", picture, compression="tiff_lzw")).lossy


def test_the_format_is_detected_from_the_content(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = save(tmp_path / "c.jpg", picture, format="PNG")
    np.testing.assert_array_equal(read_image(path), picture)
    assert not load_image(path).lossy


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_is_divided_by_257(tmp_path: Path, picture: npt.NDArray[np.uint8], suffix: str) -> None:
    path = tmp_path / f"c.{suffix}"
    cv2.imwrite(str(path), picture[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(path), picture)


def test_the_white_level_scales_12_bit_data(tmp_path: Path) -> None:
    grey = np.array([[0, 1000, 2047, 4095, 5000]], dtype=np.uint16)
    path = tmp_path / "c.png"
    cv2.imwrite(str(path), grey)
    assert read_image(path, white_level=4095)[0, :, 0].tolist() == [0, 62, 127, 255, 255]
    assert read_image(path)[0, :, 0].tolist() == [0, 4, 8, 16, 19]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files_raise(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    complete = save(tmp_path / f"c.{suffix}", noise)
    verify_image(complete)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(complete.read_bytes()[: complete.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=rf"cut\.{suffix}: (damaged|not a readable image)"):
        verify_image(cut)


def test_a_changed_byte_in_a_png_raises(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = save(tmp_path / "c.png", picture)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged image"):
        verify_image(path)


@pytest.mark.parametrize("content", [b"", b"not an image, just text\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_not_an_image_raises(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(content)
    for read in (read_image, read_mask, verify_image):
        with pytest.raises(ValueError, match=r"text\.png: not a readable image \(BMP, PNG, JPEG or TIFF\)"):
            read(path)


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")


def test_huge_images_raise_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "MAX_PIXELS", 20 * 20)
    path = save(tmp_path / "c.png", np.zeros((20, 21, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="21 x 20 pixels"):
        read_image(path)


def test_a_file_is_decoded_on_first_access(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = tmp_path / "later.png"
    cell = Cell.from_file(CellFile("later", str(path), um_per_px=0.2))
    assert (cell.id, cell.um_per_px, repr(cell)) == ("later", 0.2, "Cell('later')")
    save(path, picture)
    np.testing.assert_array_equal(cell.image, picture)
    path.unlink()
    assert cell.image is cell.image
    np.testing.assert_array_equal(Cell("x", picture).mask, picture.any(axis=2))


def test_the_mask_is_the_foreground_the_file_or_the_frame(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    np.testing.assert_array_equal(Cell.from_file(CellFile("c", path)).mask, picture.any(axis=2))
    assert Cell.from_file(CellFile("c", path, mask_by="whole")).mask.all()
    drawn = np.zeros((20, 30), dtype=bool)
    drawn[8:12, 10:20] = True
    annotated = CellFile("c", path, mask_path=str(save(tmp_path / "m.png", drawn)))
    np.testing.assert_array_equal(Cell.from_file(annotated).mask, drawn)


def test_jpeg_noise_is_not_foreground(tmp_path: Path) -> None:
    y, x = np.mgrid[:80, :80]
    inside = np.hypot(x - 40, y - 40) <= 25
    image = np.where(inside[..., None], [140, 60, 150], 0).astype(np.uint8)
    path = save(tmp_path / "c.jpg", image, quality=90)
    mask = Cell.from_file(CellFile("c", str(path))).mask
    wrong, naive = np.count_nonzero(mask ^ inside), np.count_nonzero(read_image(path).any(axis=2) ^ inside)
    # The colour of such a small, bright disc bleeds over one pixel of its rim.
    assert wrong < 0.06 * inside.sum() < 0.5 * naive


def test_a_mask_of_another_size_raises(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    mask = str(save(tmp_path / "m.png", np.eye(30, 20, 5, dtype=bool)))
    with pytest.raises(ValueError, match=r"m\.png: the mask is \(30, 20\), its image \(20, 30\)"):
        _ = Cell.from_file(CellFile("c", path, mask_path=mask)).mask
    with pytest.raises(ValueError, match="the mask is"):
        Cell("c", picture, np.ones((3, 3), dtype=bool))


def test_the_nucleus_is_the_annotation_inside_the_cell(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    drawn = np.zeros((20, 30), dtype=bool)
    drawn[2:10, 10:20] = True
    expected = drawn & picture.any(axis=2)
    assert 0 < expected.sum() < drawn.sum()
    for name, pixels in {
        "bits": drawn,
        "deep": drawn * np.uint16(65535),
        "colour": np.dstack([drawn * np.uint8(200)] * 3),
    }.items():
        place = str(save(tmp_path / f"{name}.png", pixels))
        nucleus = Cell.from_file(CellFile("c", path, nucleus_path=place)).nucleus
        np.testing.assert_array_equal(nucleus, expected, err_msg=name)
    np.testing.assert_array_equal(Cell("c", picture, nucleus=drawn).nucleus, expected)
    assert Cell("c", picture).nucleus is None
    assert Cell.from_file(CellFile("c", path)).nucleus is None


def test_a_black_nucleus_mask_means_no_nucleus(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    black = str(save(tmp_path / "n.png", np.zeros((20, 30), dtype=np.uint8)))
    nucleus = Cell.from_file(CellFile("c", path, nucleus_path=black)).nucleus
    assert nucleus is not None
    assert not nucleus.any()


def test_an_invalid_nucleus_mask_raises(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    turned = str(save(tmp_path / "n.png", np.eye(30, 20, 5, dtype=bool)))
    with pytest.raises(ValueError, match=r"n\.png: the mask is \(30, 20\), its image \(20, 30\)"):
        _ = Cell.from_file(CellFile("c", path, nucleus_path=turned)).nucleus
    with pytest.raises(ValueError, match=r"cell c: the nucleus mask is \(3, 3\)"):
        Cell("c", picture, nucleus=np.ones((3, 3), dtype=bool))
    corner = np.zeros((20, 30), dtype=bool)
    corner[0, 0] = True
    outside = str(save(tmp_path / "o.png", corner))
    with pytest.raises(ValueError, match=r"cell c: the nucleus mask .*o\.png is mostly outside the cell"):
        _ = Cell.from_file(CellFile("c", path, nucleus_path=outside)).nucleus


def test_a_bright_frame_raises_with_file_and_option(tmp_path: Path) -> None:
    path = save(tmp_path / "bright.png", np.full((20, 20, 3), 220, dtype=np.uint8))
    with pytest.raises(ValueError, match=r"bright\.png: .*not black.*--mask"):
        _ = Cell.from_file(CellFile("c", str(path))).mask


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]
)
def test_a_cell_in_memory_is_rgb_uint8(image: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="must be uint8 of shape"):
        Cell("c", image)


def test_cells_are_a_sequence_without_cached_pixels(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path = str(save(tmp_path / "c.png", picture))
    cells = Cells(CellFile(name, path) for name in "abcd")
    assert len(cells) == 4
    assert [cell.id for cell in cells] == ["a", "b", "c", "d"]
    assert cells[-1].id == "d"
    assert isinstance(cells[1:3], Cells)
    assert [cell.id for cell in cells[1:3]] == ["b", "c"]
    assert [cell.id for cell in cells.take(np.array([3, 0]))] == ["d", "a"]
    assert cells[0] is not cells[0]
    assert cells[0].image is not cells[0].image
    with pytest.raises(IndexError):
        cells[4]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("c.png", "PNG RGB"), ("c.jpg", "JPEG RGB"), ("c.bmp", "BMP RGB"), ("c.tif", "TIFF 8-bit RGB")],
)
def test_the_kind_of_a_file_is_its_format_and_mode(
    tmp_path: Path, picture: npt.NDArray[np.uint8], name: str, kind: str
) -> None:
    assert load_image(save(tmp_path / name, picture)).kind == kind
