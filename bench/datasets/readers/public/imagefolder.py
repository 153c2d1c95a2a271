"""Image folders of Hugging Face: images beside a `metadata.csv` with a column `file_name`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from bench.datasets.canonical_names import canonical_text
from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.names import listed
from bench.datasets.readers.columns import ignored_notice
from bench.datasets.readers.folder_layout import is_part_of_split
from bench.datasets.readers.groups import Groups, groups_without_patients, ignored_pattern
from bench.datasets.readers.images import image_files
from bench.datasets.readers.paths import place_of
from bench.datasets.readers.text_table import Rows, read_rows
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError, shortened
from extractors.files.regular import open_regular

METADATA = "metadata.csv"
PARTS = ("train", "validation", "valid", "val", "test")
FILES = (METADATA, *(f"{part}/{METADATA}" for part in PARTS))
"""Tables of an image folder."""

PATIENTS = ("patient", "patient_id", "subject", "subject_id")
"""Columns that hold the patient; one of them at most may be present."""

_HEADER_BYTES = 65536


@dataclass(frozen=True)
class _Image:
    file: str
    place: Path
    label: str
    patient: str | None
    part: str


class ImageFolderReader:
    """Reader of an `imagefolder` with `metadata.csv`: columns `file_name`, `label` and, if available, `patient`."""

    name = "imagefolder"

    def recognises(self, path: Path) -> bool:
        """Whether the folder, or one of a part of a split in it, has a `metadata.csv` with a column `file_name`."""
        return path.is_dir() and bool(_metadata_files(path))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Cells of `train` and `validation` are training cells, those of `test` are held out.

        Raises
        ------
        BenchError
            A column or value is missing, an image is missing, outside the folder or listed twice, or there are several
            columns of patients.
        """
        root = path.resolve()
        images, notices = [], []
        for file in _metadata_files(root):
            rows = read_rows(file, required=("file_name",), optional=("label", *PATIENTS))
            patients, column_notices = _patient_column(rows)
            images += [_image(root, rows, index, patients) for index in range(len(rows))]
            notices += column_notices
            if "label" not in rows.columns:
                notices.append(f"{file}: there is no column 'label'; the class is the folder of each image")
        images.sort(key=lambda image: image.file)
        _check_once(root, images)
        unlisted = len(set(image_files(root, leave_out=options.mask_folders)) - {image.file for image in images})
        if unlisted:
            notices.append(f"images that are not in {METADATA} are left out: {unlisted}")
        sets, set_notices = _sets(images)
        groups = _groups(root, images, options, sets)
        table = cell_table(
            cell=[image.file for image in images],
            path=[str(image.place) for image in images],
            label=[image.label for image in images],
            patient=groups.names,
            set=sets,
        )
        notices = [*groups.notices, *notices, *set_notices]
        return Dataset(root.name, self.name, table, None, options, tuple(notices), groups.grouping)


def _metadata_files(root: Path) -> list[Path]:
    return [file for file in (root / name for name in FILES) if _has_file_names(file)]


def _has_file_names(file: Path) -> bool:
    with suppress(OSError, UnicodeDecodeError), open_regular(file) as stream:
        header = stream.readline(_HEADER_BYTES).decode("utf-8-sig")
        return "file_name" in (name.strip(' "\r\n') for name in header.replace(";", ",").replace("\t", ",").split(","))
    return False


def _patient_column(rows: Rows) -> tuple[str | None, list[str]]:
    present = [name for name in PATIENTS if name in rows.columns]
    if len(present) > 1:
        raise BenchError(f"{rows.file}: several columns may be the patient ({listed(present)}); remove all but one")
    column = present[0] if present else None
    notices = [] if column in (None, "patient") else [f"{rows.file}: the column {column!r} holds the patient"]
    ignored = None if column else ignored_notice(rows.file, rows.present, PATIENTS)
    return column, [*notices, *([ignored] if ignored else [])]


def _image(root: Path, rows: Rows, index: int, patients: str | None) -> _Image:
    text = rows.columns["file_name"][index]
    if not canonical_text(text):
        raise BenchError(f"{rows.at(index)}: 'file_name' is empty")
    if PurePosixPath(text).is_absolute():
        raise BenchError(f"{rows.at(index)}: the file_name {shortened(text)!r} is absolute; write it relative")
    place = place_of(rows, index, "file_name", text)
    file = place.relative_to(root).as_posix()
    folders = file.split("/")[:-1]
    part = folders[0] if folders and folders[0].lower() in PARTS else ""
    label = rows.columns["label"][index] if "label" in rows.columns else _folder_of(rows, index, folders, part)
    patient = rows.columns[patients][index] if patients else None
    for name, value in (("label", label), (patients, patient)):
        if value is not None and not canonical_text(value):
            raise BenchError(f"{rows.at(index)}: {name!r} is empty")
    return _Image(file, place, label, patient, part.lower())


def _folder_of(rows: Rows, index: int, folders: Sequence[str], part: str) -> str:
    classes = folders[1:] if part else folders
    if not classes or is_part_of_split(classes[0]):
        raise BenchError(
            f"{rows.at(index)}: there is no column 'label', and {shortened(rows.columns['file_name'][index])!r} is in "
            f"no class folder; its columns are: {listed([name for name in rows.present if name], 20)}"
        )
    return classes[0]


def _check_once(root: Path, images: Sequence[_Image]) -> None:
    for image, other in pairwise(images):
        if image.file == other.file:
            raise BenchError(f"{root / image.file}: the image is listed twice; each cell needs its own row")


def _groups(root: Path, images: Sequence[_Image], options: ReadOptions, sets: Sequence[str | None] | None) -> Groups:
    named = [image.patient for image in images if image.patient is not None]
    if named and len(named) < len(images):
        raise BenchError(f"{root}: only some {METADATA} files have a column of patients; add it to all, or remove it")
    if named:
        return Groups(named, "patient", ignored_pattern(root.name, options))
    files, labels = [image.file for image in images], [image.label for image in images]
    return groups_without_patients(root.name, files, labels, options, root=root, sets=sets)


def _sets(images: Sequence[_Image]) -> tuple[list[str | None] | None, list[str]]:
    named = sorted({image.part for image in images})
    rest = [part or "other folders" for part in named if part != "test"]
    if "test" not in named or not rest:
        return None, [f"the parts of a split are pooled: {listed(rest)}"] if len(rest) > 1 else []
    sets: list[str | None] = [HELD_OUT if image.part == "test" else TRAIN for image in images]
    return sets, [f"the cells of test are held out, those of {listed(rest)} are training cells"]
