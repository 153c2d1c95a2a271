"""Extract the features of a dataset without an experiment: `bench features extract` as a function."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd

from bench.datasets.held_out import SET
from bench.datasets.loading import LoadedDataset, open_every_cell
from bench.errors import BenchError
from bench.features.extraction import FeatureRequest, ensure_stored, key_settings
from bench.features.missing import missing_values
from bench.features.store.entry import feature_names
from bench.features.store.keys import entry_of
from bench.features.table import KEYS, FeatureTable
from bench.observer import Observer
from bench.options import make_options
from bench.plugins import objects
from bench.plugins.pipeline import prepared_name
from bench.plugins.preparation import canonical, parse_prepare
from bench.storage.folders import store_folder


def resolve_features(
    data: str, extractor: str, *, observer: Observer, **options: Any
) -> tuple[LoadedDataset, FeatureRequest]:
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
    steps = parse_prepare(checked.prepare)
    entry = entry_of(
        store_folder(checked.store), plugin, opened.cell_digests, prepare=canonical(steps), **key_settings(checked)
    )
    name = prepared_name(checked.prepare, plugin.selector)
    return opened, FeatureRequest(entry, plugin, opened.dataset.cells(steps), opened.cell_digests, checked, name)


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
    opened, request = resolve_features(data, extractor, observer=observer, **options)
    start = time.perf_counter()
    extracted = ensure_stored(request, observer)
    seconds = time.perf_counter() - start
    selector, folder = request.plugin.selector, request.entry.folder
    for notice in missing_values(folder, opened.dataset.table).notices(request.name):
        observer.notice(notice)
    names = tuple(feature_names(folder))
    keys = opened.dataset.table.rename(columns={"cell": "id"})
    keys = keys[[name for name in (*KEYS, SET) if name in keys]]
    columns = pd.Index([*keys, *names])
    if columns.has_duplicates:
        repeated = columns[columns.duplicated()][0]
        raise BenchError(f"{selector}: two columns would be called {repeated!r}; its features need other names")
    return FeatureTable(selector, folder, keys, names, extracted, seconds, request.options.prepare)
