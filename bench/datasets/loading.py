"""Load and validate the dataset that the options name."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Literal

from bench.datasets.canonical_table import with_canonical_names
from bench.datasets.classes import with_positive_class
from bench.datasets.duplicates import with_duplicates
from bench.datasets.held_out import HELD_OUT, SET, check_images_apart, joined_sets, with_sets_of_split
from bench.datasets.link_files import linked_by_file, read_links
from bench.datasets.phantom.selector import read_phantom, with_seed_in_ids
from bench.datasets.readers.frame import read_frame
from bench.datasets.readers.masks import with_masks, with_nucleus_masks
from bench.datasets.readers.patterns import with_pattern_notices
from bench.datasets.readers.selection import read_path
from bench.datasets.scales import with_checked_scales
from bench.datasets.scanning.scan import FILE_DIGESTS, Scan, content_digest, scan
from bench.datasets.table import SCANNED, Dataset, ReadOptions
from bench.datasets.validation import check_table, with_patient_notices, without_unreadable
from bench.executors.cores import cores
from bench.observer import Observer
from bench.options import Options
from bench.options.values import FrameSource

_NAMES = {"data": "DATA or --data", "held_out": "--held-out"}


@dataclass(frozen=True)
class LoadedDataset:
    """A validated dataset; every cell is readable.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    scan : Scan
        Digest and size of each cell.
    """

    dataset: Dataset
    scan: Scan

    @cached_property
    def digest(self) -> str:
        """SHA-256 of cells, labels, patients, split units and folds, independent of paths."""
        return content_digest(self.dataset, self.scan)

    @cached_property
    def held_out_digest(self) -> str | None:
        """SHA-256 of the held-out cells, labels, patients and split units; None without held-out cells."""
        if SET not in self.dataset.table:
            return None
        held = self.dataset.table[SET] == HELD_OUT
        return content_digest(replace(self.dataset, table=self.dataset.table[held]), Scan(self.scan.table[held]))

    @property
    def cell_digests(self) -> list[str]:
        """SHA-256 of image, mask and scale of each cell."""
        return [str(d) for d in self.scan.table["digest"]]


def open_data(options: Options, observer: Observer | None = None) -> LoadedDataset:
    """Load the cells that `--split` uses: every step from `--data` to a scanned, validated dataset.

    With `--split held-out` the table has a column `set`; with any other split it holds the training cells.

    Raises
    ------
    BenchError
        The data is invalid; the message names file and row.
    """
    observer = observer or Observer()
    # Links are read first: an error in them should not appear minutes later.
    with options.located("links"):
        links = None if options.links is None else (options.links, read_links(options.links))
    dataset = with_checked_scales(with_sets_of_split(_read_sets(options, observer), options.split))
    dataset, scanned = _scanned(dataset, options, observer)
    dataset, scanned = without_unreadable(dataset, scanned, skip=options.skip_unreadable)
    dataset = with_duplicates(dataset, scanned.table["picture"])
    dataset = dataset if links is None else linked_by_file(dataset, *links)
    check_images_apart(dataset, scanned.table["picture"])
    return _reported(dataset, scanned, observer)


def open_every_cell(options: Options, observer: Observer | None = None) -> LoadedDataset:
    """Load all cells, training and held-out ones; with both, the table has a column `set`.

    Raises
    ------
    BenchError
        The data is invalid; the message names file and row.
    """
    observer = observer or Observer()
    dataset, scanned = scan_data(options, observer)
    dataset, scanned = without_unreadable(dataset, scanned, skip=options.skip_unreadable)
    dataset = with_duplicates(dataset, scanned.table["picture"])
    return _reported(dataset, scanned, observer)


def scan_data(options: Options, observer: Observer) -> tuple[Dataset, Scan]:
    """Read and scan all cells without validating them: the input of an audit.

    Raises
    ------
    BenchError
        There is no table of cells, the training and the held-out set cannot be joined, or only some cells have a scale.
    """
    return _scanned(with_checked_scales(_read_sets(options, observer)), options, observer)


def _read_sets(options: Options, observer: Observer) -> Dataset:
    dataset = _read("data", options, observer)
    if options.held_out is None:
        return dataset
    held_out = _read("held_out", options, observer)
    return joined_sets(dataset, with_seed_in_ids(held_out, options.held_out, train=str(options.data)))


def _read(option: Literal["data", "held_out"], options: Options, observer: Observer) -> Dataset:
    data: str | FrameSource = getattr(options, option)
    reading = ReadOptions(**{field.name: getattr(options, field.name) for field in fields(ReadOptions)})
    with options.located(option):
        dataset, root = (
            read_frame(data, reading)
            or read_phantom(str(data), reading, observer)
            or read_path(str(data), reading, option=_NAMES[option])
        )
        check_table(dataset)
    with options.located("mask"):
        dataset = with_masks(dataset, root)
    with options.located("nucleus_mask"):
        dataset = with_nucleus_masks(dataset, root)
    dataset = with_patient_notices(with_canonical_names(with_pattern_notices(dataset)))
    return with_positive_class(dataset, str(data))


def _scanned(dataset: Dataset, options: Options, observer: Observer) -> tuple[Dataset, Scan]:
    threads = max(1, (options.jobs or cores()) * options.threads)
    result = scan(dataset, threads=threads, progress=lambda done, total: observer.progress("read cells", done, total))
    digests = dict(zip(SCANNED, (result.table[name] for name in FILE_DIGESTS), strict=True))
    table = dataset.table.assign(**digests)
    return replace(dataset, table=table, notices=dataset.notices + result.notices), result


def _reported(dataset: Dataset, scanned: Scan, observer: Observer) -> LoadedDataset:
    for notice in dataset.notices:
        observer.notice(notice)
    return LoadedDataset(dataset, scanned)
