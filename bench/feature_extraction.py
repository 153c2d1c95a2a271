"""The features of a data set, for people who only want these: `bench features extract` as a function."""

from __future__ import annotations

import time
from typing import Any

from bench import plugins
from bench.datasets.opening import open_every_cell
from bench.datasets.two_sets import SET
from bench.errors import BenchError
from bench.executors import default_jobs, local_pool
from bench.extraction import extract
from bench.feature_table import KEYS, FeatureTable
from bench.features import entry_of, feature_names
from bench.observer import Observer
from bench.options import make_options
from bench.planning import store_path
from bench.whole import writable_folder


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
        Of `bench.run`, those that say how cells are read and where work runs: `mask`, `um_per_px`, `skip_unreadable`,
        `jobs`, `threads`, `store`, `weights_dir` ...

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
    asked = make_options({"data": data, "extractors": [extractor], **options})
    plugin = plugins.extractor(extractor)
    if plugin.requires_fit:
        raise BenchError(
            f"{plugin.selector} learns from the training patients of each fold, so a cell has no features of its own; "
            "bench run evaluates it"
        )
    opened = open_every_cell(asked, observer)
    store = store_path(asked)
    weights_dir = str(asked.weights_dir) if asked.weights_dir else None
    entry = entry_of(store, plugin, opened.cell_digests, weights_dir=weights_dir, threads=asked.threads)
    start = time.perf_counter()
    extracted = 0
    if not entry.stored:
        writable_folder(store, "--store")
        with local_pool(asked.jobs or default_jobs(asked.threads), asked.threads) as pool:
            cells = opened.dataset.cells()
            extracted = extract(entry, plugin, cells, pool=pool, options=asked, observer=observer)
    seconds = time.perf_counter() - start
    names = tuple(feature_names(entry.folder))
    keys = opened.dataset.table.rename(columns={"cell": "id"})
    keys = keys[[name for name in (*KEYS, SET) if name in keys]]
    _check_names(plugin.selector, [*keys, *names])
    return FeatureTable(plugin.selector, entry.folder, keys, names, extracted, seconds)


def _check_names(extractor: str, columns: list[str]) -> None:
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise BenchError(f"{extractor}: two columns would be called {twice!r}; its features need names of their own")
