"""Extract the features of a dataset without an experiment: `bench features extract` as a function."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.datasets.held_out import SET
from bench.datasets.loading import LoadedDataset, open_every_cell
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
class FeatureRequest:
    """The features of a dataset, stored or not.

    Parameters
    ----------
    options : Options
        The options.
    plugin : Plugin
        The extractor.
    opened : LoadedDataset
        The dataset, scanned.
    store : Path
        The feature store's folder.
    entry : Entry
        The entry of the features.
    """

    options: Options
    plugin: Plugin
    opened: LoadedDataset
    store: Path
    entry: Entry


def resolve_features(data: str, extractor: str, *, observer: Observer, **options: Any) -> FeatureRequest:
    """Open a dataset and resolve the entry of its features, without extracting them.

    Raises
    ------
    BenchError
        As `extract_features`.
    """
    checked = make_options({"data": data, "extractors": [extractor], **options})
    plugin = objects.extractor(extractor)
    if plugin.requires_fit:
        raise BenchError(
            f"{plugin.selector} learns from the training patients of each fold, so a cell has no features outside a "
            "fold; bench run evaluates it"
        )
    opened = open_every_cell(checked, observer)
    store = store_folder(checked.store)
    weights_dir = str(checked.weights_dir) if checked.weights_dir else None
    entry = entry_of(
        store,
        plugin,
        opened.cell_digests,
        weights_dir=weights_dir,
        threads=checked.threads,
        prepare=canonical(parse_prepare(checked.prepare)),
        device=device_of(checked.device),
    )
    return FeatureRequest(checked, plugin, opened, store, entry)


def extract_features(
    data: str, extractor: str = "handcrafted", *, observer: Observer | None = None, **options: Any
) -> FeatureTable:
    """Extract the features of every cell of a dataset, or read them from the feature store.

    Parameters
    ----------
    data : str
        Cells, as for `bench.run`.
    extractor : str
        Selector of a stateless extractor or of a model.
    observer : Observer, optional
        Receives progress and notices.
    **options
        Options of `bench.run` for reading and preparing cells and for execution: `mask`, `um_per_px`,
        `skip_unreadable`, `prepare`, `jobs`, `threads`, `device`, `store`, `weights_dir` ...

    Returns
    -------
    FeatureTable
        With `table` and `status` as data frames, and `write` for tables that do not fit in memory.

    Raises
    ------
    BenchError
        The input is wrong, the extractor learns from training patients, or a cell has no feature for no reason.

    Examples
    --------
    >>> import bench
    >>> bench.extract_features("cells/", "handcrafted").table  # doctest: +SKIP
    """
    observer = observer or Observer()
    request = resolve_features(data, extractor, observer=observer, **options)
    plugin, opened, entry = request.plugin, request.opened, request.entry
    start = time.perf_counter()
    extracted = 0
    if not ready(entry):
        writable_folder(request.store, "--store")
        if notice := missing_gpu_notice(request.options.device, [plugin]):
            observer.notice(notice)
        jobs = request.options.jobs or default_jobs(request.options.threads)
        with open_executor(ExecutorOptions(jobs, request.options.threads, request.options.timeout)) as executor:
            extracted = extract(
                entry,
                plugin,
                cells=opened.dataset.cells(parse_prepare(request.options.prepare)),
                digests=opened.cell_digests,
                executor=executor,
                options=request.options,
                observer=observer,
            )
    seconds = time.perf_counter() - start
    names = tuple(feature_names(entry.folder))
    keys = opened.dataset.table.rename(columns={"cell": "id"})
    keys = keys[[name for name in (*KEYS, SET) if name in keys]]
    _check_names(plugin.selector, [*keys, *names])
    return FeatureTable(plugin.selector, entry.folder, keys, names, extracted, seconds, request.options.prepare)


def _check_names(extractor: str, columns: list[str]) -> None:
    if len(set(columns)) < len(columns):
        repeated = next(name for name in columns if columns.count(name) > 1)
        raise BenchError(f"{extractor}: two columns would be called {repeated!r}; its features need other names")
