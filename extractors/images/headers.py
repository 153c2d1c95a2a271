"""Linear checks of PNG and JPEG files before a decoder reads them: sizes, and the number of parts."""

from __future__ import annotations

from collections.abc import Iterator

from extractors.images.raster import check_size

BMP = b"BM"
JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 100_000
"""Most chunks of a PNG; 256 MB in chunks of 8 kB are 32,000."""

_MAX_METADATA = 200
"""Most chunks of a PNG without pixels; an ordinary file has about ten."""

_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})

_FILL = 1000
"""Bytes of fill before a marker of a JPEG that count as one segment."""

_MAX_SEGMENTS = 1000
_MAX_SEGMENT_BYTES = 16 * 1024**2
"""Largest size of the segments before the pixels of a JPEG; a colour profile has at most 16 MB."""

_MAX_SCANS = 200
"""Most scans of a progressive JPEG, each of which visits every pixel; ordinary files have about ten."""

_SOS, _DHT, _JPG, _DAC, _FF = 0xDA, 0xC4, 0xC8, 0xCC, 0xFF
_ALONE = frozenset({0x00, 0x01, _FF, *range(0xD0, 0xDA)})
"""Markers without a length."""

_SIZES = frozenset(range(0xC0, 0xD0)) - {_DHT, _JPG, _DAC}
"""Markers of segments that hold the size of the image."""


def check_png(data: bytes) -> bytes:
    """Check the first header and the number of chunks of a PNG; return it with only the chunks that describe pixels.

    Raises
    ------
    ValueError
        The image is too large, or there are too many chunks.
    """
    if data[12:16] == b"IHDR":
        check_size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    parts, others = [PNG], 0
    for number, (kind, start, end) in enumerate(_chunks(data), start=1):
        others += kind != b"IDAT"
        if number > _MAX_CHUNKS or others > _MAX_METADATA:
            raise ValueError(
                f"a PNG of more than {_MAX_CHUNKS} chunks, or {_MAX_METADATA} without pixels; save the image again"
            )
        if kind in _PIXEL_CHUNKS:
            parts.append(data[start:end])
    return b"".join(parts)


def check_jpeg(data: bytes) -> tuple[int, int]:
    """Check the sizes, segments and scans of a JPEG; return width and height, (0, 0) if it has none.

    Raises
    ------
    ValueError
        The image is too large, or there are too many segments or scans.
    """
    size = (0, 0)
    for number, (marker, place) in enumerate(_segments(data), start=1):
        if number > _MAX_SEGMENTS or place > _MAX_SEGMENT_BYTES:
            raise ValueError(
                f"a JPEG of more than {_MAX_SEGMENTS} segments or {_MAX_SEGMENT_BYTES} bytes before its pixels; save "
                "the image again"
            )
        if marker in _SIZES:
            height, width = (int.from_bytes(data[place + i : place + i + 2], "big") for i in (5, 7))
            check_size(width, height)
            size = (width, height)
        if marker == _SOS:
            if data.count(b"\xff\xda", place) > _MAX_SCANS:
                raise ValueError(f"a JPEG of more than {_MAX_SCANS} scans; save the image again")
            break
    return size


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk of a PNG."""
    start = len(PNG)
    while start + 8 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start, end
        start = end


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and start of each segment of a JPEG, and of each `_FILL` bytes of fill."""
    start = data.find(b"\xff", 2)
    while 0 <= start < len(data) - 1:
        fill = data[start : start + _FILL]
        start += len(fill) - len(fill.lstrip(b"\xff")) - 1
        marker = data[start + 1] if start + 1 < len(data) else 0
        yield marker, start
        length = 0 if marker in _ALONE else int.from_bytes(data[start + 2 : start + 4], "big")
        start = data.find(b"\xff", start + (1 if marker == _FF else 2) + length)
