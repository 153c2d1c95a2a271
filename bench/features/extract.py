"""The features of a data set, for people who only want these: `bench features extract` as a function."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.datasets.held_out import SET
from bench.datasets.loading import Opened, open_every_cell
from bench.errors import BenchError
from bench.executors.cores import default_jobs
from bench.executors.open import ExecutorOptions, open_executor
from bench.features.extraction import extract, ready
from bench.features.store.entry import Entry, feature_names
from bench.features.store.keys import entry_of
from bench.features.store.location import store_folder
from bench.features.table import KEYS, FeatureTable
from bench.observer import Observer
from bench.options import Options, make_options
from bench.plugins import objects
from bench.plugins.devices import device_of, missing_gpu_notice
from bench.plugins.preparation import canonical, parse_prepare
from bench.plugins.registry import Plugin
from bench.storage.folders import writable_folder


@dataclass(frozen=True)
class Asked:
    """The features of a data set, found in the feature store or not: what was asked for, and where they lie.

    Parameters
    ----------
    options : Options
        What was asked for.
    plugin : Plugin
        The extractor.
    opened : Opened
        The data set, scanned.
    store : Path
        The feature store's folder.
    entry : Entry
        The place of the features.
    """

    options: Options
    plugin: Plugin
    opened: Opened
    store: Path
    entry: Entry


def resolve_features(data: str, extractor: str, *, observer: Observer, **options: Any) -> Asked:
    """Open a data set and find the place of its features; nothing is extracted.

    Raises
    ------
    BenchError
        As `extract_features`.
    """
    asked = make_options({"data": data, "extractors": [extractor], **options})
    plugin = objects.extractor(extractor)
    if plugin.requires_fit:
        raise BenchError(
            f"{plugin.selector} learns from the training patients of each fold, so a cell has no features of its own; "
            "bench run evaluates it"
        )
    opened = open_every_cell(asked, observer)
    store = store_folder(asked.store)
    weights_dir = str(asked.weights_dir) if asked.weights_dir else None
    entry = entry_of(
        store,
        plugin,
        opened.cell_digests,
        weights_dir=weights_dir,
        threads=asked.threads,
        prepare=canonical(parse_prepare(asked.prepare)),
        device=device_of(asked.device),
    )
    return Asked(asked, plugin, opened, store, entry)


def extract_features(
    data: str, extractor: str = "handcrafted", *, observer: Observer | None = None, **options: Any
) -> FeatureTable:
    """The features of every cell of a data set, extracted where the feature store lacks them.

    Parameters
    ----------
    data : str
        Cells, as for `bench.run`.
    extractor : str
        Selector of an extractor or model that learns nothing from the cells.
    observer : Observer, optional
        Hears of the progress.
    **options
        Of `bench.run`, those that say how cells are read and prepared, and where work runs: `mask`, `um_per_px`,
        `skip_unreadable`, `prepare`, `jobs`, `threads`, `device`, `store`, `weights_dir` ...

    Returns
    -------
    FeatureTable
        With `table` and `status` as pandas tables, and `write` for more than fits in memory.

    Raises
    ------
    BenchError
        The input is wrong, the extractor learns from training patients, or a cell has no feature and no reason for it.

    Examples
    --------
    >>> import bench
    >>> bench.extract_features("cells/", "handcrafted").table  # doctest: +SKIP
    """
    observer = observer or Observer()
    asked = resolve_features(data, extractor, observer=observer, **options)
    plugin, opened, entry = asked.plugin, asked.opened, asked.entry
    start = time.perf_counter()
    extracted = 0
    if not ready(entry):
        writable_folder(asked.store, "--store")
        if notice := missing_gpu_notice(asked.options.device, [plugin]):
            observer.notice(notice)
        jobs = asked.options.jobs or default_jobs(asked.options.threads)
        with open_executor(ExecutorOptions(jobs, asked.options.threads, asked.options.timeout)) as executor:
            extracted = extract(
                entry,
                plugin,
                cells=opened.dataset.cells(parse_prepare(asked.options.prepare)),
                digests=opened.cell_digests,
                executor=executor,
                options=asked.options,
                observer=observer,
            )
    seconds = time.perf_counter() - start
    names = tuple(feature_names(entry.folder))
    keys = opened.dataset.table.rename(columns={"cell": "id"})
    keys = keys[[name for name in (*KEYS, SET) if name in keys]]
    _check_names(plugin.selector, [*keys, *names])
    return FeatureTable(plugin.selector, entry.folder, keys, names, extracted, seconds, asked.options.prepare)


def _check_names(extractor: str, columns: list[str]) -> None:
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise BenchError(f"{extractor}: two columns would be called {twice!r}; its features need names of their own")
