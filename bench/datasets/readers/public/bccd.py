"""BCCD: blood cells cut from photographs by the boxes of their annotations."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bench.datasets.readers.extracted_cells import extracted_cells
from bench.datasets.readers.groups import groups_without_patients
from bench.datasets.readers.images import MAX_FILES, image_files
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.voc_boxes import Box, read_boxes
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError, shortened
from extractors.arrays import UInt8Array
from extractors.files.digests import file_digest
from extractors.images.pixels import load_image
from extractors.images.raster import MAX_PIXELS

IMAGES, ANNOTATIONS = "JPEGImages", "Annotations"
CLASSES = frozenset({"WBC", "RBC", "Platelets"})
_FORMAT = "1"
_INNER = ("BCCD",)


@dataclass(frozen=True)
class _Crop:
    image: Path
    label: str
    box: Box


class BccdReader:
    """White blood cells, red blood cells and platelets cut from the photographs of BCCD."""

    name = "bccd"
    facts = Facts(title="BCCD", licence="unverified: MIT", patients=False, address="github.com/Shenggan/BCCD_Dataset")

    def recognises(self, path: Path) -> bool:
        """Whether the folder, or the folder `BCCD` in it, has `JPEGImages/BloodImage_*` and `Annotations`."""
        root = _root_of(path)
        return root is not None and any(_photographs(root))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by photograph; the cells are stored in the cache folder.

        Boxes are clipped to the photograph. Boxes without pixels, repeated ones, and equal ones of two classes are left
        out, with a notice.

        Raises
        ------
        BenchError
            An annotation is missing, malformed or has another class than `CLASSES`; a photograph cannot be read.
        """
        root = (_root_of(path) or path).resolve()
        crops: list[_Crop] = []
        counts = Counter[str]()
        for image in _photographs(root):
            size, boxes = _annotated(root, image)
            crops += [_Crop(image, label, box) for label, box in _usable(boxes, size, counts)]
        if len(crops) > MAX_FILES:
            raise BenchError(f"{root}: {len(crops)} boxes; at most {MAX_FILES} are read")
        names = [f"{number:06d}_{crop.image.stem}" for number, crop in enumerate(crops)]
        cells, stored = extracted_cells(
            _key(crops), names, _cut(crops), pixels=sum(crop.box.pixels for crop in crops), source=root
        )
        labels = [crop.label for crop in crops]
        groups = groups_without_patients(
            self.facts.title,
            names,
            labels,
            options,
            root=root,
            units=[crop.image.stem for crop in crops],
            unit="photograph",
        )
        table = cell_table(cell=names, path=[str(cell) for cell in cells], label=labels, patient=groups.names)
        notices = [f"{text}: {count}" for text, count in sorted(counts.items())]
        notices += [stored] if stored else []
        return Dataset(self.name, self.name, table, None, options, (*groups.notices, *notices), groups.grouping)


def _root_of(path: Path) -> Path | None:
    if not path.is_dir():
        return None
    places = (path, *(path / name for name in _INNER))
    return next((place for place in places if (place / IMAGES).is_dir() and (place / ANNOTATIONS).is_dir()), None)


def _photographs(root: Path) -> list[Path]:
    folder = (root / IMAGES).resolve()
    return [folder / name for name in image_files(folder) if name.startswith("BloodImage_") and "/" not in name]


def _annotated(root: Path, image: Path) -> tuple[tuple[int, int], list[tuple[str, Box]]]:
    """Return width and height of a photograph, and the class and box of each cell."""
    file = root / ANNOTATIONS / f"{image.stem}.xml"
    if not file.is_file():
        raise BenchError(f"{image}: the annotation {file} is missing")
    size, boxes = read_boxes(file)
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise BenchError(f"{file}: states {size[0]} x {size[1]} pixels; at most {MAX_PIXELS} are read")
    other = next((label for label, _ in boxes if label not in CLASSES), None)
    if other is not None:
        raise BenchError(f"{file}: the class {shortened(other)!r} is not one of {', '.join(sorted(CLASSES))}")
    return size, boxes


def _usable(boxes: Sequence[tuple[str, Box]], size: tuple[int, int], counts: Counter[str]) -> Iterator[tuple[str, Box]]:
    """Yield class and clipped box of each cell of a photograph; count those left out or clipped."""
    labels: dict[Box, list[str]] = {}
    for label, box in boxes:
        inside = box.clipped(*size)
        if inside is None:
            counts["boxes without pixels, left out"] += 1
            continue
        counts.update(["boxes clipped to their photograph"] if inside != box else [])
        labels.setdefault(inside, []).append(label)
    for box, of_box in labels.items():
        if len(set(of_box)) > 1:
            counts["boxes of two classes, left out"] += len(of_box)
            continue
        counts.update(["repeated boxes, left out"] * (len(of_box) - 1))
        yield of_box[0], box


def _key(crops: Sequence[_Crop]) -> str:
    sha256 = hashlib.sha256(f"bccd {_FORMAT}\n".encode())
    digests = {image: file_digest(image) for image in dict.fromkeys(crop.image for crop in crops)}
    for crop in crops:
        sha256.update(f"{digests[crop.image]} {crop.image.stem} {crop.box}\n".encode())
    return sha256.hexdigest()


def _cut(crops: Sequence[_Crop]) -> Iterator[UInt8Array]:
    for image, of_image in groupby(crops, key=lambda crop: crop.image):
        try:
            photograph = load_image(image).image
        except ValueError as error:
            raise BenchError(str(error)) from error
        for crop in of_image:
            box = crop.box
            cell = photograph[box.top : box.bottom, box.left : box.right]
            if cell.shape[:2] != (box.bottom - box.top, box.right - box.left):
                height, width = photograph.shape[:2]
                raise BenchError(f"{image}: has {width} x {height} pixels, and its annotation states more")
            yield cell
