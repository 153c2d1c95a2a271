"""Linear check of the header of a TIFF: one page, and only the tags that describe its pixels."""

from __future__ import annotations

import struct

MAX_SEGMENTS = 65_536
"""Most strips or tiles: one for each row of the largest image and each of its samples."""

_MAX_VALUES = 4 * MAX_SEGMENTS
"""Most values of a tag; a palette of 16 bits has 196,608."""

_MAX_ENTRIES = 4096
_MAX_DESCRIPTION = 1_000_000

_DESCRIPTION = 270
_PIXELS = frozenset(
    {
        254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
        338, 339, 347, 529, 530, 531, 532, 32997, 32998,
    }
)  # fmt: skip
"""Tags of sizes, layout, compression, palette, sample format and orientation."""


def one_page(data: bytes) -> bytes:
    """Return a TIFF with one directory, which has the tags of the first one that describe pixels.

    Other tags, such as those of cameras and microscopes, are dropped: reading them can take memory without bounds.

    Parameters
    ----------
    data : bytes
        Content of the file, which begins like a TIFF or BigTIFF.

    Raises
    ------
    ValueError
        The header is damaged, a tag has too many values, or there are several pages.
    """
    order, big = "<>"[data[:2] == b"MM"], 43 in data[2:4]
    number, word, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    try:
        (start,) = struct.unpack_from(order + word, data, 8 if big else 4)
        (count,) = struct.unpack_from(order + number, data, start)
        first = start + struct.calcsize(number)
        if count > _MAX_ENTRIES:
            raise ValueError(f"damaged image ({count} tags)")
        (following,) = struct.unpack_from(order + word, data, first + count * entry)
    except (struct.error, OverflowError) as error:
        raise ValueError("not a readable image: a damaged TIFF (a tag list outside the file)") from error
    if 0 < following < len(data):
        raise ValueError("several pages; one cell per file is expected")
    entries: dict[int, bytes] = {}
    for place in range(first, first + count * entry, entry):
        code, _, values = struct.unpack_from(order + "HH" + word, data, place)
        limit = _MAX_DESCRIPTION if code == _DESCRIPTION else _MAX_VALUES
        if code in _PIXELS and values > limit:
            raise ValueError(f"damaged image (the tag {code} has {values} values)")
        if code in _PIXELS or (code == _DESCRIPTION and values <= limit):
            entries.setdefault(code, data[place : place + entry])
    tags = b"".join(entries[code] for code in sorted(entries))
    pad = bytes(len(data) % 2)
    directory = struct.pack(order + number, len(entries)) + tags + bytes(struct.calcsize(order + word))
    head = data[: 8 if big else 4] + struct.pack(order + word, len(data) + len(pad))
    return b"".join((head, data[len(head) :], pad, directory))
