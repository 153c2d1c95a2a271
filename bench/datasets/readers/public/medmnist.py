"""MedMNIST: images of a NumPy archive, such as BloodMNIST."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.names import MAX_CLASSES
from bench.datasets.readers.extracted_cells import extracted_cells
from bench.datasets.readers.groups import groups_without_patients
from bench.datasets.readers.images import MAX_FILES
from bench.datasets.readers.public.acevedo import FAMILY
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.npz_members import Member, array_names, read_headers, read_images, read_integers
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError
from extractors.arrays import UInt8Array
from extractors.files.regular import open_regular
from extractors.images.raster import MAX_PIXELS

PARTS = ("train", "val", "test")
ARRAYS = tuple(f"{part}_{what}" for part in PARTS for what in ("images", "labels"))

BLOOD = "bloodmnist"
BLOOD_CLASSES = (
    "basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte", "monocyte", "neutrophil",
    "platelet",
)  # fmt: skip
BLOOD_MD5 = frozenset(
    {
        "7053d0359d879ad8a5505303e11de1dc",
        "2b94928a2ae4916078ca51e05b6b800b",
        "adace1e0ed228fccda1f39692059dd4c",
        "b718ff6835fcbdb22ba9eacccd7b2601",
    }
)
"""MD5 of the published files of 28, 64, 128 and 224 pixels (`medmnist/info.py`)."""

_BLOOD_NAME = re.compile(rf"{BLOOD}(?:_\d+)?", re.IGNORECASE)
_FORMAT = "1"
"""Changes with the way in which images are stored."""


@dataclass(frozen=True)
class _Part:
    name: str
    images: Member
    labels: Sequence[int]


class MedMnistReader:
    """BloodMNIST and other two-dimensional MedMNIST archives of one label per image (Yang et al., 2023)."""

    name = "medmnist"
    facts = Facts(
        title="BloodMNIST (MedMNIST)",
        licence="CC BY 4.0",
        patients=False,
        address="zenodo.org/records/10519652",
    )

    def recognises(self, path: Path) -> bool:
        """Whether a file, or the only `.npz` file of a folder, has the six arrays of MedMNIST."""
        file = _archive_of(path)
        if file is None:
            return False
        with suppress(BenchError):
            return set(ARRAYS) <= set(array_names(file))
        return False

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, in the order of the parts; images are stored in the cache folder.

        The parts `train` and `val` are training cells, `test` is held out.

        Raises
        ------
        BenchError
            Images are not of two dimensions and uint8, or labels are not one integer for each image; the archive is
            damaged or too large.
        """
        file = (_archive_of(path) or path).resolve()
        parts = _parts(file)
        names = [f"{part.name}_{number:06d}" for part in parts for number in range(part.images.shape[0])]
        if len(names) > MAX_FILES:
            raise BenchError(f"{file}: {len(names)} images; at most {MAX_FILES} are read")
        pixels = sum(_pixels(part) * part.images.shape[0] for part in parts)
        sha256, md5 = _digests(file)
        key = hashlib.sha256(f"medmnist {_FORMAT} {sha256}".encode()).hexdigest()
        paths, stored = extracted_cells(key, names, _images(file, parts), pixels=pixels, source=file)
        blood = _BLOOD_NAME.fullmatch(file.stem) is not None
        codes = [code for part in parts for code in part.labels]
        labels = _labels(file, codes, blood=blood)
        sets: list[str | None] = [HELD_OUT if part.name == "test" else TRAIN for part in parts for _ in part.labels]
        groups = groups_without_patients(file.stem, names, labels, options, root=file, sets=sets)
        table = cell_table(
            cell=names,
            path=[str(place) for place in paths],
            label=labels,
            patient=groups.names,
            set=sets,
        )
        notices = (*groups.notices, *([stored] if stored else []), *_notices(file, md5, blood=blood))
        family = FAMILY if blood else None
        return Dataset(file.stem.lower(), self.name, table, None, options, notices, groups.grouping, family)


def _archive_of(path: Path) -> Path | None:
    """Return a path that ends in `.npz`, or the only such file in a folder; None otherwise."""
    if path.is_file():
        return path if path.suffix.lower() == ".npz" else None
    files = [file for file in path.iterdir() if file.suffix.lower() == ".npz"] if path.is_dir() else []
    return files[0] if len(files) == 1 and files[0].is_file() else None


def _parts(file: Path) -> list[_Part]:
    headers = read_headers(file, ARRAYS)
    parts = []
    for name in PARTS:
        images, labels = headers[f"{name}_images"], headers[f"{name}_labels"]
        shape = images.shape
        if images.dtype.name != "uint8" or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3):
            raise BenchError(
                f"{file}: {images.name} has type {images.dtype} and shape {shape}; expected uint8 of (images, height, "
                "width) or (images, height, width, 3); three-dimensional sets are not read"
            )
        if not 0 < shape[1] * shape[2] <= MAX_PIXELS:
            raise BenchError(f"{file}: images of {shape[1]} x {shape[2]} pixels; at most {MAX_PIXELS} are read")
        if labels.shape not in ((shape[0],), (shape[0], 1)):
            raise BenchError(
                f"{file}: {labels.name} has shape {labels.shape} for {shape[0]} images; expected one label for each; "
                "sets of several labels per image are not read"
            )
        parts.append(_Part(name, images, read_integers(file, labels.name, limit=MAX_FILES).tolist()))
    return parts


def _pixels(part: _Part) -> int:
    return part.images.shape[1] * part.images.shape[2]


def _images(file: Path, parts: Sequence[_Part]) -> Iterator[UInt8Array]:
    return chain.from_iterable(read_images(file, part.images.name) for part in parts)


def _labels(file: Path, codes: Sequence[int], *, blood: bool) -> list[str]:
    known = range(len(BLOOD_CLASSES) if blood else MAX_CLASSES)
    other = next((code for code in codes if code not in known), None)
    if other is not None:
        raise BenchError(f"{file}: a label is {other}; expected 0 to {known[-1]}")
    return [BLOOD_CLASSES[code] if blood else str(code) for code in codes]


def _digests(file: Path) -> tuple[str, str]:
    """Return SHA-256 and MD5 of a file; MD5 is what the authors publish."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open_regular(file) as stream:
        while chunk := stream.read(1 << 20):
            sha256.update(chunk)
            md5.update(chunk)
    return sha256.hexdigest(), md5.hexdigest()


def _notices(file: Path, md5: str, *, blood: bool) -> Iterator[str]:
    yield "the cells of test are held out, those of train and val are training cells"
    if not blood:
        yield f"{file.name}: classes have the numbers of the file"
        return
    yield "BloodMNIST is cut from the images of Acevedo PBC 2020: never test a model of one on the other"
    if md5 not in BLOOD_MD5:
        yield f"{file.name} is not one of the published files: its MD5 is {md5}"
