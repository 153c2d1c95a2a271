"""Files that a command reads, which no output may replace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.datasets.readers.cnmc_preliminary import LABELS, PHASE_2_LABELS
from bench.datasets.readers.manifest import manifest_files
from bench.datasets.readers.public import imagefolder, malaria, raabin
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.options import Options

_LABEL_FILES = (
    LABELS,
    PHASE_2_LABELS,
    *imagefolder.FILES,
    *malaria.FILES.values(),
    *raabin.FILES,
)
"""Tables of public datasets, relative to their folder."""


def input_files(options: Options) -> tuple[Path, ...]:
    """Return the tables that the options name: manifests, labels, links and folds; they may not exist."""
    datasets = [data for data in (options.data, options.held_out) if isinstance(data, str)]
    tables = [path for path in (options.links, options.folds_file) if path is not None]
    labels = (Path(data).expanduser().resolve() / name for data in datasets for name in _LABEL_FILES)
    return (*(path for data in datasets for path in manifest_files(data)), *labels, *tables)


def check_not_a_source(path: Path, dataset: Dataset) -> None:
    """Raise BenchError if an output would replace an image or a mask of a dataset."""
    if path.exists() and any(source.exists() and path.samefile(source) for source in _files(dataset)):
        raise BenchError(f"{path}: is an image of the dataset; choose another file with --output")


def _files(dataset: Dataset) -> Iterator[Path]:
    for name in ("path", "mask_path", "nucleus_path"):
        if name in dataset.table:
            yield from map(Path, dataset.table[name].dropna())
