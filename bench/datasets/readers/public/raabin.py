"""White blood cells of Raabin-WBC: parts of a split with class folders, or flat parts with labels in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.datasets.held_out import HELD_OUT, TRAIN
from bench.datasets.readers.groups import groups_without_patients
from bench.datasets.readers.images import image_files
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError, shortened
from bench.storage.json_files import read_json

_CODES = {1: "Neutrophil", 2: "Lymphocyte", 3: "Monocyte", 4: "Eosinophil", 5: "Basophil"}
_PARTS = {"Train": TRAIN, "Test": HELD_OUT}
FILES = tuple(f"{part}.json" for part in _PARTS)
"""Labels of flat copies."""


class RaabinReader(FolderSetReader):
    """Five classes of white blood cells (Raabin-WBC, Kouzehkanan et al., 2022)."""

    name = "raabin"
    facts = Facts(
        title="Raabin-WBC",
        licence="unverified: free with citation",
        patients=False,
        address="raabindata.com",
    )
    layout = Layout(
        path=(
            r"(?P<part>Train|TestA|TestB|Test-A|Test-B)/(?P<label>Basophil|Eosinophil|Lymphocyte|Monocyte|Neutrophil)"
            r"/[^/]+\.(?:jpe?g|png)"
        ),
        expected="Train/CLASS/image.jpg, TestA/CLASS/image.jpg and TestB/CLASS/image.jpg",
        evidence=r"(?:Test-?[AB]/|/\d{8}_\d{6}_[^/]*$)",
        held_out=("TestA", "TestB", "Test-A", "Test-B"),
        notices=(
            "names of images may contain date, time and number; --unit-pattern '([^/]+)_[^/_]*$' would group images by "
            "what precedes the last _",
        ),
    )

    def recognises(self, path: Path) -> bool:
        """Whether a sample of the images has paths of the layout, or there are flat parts with labels in JSON."""
        return bool(list(_flat_parts(path))) or super().recognises(path)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Raises
        ------
        BenchError
            As for `FolderSetReader.read`; or a JSON file has another code than 1 to 5, or lacks an image.
        """
        root = path.resolve()
        parts = list(_flat_parts(root))
        return self._read_flat(root, parts, options) if parts else super().read(path, options)

    def _read_flat(self, root: Path, parts: list[str], options: ReadOptions) -> Dataset:
        files: list[str] = []
        labels: list[str] = []
        sets: list[str | None] = []
        notices = list(self.layout.notices)
        for part in parts:
            names = image_files(root / part)
            codes = _codes(root / f"{part}.json")
            files += [f"{part}/{name}" for name in names]
            labels += [_label(root, part, name, codes) for name in names]
            sets += [_PARTS[part]] * len(names)
            absent = len(codes) - len(names)
            notices += [f"names in {part}.json without an image: {absent} of {len(codes)}"] if absent else []
        if len(parts) > 1:
            notices.append("the cells of Test are held out, those of Train are training cells")
        several = sets if len(parts) > 1 else None
        groups = groups_without_patients(self.facts.title, files, labels, options, root=root, sets=several)
        table = cell_table(
            cell=files,
            path=[str(root / file) for file in files],
            label=labels,
            patient=groups.names,
            set=several,
        )
        return Dataset(self.name, self.name, table, None, options, (*groups.notices, *notices), groups.grouping)


def _flat_parts(root: Path) -> Iterator[str]:
    """Yield the parts that are a folder with a JSON file of labels beside it."""
    yield from (part for part in _PARTS if (root / part).is_dir() and (root / f"{part}.json").is_file())


def _codes(file: Path) -> dict[str, int]:
    codes: dict[str, int] = {}
    for name, code in read_json(file).items():
        if not isinstance(code, int) or isinstance(code, bool) or code not in _CODES:
            expected = ", ".join(f"{number} ({label})" for number, label in _CODES.items())
            raise BenchError(f"{file}: {shortened(name)!r} has the code {shortened(repr(code))}; expected {expected}")
        codes[name] = code
    return codes


def _label(root: Path, part: str, name: str, codes: dict[str, int]) -> str:
    if name not in codes:
        raise BenchError(f"{root / part / name}: the image is not in {part}.json")
    return _CODES[codes[name]]
