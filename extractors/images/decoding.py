"""Decoding of image files: BMP, PNG, JPEG and TIFF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from extractors.files.digests import bytes_digest, check_unchanged
from extractors.images.raster import Raster, check_size, upright
from extractors.images.tiff import decode_tiff, is_tiff

FORMATS = frozenset({"BMP", "PNG", "JPEG", "MPO", "TIFF"})
"""Formats that are read; of an MPO, the JPEG of a camera with a preview, the first picture."""

_ORIENTATION = 274
_JPEG = frozenset({"JPEG", "MPO"})
_ALPHA_MODES = frozenset({"LA", "PA", "RGBA"})
_MODES = frozenset({"1", "L", "P", "RGB", "I", "I;16", "I;16B", *_ALPHA_MODES})


@dataclass(frozen=True)
class _Header:
    """Kind of an image file that is not a TIFF."""

    format: str
    orientation: int
    alpha: bool
    colour: bool


def decode(path: Path, *, sha256: str | None = None) -> Raster:
    """Decode an image file.

    Orientation tags are applied; colour profiles are not.

    Parameters
    ----------
    path : Path
        The file; read once.
    sha256 : str, optional
        Expected digest of the bytes that are decoded.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is not a BMP, PNG, JPEG or TIFF, is damaged, or has several pages, more than `MAX_PIXELS` pixels, or
        values that are not grey, RGB or RGBA of up to 16 bits; or its digest differs from `sha256`.
    """
    data = path.read_bytes()
    check_unchanged(path, data, sha256)
    try:
        return decode_tiff(data) if is_tiff(data) else _decode(data, _read_header(data))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def verify_image(path: Path) -> str:
    """Decode every byte of an image; return the SHA-256 of these bytes.

    Stricter than `decode`, whose decoders fill the missing pixels of a truncated PNG, JPEG or BMP; used once when a
    dataset is loaded.

    Raises
    ------
    OSError, ValueError
        As for `decode`, and for a truncated file.
    """
    data = path.read_bytes()
    try:
        if is_tiff(data):
            decode_tiff(data)
        else:
            _read_header(data)
            _load(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return bytes_digest(data)


def _read_header(data: bytes) -> _Header:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in FORMATS:
                raise _WrongKindError(f"a {image.format} file; BMP, PNG, JPEG or TIFF is expected")
            check_size(*image.size)
            if image.format == "PNG" and getattr(image, "n_frames", 1) != 1:
                raise _WrongKindError("several pages; one cell per file is expected")
            if image.mode not in _MODES:
                raise _WrongKindError(f"{image.mode} values; grey, RGB, RGBA or a palette is expected")
            alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            colour = image.mode in ("RGB", "RGBA")
            return _Header(image.format, _orientation(image, data), alpha, colour)
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    except _WrongKindError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError("not a readable image (BMP, PNG, JPEG or TIFF)") from error


def _orientation(image: Image.Image, data: bytes) -> int:
    # Pillow decodes a whole PNG to look for its tags; that is left out where it can have none.
    if image.format == "PNG" and not any(name in data for name in (b"eXIf", b"Raw profile", b"XML:com.adobe.xmp")):
        return 1
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


class _WrongKindError(ValueError):
    """An image of a kind that is not read."""


def _load(data: bytes) -> None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"damaged image ({error})") from error


def _decode(data: bytes, header: _Header) -> Raster:
    stored = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError("damaged image")
    if stored.ndim == 2 and (header.alpha or header.colour):
        return _with_pillow(data, header)
    if stored.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels of type {stored.dtype}; 8 or 16 bit unsigned is expected")
    samples = upright(stored, header.orientation)
    lossy = header.format in _JPEG
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    white = int(np.iinfo(samples.dtype).max)
    if channels == 1:
        return Raster(samples.reshape(samples.shape[:2]), white, None, lossy, header.orientation)
    alpha = samples[..., 3] if channels == 4 and header.alpha and (samples[..., 3] != white).any() else None
    code = cv2.COLOR_BGRA2RGB if channels == 4 else cv2.COLOR_BGR2RGB
    return Raster(np.asarray(cv2.cvtColor(samples, code)), white, alpha, lossy, header.orientation)


def _with_pillow(data: bytes, header: _Header) -> Raster:
    """Decode what OpenCV reads without its colours or its transparent grey value: an old BMP, a grey PNG."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode.startswith("I"):
            raise ValueError("a 16-bit grey PNG with a transparent value; save it without")
        pixels = upright(np.asarray(image.convert("RGBA")), header.orientation)
    alpha = pixels[..., 3] if (pixels[..., 3] != 255).any() else None
    return Raster(np.ascontiguousarray(pixels[..., :3]), 255, alpha, orientation=header.orientation)
