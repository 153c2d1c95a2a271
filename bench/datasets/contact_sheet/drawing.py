"""How a contact sheet looks: tiles of one scale in a row, outlines, titles and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from extractors.preparation.step import Picture

TILE = 200
"""Width and height that no tile exceeds, px."""

LABEL = 190
GAP = 10
LINE = 17
TITLE = 2 * LINE + GAP

PAPER, INK, FAINT, FRAME = (255, 255, 255), (20, 20, 20), (110, 110, 110), (190, 190, 190)
CELL_OUTLINE, NUCLEUS_OUTLINE = (70, 230, 90), (255, 210, 60)

MAX_LETTERS = 78
"""Of a cell's id; of a longer one the middle is left out."""

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A cell on the sheet.

    Parameters
    ----------
    cell, label, patient : str
        What stands at the left.
    sizes : tuple of (height, width)
        Of the pictures before they were drawn, px.
    tiles : tuple of ndarray of uint8, shape (height, width, 3)
        One a column.
    """

    cell: str
    label: str
    patient: str
    sizes: tuple[Size, ...]
    tiles: tuple[Pixels, ...]


def shared_scale(sizes: Sequence[Size]) -> float:
    """By what the pictures of a row are shrunk, or magnified a whole number of times, for the largest to fit a tile."""
    largest = max(max(size) for size in sizes)
    return float(TILE // largest) if largest <= TILE else TILE / largest


def drawn_tile(picture: Picture, scale: float) -> Pixels:
    """The picture at a scale, with the outline of the cell, and of the nucleus where the user has drawn it."""
    height, width = (max(1, round(side * scale)) for side in picture.mask.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    tile = np.array(cv2.resize(picture.image, (width, height), interpolation=how), dtype=np.uint8)
    for mask, colour in ((picture.nucleus, NUCLEUS_OUTLINE), (picture.mask, CELL_OUTLINE)):
        if mask is not None:
            there = cv2.resize(mask.view(np.uint8) * np.uint8(255), (width, height), interpolation=how) > 127
            outlines, _ = cv2.findContours(there.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, outlines, -1, colour, 1)
    return tile


def joined(rows: Sequence[Row], titles: Sequence[str]) -> Image.Image:
    """The whole sheet.

    Parameters
    ----------
    rows : sequence of Row
        At least one.
    titles : sequence of str
        One a column; what stands in brackets goes to a second line.
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
    """The text in at most so many lines that fit the labels' column; what does not fit is left out in the middle."""
    text = _shortened(text, MAX_LETTERS)
    while len(pieces := _broken(text, font)) > lines:
        text = _shortened(text, len(text) - 1)
    return pieces


def _shortened(text: str, letters: int) -> str:
    if len(text) <= letters:
        return text
    text = text.replace("…", "")
    start = (letters - 1) // 2
    return f"{text[:start]}…{text[len(text) - (letters - 1 - start) :]}"


def _broken(text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if font.getlength(text[start:end]) > LABEL - GAP and end - 1 > start:
            pieces.append(text[start : end - 1])
            start = end - 1
    return [*pieces, text[start:]]


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A typeface that matplotlib brings along, with Latin, Greek and Cyrillic letters."""
    import matplotlib  # noqa: PLC0415 (nothing else here needs it)

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)
