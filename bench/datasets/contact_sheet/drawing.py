"""Drawing of contact sheets: rows of tiles with one scale, outlines, titles and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from bench.errors import printable
from extractors.preparation.step import Picture

TILE = 200
"""Largest width and height of a tile, px."""

LABEL = 190
GAP = 10
LINE = 17
TITLE = 2 * LINE + GAP

PAPER, INK, FAINT, FRAME = (255, 255, 255), (20, 20, 20), (110, 110, 110), (190, 190, 190)
CELL_OUTLINE, NUCLEUS_OUTLINE = (70, 230, 90), (255, 210, 60)

MAX_CHARACTERS = 78
"""Length of a cell id, longer ids are shortened in the middle."""

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One cell on the sheet.

    Parameters
    ----------
    cell, label, patient : str
        Texts on the left.
    sizes : tuple of (height, width)
        Sizes of the images before scaling, px.
    tiles : tuple of ndarray of uint8, shape (height, width, 3)
        One tile per column.
    """

    cell: str
    label: str
    patient: str
    sizes: tuple[Size, ...]
    tiles: tuple[Pixels, ...]


def shared_scale(sizes: Sequence[Size]) -> float:
    """Return the scale at which the largest image of a row fits a tile; an integer if images are enlarged."""
    largest = max(max(size) for size in sizes)
    return float(TILE // largest) if largest <= TILE else TILE / largest


def drawn_tile(picture: Picture, scale: float) -> Pixels:
    """Draw an image at a scale, with the outline of the cell, and of the nucleus if its mask is provided."""
    height, width = (max(1, round(side * scale)) for side in picture.mask.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    tile = np.array(cv2.resize(picture.image, (width, height), interpolation=how), dtype=np.uint8)
    for mask, colour in ((picture.nucleus, NUCLEUS_OUTLINE), (picture.mask, CELL_OUTLINE)):
        if mask is not None:
            scaled = cv2.resize(mask.view(np.uint8) * np.uint8(255), (width, height), interpolation=how) > 127
            outlines, _ = cv2.findContours(scaled.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, outlines, -1, colour, 1)
    return tile


def draw_sheet(rows: Sequence[Row], titles: Sequence[str]) -> Image.Image:
    """Draw the sheet.

    Parameters
    ----------
    rows : sequence of Row
        At least one.
    titles : sequence of str
        One title per column; text in brackets goes to a second line.
    """
    heights = [max(max(tile.shape[0] for tile in row.tiles) + LINE, 5 * LINE) + GAP for row in rows]
    width = LABEL + len(titles) * (TILE + GAP) + GAP
    sheet = Image.new("RGB", (width, TITLE + sum(heights) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        name, bracket, rest = title.partition("[")
        draw.text((_left(column), GAP), name, fill=INK, font=_font("DejaVuSans-Bold", 13))
        draw.text((_left(column), GAP + LINE), bracket + rest, fill=FAINT, font=_font("DejaVuSans", 12))
    top = TITLE + GAP
    for row, height in zip(rows, heights, strict=True):
        _draw_row(sheet, draw, row, top)
        top += height
    return sheet


def _draw_row(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    plain, bold = _font("DejaVuSans", 12), _font("DejaVuSans-Bold", 13)
    lines = [(_fitting(row.label, 1, bold), bold, INK), (_fitting(f"patient {row.patient}", 1, plain), plain, INK)]
    lines += [(_fitting(row.cell, 3, plain), plain, FAINT)]
    y = top
    for pieces, font, ink in lines:
        for piece in pieces:
            draw.text((GAP, y), piece, fill=ink, font=font)
            y += LINE
    for column, (tile, (height, width)) in enumerate(zip(row.tiles, row.sizes, strict=True)):
        sheet.paste(Image.fromarray(tile), (_left(column), top))
        draw.rectangle((_left(column) - 1, top - 1, _left(column) + tile.shape[1], top + tile.shape[0]), outline=FRAME)
        below = (_left(column), top + tile.shape[0] + 2)
        draw.text(below, f"{width} × {height} px", fill=FAINT, font=_font("DejaVuSans", 11))


def _left(column: int) -> int:
    return LABEL + GAP + column * (TILE + GAP)


def _fitting(text: str, lines: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """Break a text into at most `lines` lines of the label column, shortened in the middle if necessary."""
    text = _shortened(printable(text), MAX_CHARACTERS)
    while len(pieces := _broken(text, font)) > lines:
        text = _shortened(text, len(text) - 1)
    return pieces


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    text = text.replace("…", "")
    start = (length - 1) // 2
    return f"{text[:start]}…{text[len(text) - (length - 1 - start) :]}"


def _broken(text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if font.getlength(text[start:end]) > LABEL - GAP and end - 1 > start:
            pieces.append(text[start : end - 1])
            start = end - 1
    return [*pieces, text[start:]]


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a font of matplotlib, with Latin, Greek and Cyrillic letters."""
    import matplotlib  # noqa: PLC0415 (slow; only needed for fonts)

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)
