"""Every kind of image file against true pixels: format, depth, layout, alpha, orientation."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from extractors.images.pixels import load_image

Pixels = npt.NDArray[Any]

_SIZE = (20, 28)


def _truth() -> Pixels:
    """RGB uint8 with values that 4 bits cannot hold, black at the border, no symmetry."""
    image = np.zeros((*_SIZE, 3), dtype=np.uint8)
    image[4:15, 5:24] = np.random.default_rng(0).integers(40, 255, (11, 19, 3))
    return image


RGB = _truth()
GREY = RGB[..., 0]
GREY3 = np.stack([GREY] * 3, axis=2)
BITS = (GREY > 120).astype(np.uint8)
WIDE = RGB.astype(np.uint16) * 257
OPAQUE = (RGB.any(axis=2) * 255).astype(np.uint8)
HIDDEN = np.where(OPAQUE[..., None] > 0, RGB, 77).astype(np.uint8)  # a colour is stored where the image is transparent
FOUR = (GREY // 16).astype(np.uint8)


def _pillow(pixels: Pixels, kind: str, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def _palette(pixels: Pixels, kind: str, **options: Any) -> bytes:
    """A palette image of the grey values, in colours."""
    image = Image.new("P", pixels.shape[::-1])
    image.putdata(pixels.ravel().tolist())
    image.putpalette(_PALETTE.ravel().tolist())
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


_PALETTE = np.random.default_rng(1).integers(0, 256, (16, 3), dtype=np.uint8)


def _opencv(pixels: Pixels, suffix: str, *options: int) -> bytes:
    order = {2: [], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2] if pixels.ndim == 3 else 2]
    return bytes(cv2.imencode(suffix, pixels[..., order] if order else pixels, list(options))[1])


def _tiff(pixels: Pixels, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def _oriented(kind: str, orientation: int) -> bytes:
    """Store RGB so that a viewer that applies the orientation shows it upright."""
    stored = {
        1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.swapaxes(0, 1),
        6: np.rot90(RGB, 1), 7: RGB[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(RGB, -1),
    }[orientation]  # fmt: skip
    if kind == "TIFF":
        return _tiff(np.ascontiguousarray(stored), photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    return _pillow(np.ascontiguousarray(stored), kind, exif=exif, **options)


def _png16(colour_type: int, pixels: Pixels, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits, written by the format's definition."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    body = b"".join(chunk(name, content) for name, content in chunks)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def _bmp32(pixels: Pixels, fourth: int) -> bytes:
    """A BMP of 32 bits without alpha, whose fourth byte is unused."""
    rows = np.dstack([pixels[::-1, :, ::-1], np.full(pixels.shape[:2], fourth, np.uint8)]).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, pixels.shape[1], pixels.shape[0], 1, 32, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + header + rows


def _bmp_os2(pixels: Pixels) -> bytes:
    """A BMP of 24 bits with the header of 12 bytes."""
    rows = pixels[::-1, :, ::-1].tobytes()  # the width is a multiple of 4, so that rows need no padding
    header = struct.pack("<IHHHH", 12, pixels.shape[1], pixels.shape[0], 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + header + rows


def _alpha(colours: Pixels, alpha: Pixels) -> Pixels:
    return np.dstack([colours, alpha])


_SOFT = cv2.GaussianBlur(OPAQUE, (0, 0), 1.5)
_MULTIPLIED = np.rint(HIDDEN * (_SOFT[..., None] / 255.0)).astype(np.uint8)
_CUT = np.where(_SOFT[..., None] > 127, HIDDEN, 0)

KINDS: dict[str, tuple[Callable[[], bytes], Pixels, int]] = {
    "BMP, RGB, 24 bits": (lambda: _pillow(RGB, "BMP"), RGB, 0),
    "BMP, RGB, 32 bits, fourth byte 0": (lambda: _bmp32(RGB, 0), RGB, 0),
    "BMP, RGB, 32 bits, fourth byte 255": (lambda: _bmp32(RGB, 255), RGB, 0),
    "BMP, grey, 8 bits": (lambda: _pillow(GREY, "BMP"), GREY3, 0),
    "BMP, 1 bit": (lambda: _pillow(BITS.astype(bool), "BMP"), np.stack([BITS * 255] * 3, axis=2), 0),
    "BMP, RGB, 24 bits, header of OS/2": (lambda: _bmp_os2(RGB), RGB, 0),
    "BMP, palette": (lambda: _palette(FOUR, "BMP"), _PALETTE[FOUR], 0),
    "PNG, RGB, 8 bits": (lambda: _pillow(RGB, "PNG"), RGB, 0),
    "PNG, RGB, 16 bits": (lambda: _png16(2, WIDE), RGB, 0),
    "PNG, grey, 8 bits": (lambda: _pillow(GREY, "PNG"), GREY3, 0),
    "PNG, grey, 16 bits": (lambda: _opencv(GREY.astype(np.uint16) * 257, ".png"), GREY3, 0),
    "PNG, grey, 1 bit": (lambda: _pillow(BITS.astype(bool), "PNG"), np.stack([BITS * 255] * 3, axis=2), 0),
    "PNG, palette, 8 bits": (lambda: _palette(FOUR, "PNG"), _PALETTE[FOUR], 0),
    "PNG, palette, 4 bits": (lambda: _palette(FOUR, "PNG", bits=4), _PALETTE[FOUR], 0),
    "PNG, palette with a transparent entry": (
        lambda: _palette(FOUR, "PNG", transparency=0),
        np.where(FOUR[..., None] == 0, 0, _PALETTE[FOUR]),
        0,
    ),
    "PNG, RGBA, 8 bits, opaque": (lambda: _pillow(_alpha(RGB, GREY * 0 + 255), "PNG"), RGB, 0),
    "PNG, RGBA, 8 bits, colour under alpha 0": (lambda: _pillow(_alpha(HIDDEN, OPAQUE), "PNG"), RGB, 0),
    "PNG, RGBA, 8 bits, soft alpha": (lambda: _pillow(_alpha(HIDDEN, _SOFT), "PNG"), _CUT, 0),
    "PNG, RGBA, 16 bits": (
        lambda: _png16(6, _alpha(HIDDEN, OPAQUE).astype(np.uint16) * 257),
        RGB,
        0,
    ),
    "PNG, grey and alpha, 8 bits": (
        lambda: _pillow(np.dstack([HIDDEN[..., 0], OPAQUE]), "PNG"),
        GREY3,
        0,
    ),
    "PNG, RGB with a transparent colour": (
        lambda: _pillow(HIDDEN, "PNG", transparency=(77, 77, 77)),
        RGB,
        0,
    ),
    "PNG, grey with a transparent value": (
        lambda: _pillow(np.where(OPAQUE > 0, GREY, 7).astype(np.uint8), "PNG", transparency=7),
        np.where((OPAQUE > 0)[..., None], GREY3, 0),
        0,
    ),
    "JPEG, RGB": (lambda: _pillow(RGB, "JPEG", quality=100, subsampling=0), RGB, 4),
    "JPEG, progressive": (lambda: _pillow(RGB, "JPEG", quality=100, subsampling=0, progressive=True), RGB, 4),
    "JPEG, grey": (lambda: _pillow(GREY, "JPEG", quality=100), GREY3, 4),
    "JPEG with a preview (MPO)": (
        lambda: _pillow(RGB, "MPO", quality=100, subsampling=0, save_all=True, append_images=[Image.new("L", (8, 8))]),
        RGB,
        4,
    ),
    **{
        f"{kind}, orientation {n}": (lambda kind=kind, n=n: _oriented(kind, n), RGB, 4 if kind == "JPEG" else 0)
        for kind in ("JPEG", "PNG", "TIFF")
        for n in range(1, 9)
    },
    **{
        f"TIFF, RGB, {8 * pixels.itemsize} bits, {layout}, {compression or 'uncompressed'}": (
            lambda pixels=pixels, layout=layout, compression=compression: _tiff(
                np.moveaxis(pixels, 2, 0) if layout == "planar" else pixels,
                photometric="rgb",
                planarconfig="separate" if layout == "planar" else "contig",
                compression=compression,
                **({"tile": (16, 16)} if layout == "tiled" else {}),
                **({"rowsperstrip": 7} if layout == "strips" else {}),
            ),
            RGB,
            0,
        )
        for pixels in (RGB, WIDE)
        for layout in ("interleaved", "planar", "tiled", "strips")
        for compression in (None, "lzw", "deflate", "zstd", "packbits", "lzma")
    },
    "TIFF, RGB, 8 bits, big-endian": (lambda: _tiff(RGB, photometric="rgb", byteorder=">"), RGB, 0),
    "TIFF, RGB, 16 bits, big-endian": (lambda: _tiff(WIDE, photometric="rgb", byteorder=">"), RGB, 0),
    "TIFF, RGB, 16 bits, BigTIFF": (lambda: _tiff(WIDE, photometric="rgb", bigtiff=True), RGB, 0),
    "TIFF, RGB, 16 bits, predictor": (
        lambda: _tiff(WIDE, photometric="rgb", compression="deflate", predictor=True),
        RGB,
        0,
    ),
    "TIFF, YCbCr as JPEG": (
        lambda: _tiff(RGB, photometric="rgb", subsampling=(1, 1), compression="jpeg", compressionargs={"level": 100}),
        RGB,
        4,
    ),
    "TIFF, RGB as JPEG": (lambda: _pillow(RGB, "TIFF", compression="jpeg", quality=100), RGB, 4),
    "TIFF, grey as JPEG": (
        lambda: _tiff(GREY, photometric="minisblack", compression="jpeg", compressionargs={"level": 100}),
        GREY3,
        4,
    ),
    "TIFF, grey, 8 bits": (lambda: _tiff(GREY, photometric="minisblack"), GREY3, 0),
    "TIFF, grey, 16 bits": (lambda: _tiff(GREY.astype(np.uint16) * 257, photometric="minisblack"), GREY3, 0),
    "TIFF, grey, 8 bits, white is zero": (lambda: _tiff(255 - GREY, photometric="miniswhite"), GREY3, 0),
    "TIFF, grey, 16 bits, white is zero": (
        lambda: _tiff(65535 - GREY.astype(np.uint16) * 257, photometric="miniswhite"),
        GREY3,
        0,
    ),
    "TIFF, grey, 4 bits": (
        lambda: _tiff(FOUR, photometric="minisblack", bitspersample=4),
        np.stack([FOUR * 17] * 3, axis=2),
        0,
    ),
    "TIFF, grey, 12 bits packed": (
        lambda: _tiff(GREY.astype(np.uint16) * 16 + GREY // 16, photometric="minisblack", bitspersample=12),
        GREY3,
        0,
    ),
    "TIFF, grey, 10 bits packed": (
        lambda: _tiff(GREY.astype(np.uint16) * 4 + GREY // 64, photometric="minisblack", bitspersample=10),
        GREY3,
        0,
    ),
    "TIFF, 1 bit, black is zero": (
        lambda: _tiff(BITS.astype(bool), photometric="minisblack"),
        np.stack([BITS * 255] * 3, axis=2),
        0,
    ),
    "TIFF, 1 bit, white is zero": (
        lambda: _tiff(~BITS.astype(bool), photometric="miniswhite"),
        np.stack([BITS * 255] * 3, axis=2),
        0,
    ),
    "TIFF, palette": (lambda: _palette(FOUR, "TIFF"), _PALETTE[FOUR], 0),
    "TIFF, RGBA, 8 bits, unassociated alpha": (
        lambda: _tiff(_alpha(HIDDEN, OPAQUE), photometric="rgb", extrasamples=["unassalpha"]),
        RGB,
        0,
    ),
    "TIFF, RGBA, 16 bits, unassociated alpha": (
        lambda: _tiff(_alpha(HIDDEN, OPAQUE).astype(np.uint16) * 257, photometric="rgb", extrasamples=["unassalpha"]),
        RGB,
        0,
    ),
    "TIFF, RGBA, 8 bits, soft unassociated alpha": (
        lambda: _tiff(_alpha(HIDDEN, _SOFT), photometric="rgb", extrasamples=["unassalpha"]),
        _CUT,
        0,
    ),
    "TIFF, RGBA, 8 bits, soft associated alpha": (
        lambda: _tiff(_alpha(_MULTIPLIED, _SOFT), photometric="rgb", extrasamples=["assocalpha"]),
        _CUT,
        1,
    ),
    "TIFF, RGBA, 8 bits, unspecified but opaque": (
        lambda: _tiff(_alpha(RGB, GREY * 0 + 255), photometric="rgb", extrasamples=["unspecified"]),
        RGB,
        0,
    ),
}
"""Writer, true pixels, largest error."""

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "GIF": (lambda: _pillow(GREY, "GIF"), "a GIF file; BMP, PNG, JPEG or TIFF is expected"),
    "WebP": (lambda: _pillow(RGB, "WEBP"), "a WEBP file"),
    "JPEG, CMYK": (lambda: _pillow(RGB, "JPEG", "CMYK"), "CMYK values; grey, RGB, RGBA or a palette is expected"),
    "PNG, animated": (
        lambda: _pillow(RGB, "PNG", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())]),
        "several pages",
    ),
    "TIFF, several pages": (lambda: _tiff(np.stack([RGB, RGB]), photometric="rgb"), "several pages"),
    "TIFF, a stack of ImageJ": (lambda: _tiff(np.stack([GREY, GREY]), imagej=True), "several pages"),
    "TIFF, CMYK": (lambda: _pillow(RGB, "TIFF", "CMYK"), "a TIFF of SEPARATED values"),
    "TIFF, CIE L*a*b*": (lambda: _tiff(RGB, photometric="cielab"), "a TIFF of CIELAB values"),
    "TIFF, 32-bit floats": (
        lambda: _tiff(GREY.astype(np.float32)),
        "32-bit floating-point values; 8 or 16 bit unsigned",
    ),
    "TIFF, 16-bit signed": (lambda: _tiff(GREY.astype(np.int16)), "16-bit signed values; 8 or 16 bit unsigned"),
    "TIFF, 32 bits": (lambda: _tiff(GREY.astype(np.uint32)), "32-bit unsigned values; 8 or 16 bit unsigned"),
    "TIFF, 5 samples per pixel": (lambda: _tiff(np.dstack([RGB, RGB[..., :2]]), photometric="rgb"), "5 samples per"),
    "TIFF, 2 samples per pixel, unspecified": (
        lambda: _tiff(RGB[..., :2], photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"]),
        "extra channel of unspecified meaning",
    ),
    "PNG, grey, 16 bits, with a transparent value": (
        lambda: _png16(0, GREY.astype(np.uint16) * 257, (b"tRNS", struct.pack(">H", 0))),
        "16-bit grey PNG with a transparent value",
    ),
    "transparent everywhere": (lambda: _pillow(_alpha(RGB, GREY * 0), "PNG"), "transparent everywhere"),
}
"""Writer, part of the message."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_the_true_ones(tmp_path: Any, kind: str) -> None:
    write, truth, tolerance = KINDS[kind]
    path = tmp_path / "cell.img"
    path.write_bytes(write())
    image = load_image(path).image
    assert (image.dtype, image.shape) == (np.uint8, truth.shape)
    assert np.abs(image.astype(int) - truth).max() <= tolerance


@pytest.mark.parametrize("kind", REFUSED)
def test_other_kinds_are_refused_by_name(tmp_path: Any, kind: str) -> None:
    write, message = REFUSED[kind]
    path = tmp_path / "cell.img"
    path.write_bytes(write())
    with pytest.raises(ValueError, match=message.replace("*", r"\*")) as error:
        load_image(path)
    assert str(path) in str(error.value)
    assert "damaged" not in str(error.value)


def test_the_white_level_is_for_16_bits_only(tmp_path: Any) -> None:
    path = tmp_path / "cell.tif"
    path.write_bytes(KINDS["TIFF, grey, 12 bits packed"][0]())
    np.testing.assert_array_equal(load_image(path, white_level=65535).image, GREY3)
