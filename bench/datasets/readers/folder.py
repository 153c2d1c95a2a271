"""Reader of class folders: one folder per class, the patient matched in each path by a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

from bench.datasets.readers.images import image_files, is_image_name
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

_GUESSES = (r"^[^/]+/([^/]+)/", r"/([^/_]+)_[^/]*$", r"/([^/-]+)-[^/]*$", r"/([^/.]+)\.[^/]*$")

_MAX_FOLDERS = 5000


class FolderReader:
    """Reader of `PATH/<label>/**/<image>`; `ReadOptions.patient_pattern` matches the patient."""

    name = "folder"

    def recognises(self, path: Path) -> bool:
        """Whether a subfolder contains an image; searches at most 5000 folders."""
        if not path.is_dir():
            return False
        folders = (place for place, _, files in islice(os.walk(path), _MAX_FOLDERS) if any(map(is_image_name, files)))
        return any(Path(place) != path for place in folders)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Raises
        ------
        BenchError
            The pattern is missing, not a regular expression, has not one group, or does not match a path; an image is
            outside the class folders; a link leaves the folder.
        """
        root = path.resolve()
        masks = options.mask_folders - {root}
        files = image_files(root, leave_out=masks)
        loose = next((file for file in files if "/" not in file), None)
        if loose is not None:
            raise BenchError(f"{root / loose}: the image is not in a class folder; expected {root}/<label>/...")
        if not files:
            raise BenchError(f"{root}: there are no images in class folders")
        pattern = _compiled(options.patient_pattern, files)
        table = cell_table(
            cell=files,
            path=[str(root / file) for file in files],
            label=[file.partition("/")[0] for file in files],
            patient=[_patient(pattern, file, root) for file in files],
        )
        return Dataset(root.name, self.name, table, None, options, _empty_classes(root, table["label"], masks))


def _compiled(pattern: str | None, files: list[str]) -> re.Pattern[str]:
    if pattern is None:
        raise BenchError(
            f"class folders need --patient-pattern, which matches the patient in a path; {_example(files)}"
        )
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise BenchError(f"--patient-pattern {pattern!r} is not a regular expression: {error.msg}{where}") from error
    if compiled.groups != 1 and "patient" not in compiled.groupindex:
        raise BenchError(
            f"--patient-pattern {pattern!r} has {compiled.groups} groups; expected one, "
            f"or one named patient: (?P<patient>...); {_example(files)}"
        )
    return compiled


def _example(files: list[str]) -> str:
    for guess in _GUESSES:
        match = re.search(guess, files[0])
        if match is not None:
            return f"for example --patient-pattern '{guess}' matches {match[1]!r} in {files[0]}"
    return f"it is searched in paths such as {files[0]}"


def _patient(pattern: re.Pattern[str], file: str, root: Path) -> str:
    match = pattern.search(file)
    if match is None:
        raise BenchError(f"{root / file}: --patient-pattern {pattern.pattern!r} does not match {file!r}")
    patient = match["patient"] if "patient" in pattern.groupindex else match[1]
    if not patient:
        raise BenchError(f"{root / file}: --patient-pattern {pattern.pattern!r} matches an empty patient in {file!r}")
    return str(patient)


def _empty_classes(root: Path, labels: Iterable[str], masks: Collection[Path]) -> tuple[str, ...]:
    known = set(labels)
    empty = sorted(
        p.name
        for p in root.iterdir()
        if p.is_dir() and p.name not in known and not p.name.startswith((".", "__")) and p not in masks
    )
    return (f"folders without an image are not classes: {', '.join(empty)}",) if empty else ()
