"""ALL-IDB1: images of blood smears with the centroids of blasts."""

from __future__ import annotations

import re
from pathlib import Path

from bench.datasets.readers.public.all_idb2 import ADDRESS, FAMILY, LABELS, LICENCE
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError, shortened
from extractors.files.regular import read_regular

_POINT = re.compile(r"\s*\d+(?:\.\d+)?[\s,;]+\d+(?:\.\d+)?\s*")
_MAX_BYTES = 1_000_000


class AllIdb1Reader(FolderSetReader):
    """Images of blood smears, 49 with blasts of ALL and 59 of healthy people (Labati et al., 2011)."""

    name = "all_idb1"
    facts = Facts(title="ALL-IDB1", licence=LICENCE, patients=False, address=ADDRESS)
    layout = Layout(
        path=r"Im\d{3}_(?P<label>[01])\.jpe?g",
        expected="im/ImNNN_1.jpg (ALL) and im/ImNNN_0.jpg (healthy)",
        labels=LABELS,
        positive="ALL",
        notices=(
            "ALL-IDB2 is cut from these images: never test a model of one on the other",
            "each image of several cells counts as one cell; use --mask whole",
        ),
        family=FAMILY,
    )

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of images, after comparing their labels with the centroids of blasts in `xyc`.

        Only blasts have centroids, so that crops around them would have one class; the images are read as they are.

        Raises
        ------
        BenchError
            As for `FolderSetReader.read`; or an image of a healthy person has centroids of blasts, one of a patient
            has none, or a line is not a pair of numbers.
        """
        dataset = super().read(path, options)
        for image, label in zip(map(Path, dataset.table["path"]), dataset.table["label"], strict=True):
            centroids = image.parent.parent / "xyc" / f"{image.stem}.xyc"
            if centroids.is_file() and ((count := _count(centroids)) > 0) == (label == "healthy"):
                named = f"{count} centroids" if count else "no centroid"
                raise BenchError(f"{centroids}: {named} of blasts, but the image {image.name} is {label}")
        return dataset


def _count(file: Path) -> int:
    try:
        lines = read_regular(file, limit=_MAX_BYTES).decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not ASCII text (byte {error.start})") from error
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror})") from error
    points = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, line in points:
        if _POINT.fullmatch(line) is None:
            raise BenchError(f"{file}, row {number}: {shortened(line)!r}; expected the two coordinates of a blast")
    return len(points)
