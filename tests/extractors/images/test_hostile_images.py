"""Images that would take memory or time without bounds are refused by their headers."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from extractors.images.decoding import decode, verify_image
from extractors.images.masks import read_mask
from extractors.images.raster import MAX_BYTES

PIXELS = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: bytes, size: tuple[int, int] = (10, 10)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(31 * 10)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "JPEG", **options)
    return stream.getvalue()


def resized(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header states another size."""
    return content.replace(struct.pack(">HH", 32, 32), struct.pack(">HH", height, width), 1)


def bmp(width: int, height: int, *, bits: int = 24, compression: int = 0, pixels: bytes = bytes(300)) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    palette = bytes(1024 if bits == 8 else 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54 + len(palette)) + header + palette + pixels


Tag = tuple[int, int, int, int]


def tiff(
    *more: Tag, pixels: bytes = bytes(range(64)), following: int = 0, compression: int = 1, side: int = 8
) -> bytes:
    """A grey TIFF with one strip; `more` replaces or adds tags (code, type, count, value)."""
    tags: dict[int, Tag] = {
        tag[0]: tag
        for tag in (
            (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
            (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(pixels)), *more,
        )
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tags[code]) for code in sorted(tags))
    start = 8 + len(pixels) + len(pixels) % 2
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", start) + pixels.ljust(start - 8, b"\0") + directory


def exif(count: int, size: int) -> bytes:
    """EXIF whose tags all have the same large value."""
    entries = b"".join(struct.pack("<HHII", code + 1, 7, size - 20, 8) for code in range(count))
    return (b"II*\0" + struct.pack("<IH", 8, count) + entries).ljust(size, b"\0")


ZEROS = zlib.compress(bytes(1_000_000))
SCAN = jpeg(progressive=True)
LAST = SCAN[SCAN.rfind(b"\xff\xda") : SCAN.rfind(b"\xff\xd9")]
ROWS = [(257, 4, 1, 1000), (278, 4, 1, 1), (273, 4, 1000, 8), (279, 4, 1000, 8)]
TALL = [(257, 4, 1, 2**17), (278, 4, 1, 1), (256, 4, 1, 1)]

HOSTILE: dict[str, tuple[bytes, str]] = {
    "PNG, declared size": (png(size=(60_000, 60_000)), "60000 x 60000 pixels; a cell has at least one and at most"),
    "PNG, no pixels": (png(size=(0, 10)), "0 x 10 pixels"),
    "PNG, two headers, the first large": (
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0)), size=(30_000, 30_000)),
        "30000 x 30000 pixels",
    ),
    "PNG, two headers, the second large": (
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))),
        "30000 x 30000 pixels",
    ),
    "PNG, many empty chunks": (png(chunk(b"abCd", b"") * 300_000), "a PNG of more than 100000 chunks, or 200 without"),
    "PNG, many empty parts of the pixels": (png(chunk(b"IDAT", b"") * 100_001), "a PNG of more than 100000 chunks"),
    "PNG, many profiles": (png(*[chunk(b"iCCP", b"k\0\0" + ZEROS)] * 201), "or 200 without pixels"),
    "PNG, many texts": (png(*[chunk(b"zTXt", b"k\0\0" + ZEROS)] * 201), "or 200 without pixels"),
    "PNG, a long text": (
        png(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10_000_000)))),
        "Decompressed data too large",
    ),
    "PNG, large EXIF": (png(chunk(b"eXIf", exif(8000, 1_000_000))), "EXIF of 1000006 bytes; at most 65536 are read"),
    "JPEG, declared size": (resized(jpeg(), 65_500, 65_500), "65500 x 65500 pixels"),
    "JPEG, many segments": (jpeg()[:2] + b"\xff\xe5\0\2" * 2000 + jpeg()[2:], "a JPEG of more than 1000 segments"),
    "JPEG, long segments": (
        jpeg()[:2] + (b"\xff\xe5\xff\xff" + bytes(65_533)) * 300 + jpeg()[2:],
        "16777216 bytes before",
    ),
    "JPEG, fill bytes": (jpeg()[:2] + b"\xff" * 2_000_000 + jpeg()[2:], "a JPEG of more than 1000 segments"),
    "JPEG, EXIF in parts": (
        jpeg()[:2] + (b"\xff\xe1\xff\xf0Exif\0\0" + bytes(0xFFE8)) * 20 + jpeg()[2:],
        "EXIF of 13[0-9]{5} bytes; at most 65536 are read",
    ),
    "JPEG, many scans": (SCAN[:-2] + LAST * 500 + SCAN[-2:], "a JPEG of more than 200 scans"),
    "BMP, negative width": (bmp(-100, 100), "4294967196 x 100 pixels"),
    "BMP, smallest height": (bmp(100, -(2**31)), "100 x 2147483648 pixels"),
    "BMP, largest size": (bmp(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647 pixels"),
    "BMP, no pixels in the file": (bmp(4096, 4096), "damaged image"),
    "BMP, no size": (bmp(0, 0), "not a readable image"),
    "BMP, endless ends of lines": (
        bmp(8, 8, bits=8, compression=1, pixels=b"\0\0" * 1_000_000),
        "a BMP that is larger than its pixels need",
    ),
    "TIFF, declared size": (tiff((256, 4, 1, 2**31)), "2147483648 x 8 pixels"),
    "TIFF, tags in a loop": (tiff(following=8), "several pages; one cell per file is expected"),
    "TIFF, a page after the first": (tiff(following=72), "several pages"),
    "TIFF, tag list outside": (
        b"II*\0" + struct.pack("<I", 2**32 - 1) + bytes(9),
        r"a damaged TIFF \(a tag list outside",
    ),
    "BigTIFF, tag list outside": (b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + bytes(9), "a tag list outside"),
    "BigTIFF, tags": (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(99), "9223372036854775808 tags"),
    "TIFF, too many values of bits": (tiff((258, 3, 2**31, 8)), "the tag 258 has 2147483648 values"),
    "TIFF, too many strips": (
        tiff((273, 4, 10**6, 8), (279, 4, 10**6, 8), pixels=bytes(4 * 10**6)),
        "the tag 273 has 1000000 values",
    ),
    "TIFF, as many strips as rows": (
        tiff(*TALL, (273, 4, 2**17, 8), (279, 4, 2**17, 8), pixels=struct.pack("<I", 8) * 2**17),
        "131072 strips or tiles; at most 65536 are read",
    ),
    "TIFF, strips that overlap": (
        tiff(*ROWS, pixels=struct.pack("<I", 2**21) * 1000),
        "its strips or tiles are larger than the image",
    ),
    "TIFF, a large tile": (
        tiff((322, 4, 1, 2**20), (323, 4, 1, 2**20), (324, 4, 1, 8), (325, 4, 1, 64)),
        "1048576 x 1048576 pixels",
    ),
    "TIFF, deflate": (tiff(pixels=zlib.compress(bytes(10**7)), compression=8), "damaged image"),
    "TIFF, zstd": (tiff(pixels=imagecodecs.zstd_encode(bytes(10**7)), compression=50000), "damaged image"),
    "TIFF, a large JPEG": (
        tiff(pixels=resized(jpeg(), 60_000, 60_000), compression=7, side=32),
        "60000 x 60000 pixels",
    ),
    "TIFF, a JPEG larger than its strip": (
        tiff(pixels=resized(jpeg(), 2000, 2000), compression=7, side=32),
        "a JPEG of 2000 x 2000 pixels in a strip or tile",
    ),
    "TIFF, JPEG 2000": (tiff(compression=34712), "a TIFF compressed by JPEG2000; save it with LZW, Deflate or JPEG"),
    "TIFF, old JPEG": (tiff(compression=6), "a TIFF compressed by OJPEG"),
    "a PostScript file": (b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"%%BoundingBox: 0 0 9 9\n" * 100_000, "a EPS file; BMP, PNG"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_an_image_is_refused_by_its_header(name: str, tmp_path: Path) -> None:
    content, message = HOSTILE[name]
    path = tmp_path / "image"
    path.write_bytes(content)
    begin = time.process_time()
    for read in (verify_image, decode, read_mask):
        with pytest.raises(ValueError, match=f"image: .*{message}"):
            read(path)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floating_point_values_are_refused(tmp_path: Path, value: float, kind: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.full((16, 16), value, dtype=kind))
    with pytest.raises(ValueError, match="-bit floating-point values; 8 or 16 bit unsigned is expected"):
        decode(tmp_path / "x.tif")


def test_pages_are_not_counted(tmp_path: Path) -> None:
    frames: Sequence[Image.Image] = [Image.new("L", (8, 8), shade) for shade in range(255)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="a GIF file; BMP, PNG, JPEG or TIFF is expected"):
        decode(tmp_path / "x.gif")
    start = 8 + 6 * np.arange(100_000)
    pages = b"".join(struct.pack("<HI", 0, following) for following in start + 6)
    (tmp_path / "x.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + pages)
    begin = time.process_time()
    with pytest.raises(ValueError, match="several pages"):
        decode(tmp_path / "x.tif")
    assert time.process_time() - begin < 1


def test_tags_that_do_not_describe_pixels_are_not_read(tmp_path: Path) -> None:
    expected = np.arange(64, dtype=np.uint8).reshape(8, 8)
    large = [(code, 7, 2**28, 8) for code in (33628, 34118, 34412, 34665, 37510, 42112, 50838, 50839)]
    for more in ((), large, [(330, 4, 3, 8), (700, 1, 2**20, 8)]):
        (tmp_path / "x.tif").write_bytes(tiff(*more))
        assert (decode(tmp_path / "x.tif").samples == expected).all()


def test_texts_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(chunk(b"iCCP", b"\x1b[31mred\0\0" + ZEROS), chunk(b"eXIf", exif(4000, 60_000))))
    command = "import pathlib, sys; from extractors.images.decoding import decode; decode(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", command, path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_file_that_is_not_regular_or_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    os.mkfifo(path)
    for read in (verify_image, decode, read_mask):
        with pytest.raises(OSError, match="a named pipe, not a regular file"):
            read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="a device, not a regular file"):
        decode(path)
    path.unlink()
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(OSError, match="268435457 bytes; at most 268435456 are read"):
        decode(path)


def test_a_mask_of_many_colours_is_refused_soon(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "x.bmp")
    expected = np.count_nonzero(np.bincount((colours.astype(np.int64) @ np.array([1, 256, 65536])).ravel()))
    begin = time.process_time()
    with pytest.raises(ValueError, match=f"the mask has {expected} colours"):
        read_mask(tmp_path / "x.bmp")
    assert time.process_time() - begin < 1
