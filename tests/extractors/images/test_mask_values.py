"""Every kind of mask against its true cell: values, depth, softness, alpha, labels, inversion."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from extractors.images.masks import read_mask, validated_mask_values

Pixels = npt.NDArray[Any]


def _disc(radius: float, cx: int = 22) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:48, :48]
    return np.asarray(np.hypot(y - 24, x - cx) < radius)


CELL, NUCLEUS, NEIGHBOUR = _disc(12), _disc(6), _disc(5, 42)
WHITE = (CELL * 255).astype(np.uint8)
TRIMAP = np.where(NUCLEUS, 255, np.where(CELL, 128, 0)).astype(np.uint8)
LABELS = (CELL + 2 * NEIGHBOUR).astype(np.uint8)


def _pillow(pixels: Pixels, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def _tiff(pixels: Pixels, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def _palette(first: tuple[int, ...], second: tuple[int, ...]) -> bytes:
    image = Image.fromarray(CELL.astype(np.uint8)).convert("P")
    image.putpalette([*first, *second])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _blurred(mask: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma))


def _framed(mask: Pixels) -> Pixels:
    framed = np.zeros_like(mask)
    framed[1:-1, 1:-1] = mask[1:-1, 1:-1]
    return framed


def _distance() -> Pixels:
    distance = cv2.distanceTransform(WHITE, cv2.DIST_L2, 5)
    return np.asarray(distance / distance.max() * 255, dtype=np.uint8)


def _unsure() -> Pixels:
    noise = np.random.default_rng(0).normal(115, 64, CELL.shape) * CELL
    return np.asarray(np.clip(cv2.GaussianBlur(noise, (0, 0), 2), 0, 255), dtype=np.uint8)


READ: dict[str, tuple[Callable[[], bytes], float]] = {
    "0 and 255": (lambda: _pillow(WHITE), 0),
    "0 and 1": (lambda: _pillow(CELL.astype(np.uint8)), 0),
    "0 and 128": (lambda: _pillow(CELL * np.uint8(128)), 0),
    "1 bit, PNG": (lambda: _pillow(CELL), 0),
    "1 bit, BMP": (lambda: _pillow(CELL, "BMP"), 0),
    "1 bit, TIFF, black is zero": (lambda: _tiff(CELL, photometric="minisblack"), 0),
    "16 bits, 0 and 65535": (lambda: _pillow(CELL.astype(np.uint16) * np.uint16(65535)), 0),
    "16 bits, 0 and 1": (lambda: _pillow(CELL.astype(np.uint16)), 0),
    "16 bits, TIFF, white is zero": (
        lambda: _tiff(np.where(CELL, 0, 65535).astype(np.uint16), photometric="miniswhite"),
        0,
    ),
    "black and one colour": (lambda: _pillow(np.dstack([0 * WHITE, 0 * WHITE, CELL * np.uint8(200)])), 0),
    "palette, black and one colour": (lambda: _palette((0, 0, 0), (200, 30, 30)), 0),
    "RGBA, opaque": (lambda: _pillow(np.dstack([WHITE, WHITE, WHITE, 0 * WHITE + 255])), 0),
    "alpha only": (lambda: _pillow(np.dstack([0 * WHITE, 0 * WHITE, 0 * WHITE, WHITE])), 0),
    "alpha of a white image": (lambda: _pillow(np.dstack([0 * WHITE + 255] * 3 + [WHITE])), 0),
    "soft, blurred by 1.5 px": (lambda: _pillow(_blurred(WHITE, 1.5)), 0.05),
    "soft, 16 bits": (lambda: _pillow(_blurred(CELL.astype(np.uint16) * np.uint16(65535), 1.5)), 0.05),
    "soft, resized from twice the size": (
        lambda: _pillow(
            np.asarray(cv2.resize(cv2.resize(WHITE, (96, 96), interpolation=cv2.INTER_CUBIC), (48, 48)), dtype=np.uint8)
        ),
        0.05,
    ),
    "JPEG, quality 90": (lambda: _pillow(WHITE, "JPEG", quality=90), 0.05),
    "JPEG, quality 50": (lambda: _pillow(WHITE, "JPEG", quality=50), 0.05),
    "JPEG, RGB": (lambda: _pillow(np.dstack([WHITE] * 3), "JPEG", quality=75), 0.05),
    "black": (lambda: _pillow(0 * WHITE), 0),
}
"""Writer, largest relative error of the area; the cell is `CELL`, for the black mask empty."""

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "inverted": (lambda: _pillow(255 - WHITE), "touches all four sides .* may be inverted; .*--mask-values"),
    "1 bit, TIFF, written inverted": (lambda: _tiff(CELL, photometric="miniswhite"), "may be inverted"),
    "JPEG, inverted": (lambda: _pillow(255 - WHITE, "JPEG", quality=90), "may be inverted"),
    "inverted, with a black frame": (lambda: _pillow(_framed(255 - WHITE)), "may be inverted, an outline"),
    "inverted, padded to a rectangle": (
        lambda: _pillow(np.pad(255 - WHITE, ((0, 0), (16, 16)))),
        "may be inverted, an outline",
    ),
    "outline": (
        lambda: _pillow(np.asarray(cv2.morphologyEx(WHITE, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))),
        "holes are .* may be inverted, an outline, or lack the nucleus",
    ),
    "cytoplasm without nucleus": (lambda: _pillow((CELL & ~NUCLEUS).astype(np.uint8)), "or lack the nucleus"),
    "distance map": (lambda: _pillow(_distance()), "not clear which are the cell"),
    "unsure probability map": (lambda: _pillow(_unsure()), "not clear which are the cell"),
    "nucleus and cytoplasm, cytoplasm brighter, JPEG": (
        lambda: _pillow(np.where(NUCLEUS, 100, WHITE).astype(np.uint8), "JPEG", quality=90),
        "not clear which are the cell",
    ),
    "0 and 1, JPEG": (lambda: _pillow(CELL.astype(np.uint8), "JPEG", quality=90), "not clear which are the cell"),
    "white everywhere": (lambda: _pillow(0 * WHITE + 255), "may be inverted; .*--mask whole"),
    "cell and neighbour": (lambda: _pillow(LABELS), "values 0, 1, 2, and it is not clear which are the cell"),
    "nucleus and cytoplasm": (lambda: _pillow(TRIMAP), "values 0, 128, 255, and it is not clear"),
    "nucleus and cytoplasm, JPEG": (lambda: _pillow(TRIMAP, "JPEG", quality=90), "not clear which are the cell"),
    "nucleus and cytoplasm, blurred": (lambda: _pillow(_blurred(TRIMAP, 1)), "not clear which are the cell"),
    "values 1 and 2": (lambda: _pillow(CELL.astype(np.uint8) + np.uint8(1)), "values 1, 2"),
    "many labels": (
        lambda: _pillow(np.where(CELL, np.arange(48, dtype=np.uint8)[:, None], 0).astype(np.uint8)),
        r"0\.\.35 \(\d+ values\)",
    ),
    "three colours": (
        lambda: _pillow(np.dstack([WHITE, NUCLEUS * np.uint8(255), 0 * WHITE])),
        "the mask has 3 colours; .* save it as grey",
    ),
    "palette, two colours": (lambda: _palette((30, 200, 30), (200, 30, 30)), "the mask has 2 colours"),
}
"""Writer, part of the message."""

STATED: dict[str, tuple[Callable[[], bytes], str, npt.NDArray[np.bool_]]] = {
    "labels, nonzero": (lambda: _pillow(LABELS), "nonzero", CELL | NEIGHBOUR),
    "labels, 1": (lambda: _pillow(LABELS), "1", CELL),
    "labels, 2": (lambda: _pillow(LABELS), "2", NEIGHBOUR),
    "nucleus and cytoplasm, 128+255": (lambda: _pillow(TRIMAP), "128+255", CELL),
    "nucleus and cytoplasm, 255": (lambda: _pillow(TRIMAP), "255", NUCLEUS),
    "nucleus and cytoplasm, JPEG, half": (lambda: _pillow(TRIMAP, "JPEG", quality=100), "half", CELL),
    "inverted": (lambda: _pillow(255 - WHITE), "inverted", CELL),
    "inverted, soft": (lambda: _pillow(255 - _blurred(WHITE, 0.8)), "inverted", CELL),
    "inverted, 1 bit, TIFF": (lambda: _tiff(CELL, photometric="miniswhite"), "inverted", CELL),
    "a cell that fills the frame": (lambda: _pillow(WHITE[12:37, 10:35]), "nonzero", CELL[12:37, 10:35]),
}
"""Writer, `--mask-values`, true mask."""


def _written(tmp_path: Path, write: Callable[[], bytes]) -> Path:
    path = tmp_path / "mask.img"
    path.write_bytes(write())
    return path


@pytest.mark.parametrize("kind", READ)
def test_the_mask_is_the_cell(tmp_path: Path, kind: str) -> None:
    write, tolerance = READ[kind]
    mask = read_mask(_written(tmp_path, write)).mask
    truth = CELL if kind != "black" else np.zeros_like(CELL)
    assert np.count_nonzero(mask != truth) <= tolerance * CELL.sum()


@pytest.mark.parametrize("kind", REFUSED)
def test_an_ambiguous_mask_is_refused(tmp_path: Path, kind: str) -> None:
    write, message = REFUSED[kind]
    with pytest.raises(ValueError, match=rf"mask\.img: .*{message}"):
        read_mask(_written(tmp_path, write))


@pytest.mark.parametrize("kind", STATED)
def test_a_stated_interpretation_is_used(tmp_path: Path, kind: str) -> None:
    write, values, truth = STATED[kind]
    result = read_mask(_written(tmp_path, write), values)
    assert result.rule == values
    assert np.count_nonzero(result.mask != truth) <= (0.05 * CELL.sum() if "soft" in kind or "JPEG" in kind else 0)


def test_exact_values_of_a_jpeg_are_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, lambda: _pillow(TRIMAP, "JPEG"))
    for values in ("255", "nonzero"):
        with pytest.raises(ValueError, match=f"a JPEG does not store exact values, so --mask-values {values}"):
            read_mask(path, values)


@pytest.mark.parametrize(("values", "written"), [("1", WHITE), ("255", CELL), ("half", CELL), ("7+9", LABELS)])
def test_values_that_select_nothing_are_refused(tmp_path: Path, values: str, written: Pixels) -> None:
    path = _written(tmp_path, lambda: _pillow(written.astype(np.uint8)))
    with pytest.raises(ValueError, match=rf"none of the values 0, .* is selected by {values.replace('+', '.')}"):
        read_mask(path, values)
    black = _written(tmp_path, lambda: _pillow(0 * WHITE))
    assert not read_mask(black, values).mask.any()


def test_the_values_are_reported(tmp_path: Path) -> None:
    plain = read_mask(_written(tmp_path, lambda: _pillow(WHITE)))
    assert (plain.values, plain.rule) == ("0, 255", "nonzero")
    soft = read_mask(_written(tmp_path, lambda: _pillow(_blurred(WHITE, 1.5))))
    assert soft.values.startswith("0..255 (")
    assert soft.rule == "half"


@pytest.mark.parametrize(("text", "canonical"), [("nonzero", "nonzero"), ("2+1", "1+2"), ("01", "1"), ("7+7", "7")])
def test_valid_values(text: str, canonical: str) -> None:
    assert validated_mask_values(text) == canonical


@pytest.mark.parametrize("text", ["", "white", "1,2", "-1", "1+", "65536", "1.5", "٣"])
def test_invalid_values_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="joined by"):
        validated_mask_values(text)
