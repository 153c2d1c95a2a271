"""Reader of image folders: labels from the first folder or a pattern, patients or split units from a pattern."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bench.datasets.names import listed
from bench.datasets.readers.companions import masks_beside, second_formats, thumbnails
from bench.datasets.readers.folder_layout import check_class_folders, check_mask_folders, pooled_notice
from bench.datasets.readers.groups import Groups, units_of_pattern
from bench.datasets.readers.images import MAX_DEPTH, folders_in, image_files, is_image_name
from bench.datasets.readers.patterns import doubtful_notices, example, path_pattern
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError


class FolderReader:
    """Reader of `PATH/<label>/**/<image>`; `ReadOptions.patient_pattern` matches the patient.

    Without patient ids, `ReadOptions.unit_pattern` matches split units. With `ReadOptions.label_pattern`, the label is
    matched in the path too, and images may be in any folder.
    """

    name = "folder"

    def recognises(self, path: Path) -> bool:
        """Whether there is an image in the folder or a subfolder; searches at most 5000 folders."""
        if not path.is_dir():
            return False
        return any(map(_holds_image, folders_in(path, MAX_DEPTH)))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Raises
        ------
        BenchError
            A pattern is missing, not a regular expression, has not one group, or does not match a path; without a
            label pattern, an image is outside the class folders or these are no classes; images are masks or copies of
            others; a link leaves the folder.
        """
        root = path.resolve()
        masks = options.mask_folders - {root}
        files, notices = _cells(root, masks, masks_in_root=root in options.mask_folders)
        if options.label_pattern is None:
            _check_in_folders(root, files)
        groups = _groups(root, files, options)
        labels = _labels(root, files, groups.names, options.label_pattern)
        table = cell_table(cell=files, path=[str(root / file) for file in files], label=labels, patient=groups.names)
        if options.label_pattern is None:
            notices += (*_empty_classes(root, table["label"], masks), *pooled_notice(files))
        notices += tuple(_doubts(files, labels, groups))
        return Dataset(root.name, self.name, table, None, options, (*groups.notices, *notices), groups.grouping)


def _holds_image(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(is_image_name(entry.name) for entry in entries)
    return False


def _cells(root: Path, masks: Collection[Path], *, masks_in_root: bool) -> tuple[list[str], tuple[str, ...]]:
    """Return the images that are cells, and notices of those left out."""
    files = image_files(root, leave_out=masks)
    small = set(thumbnails(files))
    notices = (f"{len(small)} thumbnails were left out, such as {min(small)}",) if small else ()
    files = [file for file in files if file not in small]
    beside = masks_beside(files)
    if beside and not masks_in_root:
        mask, image = next(iter(beside.items()))
        raise BenchError(
            f"{root}: {len(beside)} of {len(files)} images have the name of a mask of another one, such as {mask} "
            f"beside {image}, and would count as cells. Pass --mask {root} to use them as masks, or move "
            "them out"
        )
    files = [file for file in files if file not in beside]
    if not files:
        raise BenchError(f"{root}: there are no images of cells")
    check_mask_folders(root, files)
    twice = second_formats(files)
    if twice:
        raise BenchError(
            f"{root}: files of one name in several formats, such as {' and '.join(twice[0])}: {len(twice)}; remove "
            "the copies; if they are masks, pass them in a folder of their own with --mask, or list them in a manifest"
        )
    return files, notices


def _groups(root: Path, files: Sequence[str], options: ReadOptions) -> Groups:
    if options.patient_pattern is None and options.unit_pattern is not None:
        return units_of_pattern(root.name, files, options.unit_pattern, root=root)
    if options.patient_pattern is None:
        raise BenchError(
            "folders of images need --patient-pattern, which matches the patient in a path; "
            f"{example('patient', files)}; without patient ids, pass --unit-pattern for split units, such as slides"
        )
    if options.unit_pattern is not None:
        raise BenchError("--unit-pattern is for cells without patient ids; use it or --patient-pattern, not both")
    pattern = path_pattern("patient", options.patient_pattern, files)
    return Groups([pattern.match(file, root) for file in files], "patient", pattern=pattern)


def _doubts(files: Sequence[str], labels: Sequence[str], groups: Groups) -> Iterator[str]:
    pattern = groups.pattern
    if pattern is None:
        return
    if groups.grouping == "patient" and 2 < len(files) == len(set(groups.names)):
        yield f"--patient-pattern matches a different patient for each of the {len(files)} cells"
    yield from doubtful_notices(pattern, files, groups.names, labels)


def _check_in_folders(root: Path, files: Sequence[str]) -> None:
    loose = next((file for file in files if "/" not in file), None)
    if loose is not None:
        raise BenchError(
            f"{root / loose}: the image is not in a class folder; expected {root}/<label>/..., or --label-pattern, "
            "which matches the label in a path"
        )


def _labels(root: Path, files: Sequence[str], patients: Sequence[str], pattern: str | None) -> list[str]:
    if pattern is None:
        check_class_folders(root, files, patients)
        return [file.partition("/")[0] for file in files]
    label = path_pattern("label", pattern, files)
    return [label.match(file, root) for file in files]


def _empty_classes(root: Path, labels: Iterable[str], masks: Collection[Path]) -> tuple[str, ...]:
    known = set(labels)
    empty = sorted(
        p.name
        for p in root.iterdir()
        if p.is_dir() and p.name not in known and not p.name.startswith((".", "__")) and p not in masks
    )
    return (f"folders without an image are not classes: {listed(empty, 20)}",) if empty else ()
