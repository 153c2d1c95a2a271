"""Decoding of image files: BMP, PNG, JPEG and TIFF."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from extractors.files.digests import bytes_digest, check_unchanged
from extractors.files.regular import read_regular
from extractors.images.headers import BMP, JPEG, PNG, check_jpeg, check_png
from extractors.images.raster import MAX_BYTES, Raster, check_size, upright
from extractors.images.tiff import decode_tiff, is_tiff

_READERS: Mapping[bytes, type[ImageFile.ImageFile]] = {BMP: BmpImageFile, PNG: PngImageFile, JPEG: JpegImageFile}
"""Readers by the first bytes of a file; of an MPO, the JPEG of a camera with a preview, the first picture is read."""

_ORIENTATION = 274
_PREFIX = 16
"""Bytes by which Pillow recognises a format."""

_MAX_BMP_HEADER = 1_000_000
"""Largest size of headers, palette and colour profile of a BMP, in bytes."""

_MAX_EXIF = 65_536
"""Largest size of EXIF, in bytes, as in a JPEG; in a PNG, it may be twice as many hexadecimal digits."""

# Pillow warns of each damaged tag of EXIF, of which only the orientation is read.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

_ALPHA_MODES = frozenset({"LA", "PA", "RGBA"})
_MODES = frozenset({"1", "L", "P", "RGB", "I", "I;16", "I;16B", *_ALPHA_MODES})


@dataclass(frozen=True)
class _Header:
    """Kind of an image file that is not a TIFF."""

    format: str
    mode: str
    shape: tuple[int, int]
    orientation: int
    alpha: bool
    colour: bool

    @property
    def kind(self) -> str:
        return f"{self.format} {self.mode}"


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
    data = read_regular(path, limit=MAX_BYTES)
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
    data = read_regular(path, limit=MAX_BYTES)
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
        with _opened(data) as image:
            check_size(*image.size)
            if image.format == "PNG" and getattr(image, "n_frames", 1) != 1:
                raise _WrongKindError("several pages; one cell per file is expected")
            if image.mode not in _MODES:
                raise _WrongKindError(f"{image.mode} values; grey, RGB, RGBA or a palette is expected")
            alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            colour = image.mode in ("RGB", "RGBA")
            shape = image.size[1], image.size[0]
            return _Header(str(image.format), image.mode, shape, _orientation(image, data), alpha, colour)
    except _WrongKindError:
        raise
    except (OSError, SyntaxError) as error:
        raise ValueError("not a readable image (BMP, PNG, JPEG or TIFF)") from error


def _opened(data: bytes) -> ImageFile.ImageFile:
    """Open an image with the reader of its first bytes; no other reader sees the file."""
    start = next((start for start in _READERS if data.startswith(start)), None)
    if start is None:
        raise _WrongKindError(_other_kind(data))
    if start == PNG:
        check_png(data)
    elif start == JPEG:
        check_jpeg(data)
    image = _READERS[start](io.BytesIO(data))
    if start == BMP and len(data) > 4 * image.height * (image.width + 1) + _MAX_BMP_HEADER:
        raise _WrongKindError("a BMP that is larger than its pixels need; save the image again")
    return image


def _other_kind(data: bytes) -> str:
    """Return a message that names the format of a file that is not read, by its first bytes."""
    Image.init()
    for name in Image.ID:
        accepts = Image.OPEN[name][1]
        if accepts is not None and accepts(data[:_PREFIX].ljust(_PREFIX, b"\0")) is True:
            return f"a {name} file; BMP, PNG, JPEG or TIFF is expected"
    return "not a readable image (BMP, PNG, JPEG or TIFF)"


def _orientation(image: ImageFile.ImageFile, data: bytes) -> int:
    if image.format == "PNG":
        # Pillow decodes a whole PNG to look for its tags; that is left out where it can have none.
        if not any(name in data for name in (b"eXIf", b"Raw profile", b"XML:com.adobe.xmp")):
            return 1
        image.load()
    size = max(len(image.info.get("exif", b"")), len(image.info.get("Raw profile type exif", "")) // 2)
    if size > _MAX_EXIF:
        raise _WrongKindError(f"EXIF of {size} bytes; at most {_MAX_EXIF} are read: save the image without it")
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


class _WrongKindError(ValueError):
    """An image of a kind that is not read."""


def _load(data: bytes) -> None:
    try:
        with _opened(data) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"damaged image ({error})") from error


def _decode(data: bytes, header: _Header) -> Raster:
    if header.format == "PNG":
        data = check_png(data)  # without texts, which the decoder would quote in warnings
    stored = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.shape[:2] != header.shape:
        raise ValueError("damaged image")
    if stored.ndim == 2 and (header.alpha or header.colour):
        return _with_pillow(data, header)
    if stored.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels of type {stored.dtype}; 8 or 16 bit unsigned is expected")
    samples = upright(stored, header.orientation)
    lossy = header.format == "JPEG"
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    white = int(np.iinfo(samples.dtype).max)
    if channels == 1:
        return Raster(samples.reshape(samples.shape[:2]), white, None, lossy, header.orientation, header.kind)
    alpha = samples[..., 3] if channels == 4 and header.alpha and (samples[..., 3] != white).any() else None
    code = cv2.COLOR_BGRA2RGB if channels == 4 else cv2.COLOR_BGR2RGB
    return Raster(np.asarray(cv2.cvtColor(samples, code)), white, alpha, lossy, header.orientation, header.kind)


def _with_pillow(data: bytes, header: _Header) -> Raster:
    """Decode what OpenCV reads without its colours or its transparent grey value: an old BMP, a grey PNG."""
    with _opened(data) as image:
        if image.mode.startswith("I"):
            raise ValueError("a 16-bit grey PNG with a transparent value; save it without")
        pixels = upright(np.asarray(image.convert("RGBA")), header.orientation)
    alpha = pixels[..., 3] if (pixels[..., 3] != 255).any() else None
    return Raster(np.ascontiguousarray(pixels[..., :3]), 255, alpha, orientation=header.orientation, kind=header.kind)
