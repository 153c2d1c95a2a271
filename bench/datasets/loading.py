"""`--data` becomes a scanned, checked data set."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from bench.datasets.held_out import (
    HELD_OUT,
    SET,
    check_images_apart,
    joined_sets,
    training_set,
    with_patients_apart,
)
from bench.datasets.link_files import linked_by_file, read_links
from bench.datasets.phantom.reader import PhantomReader, PhantomSpec
from bench.datasets.readers.frame import read_frame
from bench.datasets.reading import finished, open_dataset
from bench.datasets.scanning.scan import Scan, content_digest, scan
from bench.datasets.table import Dataset, ReadOptions
from bench.datasets.validation import checked
from bench.errors import BenchError, did_you_mean
from bench.executors.cores import cores
from bench.observer import Observer
from bench.options import Options
from bench.options.values import FrameSource
from bench.plugins.selectors import parse

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

    @cached_property
    def held_out_digest(self) -> str | None:
        """SHA-256 of the held-out cells, labels, patients and split units; None where no cell is held out."""
        if SET not in self.dataset.table:
            return None
        held = self.dataset.table[SET] == HELD_OUT
        return content_digest(replace(self.dataset, table=self.dataset.table[held]), Scan(self.scan.table[held]))

    @property
    def cell_digests(self) -> list[str]:
        """SHA-256 of image, mask and scale of each cell."""
        return [str(d) for d in self.scan.table["digest"]]


def open_data(options: Options, observer: Observer | None = None) -> Opened:
    """Read, scan and check the data that the options name, and tell its notices.

    With `--split held-out` the table has a column `set`, which says what trains and what is held out; with any other
    split it holds the cells that train.

    Raises
    ------
    BenchError
        Something is wrong with it; the message names file and row.
    """
    observer = observer or Observer()
    # Read before the cells are, which takes minutes.
    links = None if options.links is None else read_links(options.links)
    dataset = _sets_asked_for(options, _reading(options), observer)
    dataset, found = checked(dataset, _scanned(dataset, options, observer), skip_unreadable=options.skip_unreadable)
    if options.links is not None and links is not None:
        dataset = linked_by_file(dataset, options.links, links)
    if SET in dataset.table:
        check_images_apart(dataset, found.table["picture"])
    for notice in dataset.notices:
        observer.notice(notice)
    return Opened(dataset, found)


def open_every_cell(options: Options, observer: Observer | None = None) -> Opened:
    """Read, scan and check all cells of the data that the options name, and tell its notices.

    Where the data set says which cells are held out they are there too, and the table has a column `set`.

    Raises
    ------
    BenchError
        Something is wrong with it; the message names file and row.
    """
    observer = observer or Observer()
    dataset, found = checked(*scan_data(options, observer), skip_unreadable=options.skip_unreadable)
    for notice in dataset.notices:
        observer.notice(notice)
    return Opened(dataset, found)


def scan_data(options: Options, observer: Observer) -> tuple[Dataset, Scan]:
    """Read and scan the data that the options name, and check nothing: what an audit starts from.

    With `held_out`, or where the data set says so itself, the table has a column `set`.

    Raises
    ------
    BenchError
        There is no table of cells: nothing can be read there, or the two sets cannot be joined.
    """
    reading = _reading(options)
    dataset = _read(options.data, reading, observer)
    if options.held_out is not None:
        dataset = joined_sets(dataset, _held_out(options, options.held_out, reading, observer))
    return dataset, _scanned(dataset, options, observer)


def _reading(options: Options) -> ReadOptions:
    return ReadOptions(
        mask=options.mask,
        nucleus_mask=options.nucleus_mask,
        patient_pattern=options.patient_pattern,
        positive=options.positive,
        white_level=options.white_level,
        um_per_px=options.um_per_px,
    )


def _scanned(dataset: Dataset, options: Options, observer: Observer) -> Scan:
    threads = max(1, (options.jobs or cores()) * options.threads)
    return scan(dataset, threads=threads, progress=lambda done, total: observer.progress("read cells", done, total))


def _sets_asked_for(options: Options, reading: ReadOptions, observer: Observer) -> Dataset:
    dataset = _read(options.data, reading, observer)
    if options.split != "held-out":
        return training_set(dataset) if SET in dataset.table else dataset
    if options.held_out is not None:
        return with_patients_apart(joined_sets(dataset, _held_out(options, options.held_out, reading, observer)))
    if SET not in dataset.table:
        raise BenchError(
            f"--split held-out: {options.data} names no held-out cells; give them as --held-out PATH, or in a column "
            "`set` of a manifest"
        )
    return with_patients_apart(replace(dataset, table=dataset.table.drop(columns="fold", errors="ignore")))


def _held_out(options: Options, held_out: str, reading: ReadOptions, observer: Observer) -> Dataset:
    dataset = _read(held_out, reading, observer)
    train, held = _phantom_spec(str(options.data)), _phantom_spec(held_out)
    if train is None or held is None or train.seed == held.seed:
        return dataset
    # Phantoms of another seed are other people, though they are counted from one again.
    renamed = {name: dataset.table[name] + f"-seed{held.seed}" for name in ("patient", "unit")}
    return replace(dataset, table=dataset.table.assign(**renamed))


def _read(data: str | FrameSource, reading: ReadOptions, observer: Observer) -> Dataset:
    if (framed := read_frame(data, reading)) is not None:
        return finished(*framed)
    data = str(data)
    spec = _phantom_spec(data)
    if spec is None:
        return open_dataset(data, reading)
    draw = PhantomReader().default(
        spec, reading, progress=lambda done, total: observer.progress("draw phantom cells", done, total)
    )
    return finished(replace(draw, name=data), Path(draw.table["path"].iloc[0]).parents[1])


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
