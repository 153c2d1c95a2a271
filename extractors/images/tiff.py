"""Decoding of TIFF files."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from extractors.images.headers import check_jpeg
from extractors.images.raster import MAX_BYTES, MAX_PIXELS, Raster, Samples, check_size, upright
from extractors.images.tiff_header import MAX_SEGMENTS, one_page

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_MAGIC = re.compile(rb"II[*+]\0|MM\0[*+]")

_GREY = ("MINISWHITE", "MINISBLACK")
_BITS = (1, 2, 4, *range(8, 17))
_JPEG = (7,)
_COMPRESSIONS = (1, 2, 3, 4, 5, *_JPEG, 8, 32773, 32946, 34925, 34926, 50000)
"""None, CCITT, LZW, JPEG, Deflate, PackBits, LZMA and Zstandard: their decoders stop at the size of a strip or tile."""

_MAX_PADDED = 8
"""Largest ratio of the pixels of all strips or tiles, which count each sample of planar images, to `MAX_PIXELS`."""
_UNSIGNED = (1, 4)
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_MAX_SAMPLES = 4
_BLOCK = 16
"""Multiple to which a JPEG in a strip or tile may be padded, in pixels."""


def is_tiff(data: bytes) -> bool:
    """Whether a file begins like a TIFF or BigTIFF."""
    return _MAGIC.match(data) is not None


def decode_tiff(data: bytes) -> Raster:
    """Decode a TIFF with one page.

    Read are grey (0 black or white), RGB and palette images of 1, 2, 4 or 8 to 16 bits; both planar configurations,
    strips and tiles; compression by CCITT, LZW, JPEG, Deflate, PackBits, LZMA and Zstandard; alpha, also multiplied
    into the colours; YCbCr in JPEG. Tags that do not describe pixels are not read.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Raises
    ------
    ValueError
        The file is damaged, too large, or of another kind; the message names it.
    """
    data = one_page(data)
    with _open(data) as file:
        page = _page(file)
        _check_kind(page)
        _check_segments(page, data)
        try:
            stored = page.asarray(squeeze=False, maxworkers=1)
        except Exception as error:  # decoders may raise any exception for a damaged file
            raise ValueError(f"damaged image ({error})") from error
        orientation = int(page.tags.valueof(274, 1))
        colours, alpha, white = _separated(page, np.moveaxis(stored[:, 0], 0, -2).reshape(*stored.shape[2:4], -1))
        lossy = page.compression in _JPEG
        kind = f"TIFF {page.bitspersample}-bit {_name(page.photometric)}"
    colours = colours[..., 0] if colours.shape[2] == 1 else colours
    turned_alpha = None if alpha is None else upright(alpha, orientation)
    return Raster(upright(colours, orientation), white, turned_alpha, lossy, orientation, kind)


def _separated(page: TiffPage, samples: Samples) -> tuple[Samples, Samples | None, int]:
    """Return colours of shape (height, width, 1 or 3), alpha and the value of white."""
    bits, kind = int(page.bitspersample), _name(page.photometric)
    n_colours = samples.shape[2] - len(page.extrasamples)
    colours, white = _full_scale(samples[..., :n_colours], bits)
    if kind == "PALETTE":
        colours, white = _coloured(samples[..., 0], page.colormap), 255
    if kind == "MINISWHITE":
        colours = white - colours
    if not page.extrasamples:
        return colours, None, white
    alpha, opaque = _full_scale(samples[..., n_colours], bits)
    if (alpha == opaque).all():
        return colours, None, white
    return *_unmultiplied(colours, alpha, white, _name(page.extrasamples[0])), white


def _open(data: bytes) -> TiffFile:
    import imagecodecs  # noqa: F401, PLC0415 (decodes for tifffile; its version is part of the keys)
    from tifffile import TiffFile  # noqa: PLC0415 (imported for TIFF files only)

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        return TiffFile(io.BytesIO(data))
    except Exception as error:  # as above
        raise ValueError(f"not a readable image: a damaged TIFF ({error})") from error


def _page(file: TiffFile) -> TiffPage:
    """Return the only page."""
    from tifffile import TiffPage  # noqa: PLC0415 (as above)

    try:
        page = file.pages[0]
    except Exception as error:  # as above
        raise ValueError(f"not a readable image: a damaged TIFF ({error})") from error
    several = (file.imagej_metadata or {}).get("images", 1) != 1 if file.is_imagej else False
    if several or not isinstance(page, TiffPage):
        raise ValueError("several pages; one cell per file is expected")
    return page


def _name(value: object) -> str:
    """Return the name of a value of a tag; its number if TIFF does not define it."""
    return str(getattr(value, "name", value))


def _check_kind(page: TiffPage) -> None:
    """Raise ValueError for a kind of image that is not read, before memory is taken."""
    check_size(page.imagewidth, page.imagelength)
    if page.is_tiled:
        check_size(page.tilewidth, page.tilelength)
    name = _name(page.photometric)
    n_colours = {"RGB": 3, "YCBCR": 3, "PALETTE": 1, **dict.fromkeys(_GREY, 1)}.get(name)
    if n_colours is None or (name == "YCBCR" and page.compression not in _JPEG):
        raise ValueError(f"a TIFF of {name} values; grey, RGB, RGBA or a palette is expected")
    if page.compression not in _COMPRESSIONS:
        raise ValueError(f"a TIFF compressed by {_name(page.compression)}; save it with LZW, Deflate or JPEG")
    if page.imagedepth != 1:
        raise ValueError(f"a TIFF of {page.imagedepth} planes; one plane is expected")
    if page.sampleformat not in _UNSIGNED or page.bitspersample not in _BITS:
        kind = _SAMPLE_FORMATS.get(page.sampleformat, "unsigned")
        raise ValueError(f"{page.bitspersample}-bit {kind} values; 8 or 16 bit unsigned is expected")
    n_extra = 0 if name == "PALETTE" else len(page.extrasamples)
    if page.samplesperpixel > _MAX_SAMPLES or page.samplesperpixel != n_colours + n_extra:
        raise ValueError(f"{page.samplesperpixel} samples per pixel; grey, RGB or RGBA is expected")
    if max(len(page.databytecounts), len(page.dataoffsets)) > MAX_SEGMENTS:
        raise ValueError(f"{len(page.databytecounts)} strips or tiles; at most {MAX_SEGMENTS} are read")
    missing = sum(count == 0 for count in page.databytecounts)
    if missing:
        raise ValueError(f"damaged image ({missing} of its {len(page.databytecounts)} strips or tiles are missing)")


def _check_segments(page: TiffPage, data: bytes) -> None:
    """Raise ValueError for strips or tiles that are larger than the image, or their JPEG larger than they are."""
    width, height = (page.tilewidth, page.tilelength) if page.is_tiled else (page.imagewidth, page.rowsperstrip)
    check_size(width, height)
    if width * height * len(page.databytecounts) > _MAX_PADDED * MAX_PIXELS or sum(page.databytecounts) > 2 * MAX_BYTES:
        raise ValueError("damaged image (its strips or tiles are larger than the image)")
    if page.compression not in _JPEG:
        return
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        stored = check_jpeg(data[start : start + length])
        if any(has > -(-limit // _BLOCK) * _BLOCK for has, limit in zip(stored, (width, height), strict=True)):
            raise ValueError(f"damaged image (a JPEG of {stored[0]} x {stored[1]} pixels in a strip or tile)")


def _coloured(indices: Samples, colormap: Samples | None) -> Samples:
    """Apply a colour map. Some writers store 8-bit entries."""
    if colormap is None:
        raise ValueError("damaged image (a palette is expected)")
    entries = colormap if colormap.max(initial=0) < 256 else colormap >> 8
    return np.moveaxis(entries.astype(np.uint8)[:, indices], 0, -1)


def _full_scale(values: Samples, bits: int) -> tuple[Samples, int]:
    """Scale values below 8 bits to 0..255; return them and the value of white."""
    if bits < 8:
        return (values * (255 // (2**bits - 1))).astype(np.uint8), 255
    return values.astype(np.uint8 if bits == 8 else np.uint16, copy=False), 2**bits - 1


def _unmultiplied(colours: Samples, alpha: Samples, white: int, kind: str) -> tuple[Samples, Samples]:
    """Return colours that are not multiplied by alpha, and alpha."""
    if kind == "UNASSALPHA":
        return colours, alpha
    if kind != "ASSOCALPHA":
        raise ValueError(
            "the TIFF has an extra channel of unspecified meaning; save it as RGB, or declare the channel as alpha"
        )
    factor = white / np.maximum(alpha, 1).astype(np.float64)
    divided = np.empty_like(colours)
    for channel in range(colours.shape[2]):  # one at a time, for less memory
        divided[..., channel] = np.minimum(np.rint(colours[..., channel] * factor), white)
    return divided, alpha
