"""Reader of a public dataset that is described by a `Layout`."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.names import listed
from bench.datasets.readers.groups import Groups, groups_without_patients, ignored_pattern
from bench.datasets.readers.images import SYSTEM_FOLDERS, folders_in, image_files, is_image_name
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.layout import Layout
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

_DEPTH = 6
_FOLDERS = 150
_IMAGES = 3
"""Sample by which a layout is recognised: levels, folders, and images of each folder."""

_ABOVE = 3
"""Folders above the path that may belong to the layout, for a path inside a dataset."""


@dataclass(frozen=True)
class Matched:
    """An image of a dataset, and what its path contains.

    Parameters
    ----------
    file : str
        Path relative to the folder of the dataset.
    groups : re.Match
        Match of the layout.
    """

    file: str
    groups: re.Match[str]


class FolderSetReader:
    """Reader of one public dataset; a subclass states `name`, `facts` and `layout`.

    An image whose path is not in the layout stops the reading.
    """

    name: ClassVar[str]
    facts: ClassVar[Facts]
    layout: ClassVar[Layout]

    class_folders: ClassVar[bool] = True
    """Whether the folder is read as class folders if the user passes patterns for patients or labels."""

    def recognises(self, path: Path) -> bool:
        """Whether more than half of a sample of the images have paths of the layout, and these several classes."""
        if not path.is_dir():
            return False
        sample = [p for p in _sample(path.resolve()) if self.layout.reason_to_leave_out(p) is None]
        matches = [match for p in sample if (match := self.layout.match(p)) is not None]
        if 2 * len(matches) <= len(sample) or len({self.layout.label_of(match) for match in matches}) < 2:
            return False
        return any(re.search(self.layout.evidence, match.string) for match in matches)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Raises
        ------
        BenchError
            The path of an image is not in the layout, or there are several copies of the dataset.
        """
        root = path.resolve()
        images, notices = self._images(root, options)
        images, other_notices = self._one_view(root, images)
        labels = [self.layout.label_of(image.groups) for image in images]
        sets, set_notices = self._sets(images)
        groups = self.groups(root, images, labels, options, sets=sets)
        table = cell_table(
            cell=[image.file for image in images],
            path=[str(root / image.file) for image in images],
            label=labels,
            patient=groups.names,
            linked=groups.linked,
            set=sets,
        )
        return Dataset(
            self.name,
            self.name,
            table,
            self.layout.positive,
            options,
            (*groups.notices, *self.layout.notices, *notices, *other_notices, *set_notices),
            groups.grouping,
            self.layout.family,
        )

    def groups(
        self,
        root: Path,
        images: Sequence[Matched],
        labels: Sequence[str],
        options: ReadOptions,
        *,
        sets: Sequence[str | None] | None = None,
    ) -> Groups:
        """Return the patients of the images; if the dataset has no patient ids, their split units or blocks."""
        title, layout = self.facts.title, self.layout
        if layout.has("patient"):
            return Groups([image.groups["patient"] for image in images], "patient", ignored_pattern(title, options))
        units = [image.groups["unit"] for image in images] if layout.has("unit") else None
        files = [image.file for image in images]
        return groups_without_patients(
            title, files, labels, options, root=root, sets=sets, units=units, unit=layout.unit
        )

    def _images(self, root: Path, options: ReadOptions) -> tuple[list[Matched], list[str]]:
        images, left_out = [], Counter[str]()
        for file in image_files(root, leave_out=options.mask_folders - {root}):
            text = _in_context(root, file)
            reason = self.layout.reason_to_leave_out(text)
            if reason is not None:
                left_out[reason] += 1
                continue
            match = self.layout.match(text)
            if match is None:
                raise BenchError(
                    f"{root / file}: not in the layout of {self.facts.title}, {self.layout.expected}; move the file "
                    "out, or pass --label-pattern and --patient-pattern (or --unit-pattern) to read the folder as "
                    "class folders"
                )
            images.append(Matched(file, match))
        places = sorted({image.groups[1] for image in images})
        if len(places) > 1:
            named = listed([place.rstrip("/") or "the folder itself" for place in places])
            raise BenchError(
                f"{root}: {self.facts.title} is in several places ({named}), so cells may occur twice; pass the folder "
                "of one of them"
            )
        return images, [f"images left out: {count} ({reason})" for reason, count in sorted(left_out.items())]

    def _one_view(self, root: Path, images: list[Matched]) -> tuple[list[Matched], list[str]]:
        if not self.layout.views:
            return images, []
        present = {image.groups["view"] for image in images}
        view, *others = [view for view in self.layout.views if view in present]
        notices = [
            f"the cells of {root} occur in several views; {view} is read, and {listed(others)} is left out (pass its "
            "folder to read it)"
        ]
        return [image for image in images if image.groups["view"] == view], notices if others else []

    def _sets(self, images: Sequence[Matched]) -> tuple[list[str | None] | None, list[str]]:
        """Return the set of each cell, if there are training and held-out cells, and notices."""
        parts = [image.groups["part"] or "" for image in images] if self.layout.has("part") else []
        named = sorted(set(parts))
        if len(named) < 2:
            return None, []
        test = [part for part in named if part in self.layout.held_out]
        if not test or len(test) == len(named):
            return None, [f"the parts of a split are pooled: {listed(named)}"]
        rest = [part for part in named if part not in test]
        notice = f"the cells of {listed(test)} are held out, those of {listed(rest)} are training cells"
        return [HELD_OUT if part in test else TRAIN for part in parts], [notice]


def _sample(root: Path) -> Iterator[str]:
    """Yield the paths of a few images of the first folders, with the names of the folders above them."""
    for folder in islice(folders_in(root, _DEPTH), _FOLDERS):
        inside = folder.relative_to(root).parts
        if any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in inside):
            continue
        with suppress(OSError), os.scandir(folder) as entries:
            names = (entry.name for entry in entries if is_image_name(entry.name))
            yield from (_in_context(root, "/".join((*inside, name))) for name in islice(names, _IMAGES))


def _in_context(root: Path, file: str) -> str:
    return "/".join((*root.parts[1:][-_ABOVE:], file))
