"""Boxes of the objects in an annotation of Pascal VOC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bench.errors import BenchError, shortened
from extractors.files.regular import read_regular

_MAX_BYTES = 1_000_000
_NUMBER = re.compile(r"-?\d{1,6}(?:\.0+)?")


@dataclass(frozen=True)
class Box:
    """Pixels of a box: columns `left` to before `right`, rows `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def clipped(self, width: int, height: int) -> Box | None:
        """Return the part inside an image; None if it has no pixel."""
        left, right = max(self.left, 0), min(self.right, width)
        top, bottom = max(self.top, 0), min(self.bottom, height)
        return Box(left, top, right, bottom) if left < right and top < bottom else None


def read_boxes(file: Path) -> tuple[tuple[int, int], list[tuple[str, Box]]]:
    """Return width and height of the image, and class and box of each object.

    Raises
    ------
    BenchError
        The file is not XML, has a document type, from which entities could grow, or lacks a number.
    """
    try:
        content = read_regular(file, limit=_MAX_BYTES)
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror})") from error
    if b"<!" in content.replace(b"<!--", b"") or b"\0" in content:
        raise BenchError(f"{file}: has a document type, entities or UTF-16 text, which are not read")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 (no document type, so no entities)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise BenchError(f"{file}: not readable XML ({error})") from error
    size = _number(file, root, "size/width"), _number(file, root, "size/height")
    return size, [_object(file, element) for element in root.iter("object")]


def _object(file: Path, element: ElementTree.Element) -> tuple[str, Box]:
    label = (element.findtext("name") or "").strip()
    edges = [_number(file, element, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
    return label, Box(*edges)


def _number(file: Path, element: ElementTree.Element, path: str) -> int:
    text = (element.findtext(path) or "").strip()
    if _NUMBER.fullmatch(text) is None:
        raise BenchError(f"{file}: {path} of <{element.tag}> is {shortened(text)!r}; expected a whole number")
    return int(text.partition(".")[0])
