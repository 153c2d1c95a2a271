"""`--data` becomes a scanned, checked data set."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from bench.datasets.checking import checked
from bench.datasets.phantom import PhantomReader, PhantomSpec
from bench.datasets.reading import finished, open_dataset
from bench.datasets.scan import Scan, content_digest, scan
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError, did_you_mean
from bench.executors import cores
from bench.observer import Observer
from bench.options import Options
from bench.selectors import parse

PHANTOM = "phantom"


@dataclass(frozen=True)
class Opened:
    """A data set whose every cell was found readable.

    Parameters
    ----------
    dataset : Dataset
        The table of cells.
    scan : Scan
        Digest and size of each.
    """

    dataset: Dataset
    scan: Scan

    @cached_property
    def digest(self) -> str:
        """SHA-256 of cells, labels, patients, split units and folds, wherever they lie."""
        return content_digest(self.dataset, self.scan)

    @property
    def cell_digests(self) -> list[str]:
        """SHA-256 of image, mask and scale of each cell."""
        return [str(d) for d in self.scan.table["digest"]]


def open_data(options: Options, observer: Observer | None = None) -> Opened:
    """Read, scan and check the data that the options name, and tell its notices.

    Raises
    ------
    BenchError
        Something is wrong with it; the message names file and row.
    """
    observer = observer or Observer()
    reading = ReadOptions(
        mask=options.mask,
        patient_pattern=options.patient_pattern,
        positive=options.positive,
        white_level=options.white_level,
        um_per_px=options.um_per_px,
    )
    spec = _phantom_spec(options.data)
    if spec is None:
        dataset = open_dataset(options.data, reading)
    else:
        draw = PhantomReader().default(
            spec, reading, progress=lambda done, total: observer.progress("draw phantom cells", done, total)
        )
        dataset = finished(replace(draw, name=options.data), Path(draw.table["path"].iloc[0]).parents[1])
    threads = max(1, (options.jobs or cores()) * options.threads)
    found = scan(dataset, threads=threads, progress=lambda done, total: observer.progress("read cells", done, total))
    dataset, found = checked(dataset, found, skip_unreadable=options.skip_unreadable)
    for notice in dataset.notices:
        observer.notice(notice)
    return Opened(dataset, found)


def _phantom_spec(data: str) -> PhantomSpec | None:
    """What to draw, where `data` is the selector of a phantom and no path."""
    if data.partition("[")[0] != PHANTOM or Path(data).exists():
        return None
    selector = parse(data)
    known = [field.name for field in fields(PhantomSpec)]
    for key, value in selector.params.items():
        if key not in known:
            raise BenchError(
                f"phantom has no parameter {key!r}.{did_you_mean(key, known)} It takes {', '.join(known)}."
            )
        if type(value) not in (int, float):
            raise BenchError(f"phantom: {key} is a number (given: {value!r})")
    return PhantomSpec(**selector.params)  # type: ignore[arg-type]  # checked above, and by the class
