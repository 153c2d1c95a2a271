"""Features of stateful extractors: fitted once per split and stored with the patients of the training data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.chunks import store_errors_as_bench_error
from bench.features.store.damage import describe_damage
from bench.features.store.entry import (
    NETWORK,
    RECORD,
    entry_record,
    mark_used,
    open_features,
    open_rows,
    write_entry,
)
from bench.features.store.fit_key import Fit
from bench.plugins.checked_features import check_weights, checked_features
from bench.plugins.fitted_network import networks_of
from bench.plugins.training_record import training_record
from bench.splits.folds import Indices
from bench.storage.locks import locked
from extractors.files.atomic import discard, remove_unfinished


@dataclass(frozen=True)
class FittedFeatures:
    """Features of one fit.

    Parameters
    ----------
    folder : Path
        The stored entry.
    values : ndarray of float32, shape (n_rows, n_features)
        Feature values, memory-mapped.
    rows : ndarray of int
        Positions of these rows in the dataset.
    names : tuple of str
        Names of the features.
    seconds : float
        Wall time of fit and transform, also where another process did them.
    notices : tuple of str
        Messages for the user.
    training : mapping or None
        Record of the training of its network, see `bench.plugins.training_record`; None for other extractors.
    network : mapping or None
        Description of its network (`bench.plugins.fitted_network.NetworkRecord`); None for other extractors.
    """

    folder: Path
    values: npt.NDArray[np.float32]
    rows: Indices
    names: tuple[str, ...]
    seconds: float
    notices: tuple[str, ...] = ()
    training: Mapping[str, Any] | None = None
    network: Mapping[str, Any] | None = None

    @property
    def network_file(self) -> Path:
        """File of the network; missing if no run kept it."""
        return self.folder / NETWORK

    def take(self, rows: Indices) -> npt.NDArray[np.float32]:
        """The features of cells at positions in the dataset: float32, shape (len(rows), n_features)."""
        order = np.argsort(self.rows, kind="stable")
        positions = order[np.searchsorted(self.rows[order], rows).clip(max=len(order) - 1)]
        if not np.array_equal(self.rows[positions], rows):
            raise BenchError(f"{self.folder}: some of the requested cells have no features in this entry")
        return np.ascontiguousarray(self.values[positions])


class _UnusableError(BenchError):
    """The entry is missing, damaged, or belongs to another fit."""


def fitted_features(fit: Fit) -> FittedFeatures:
    """Read the features of a fit from the store, or fit the extractor and store them.

    Each time, the patients recorded in the entry are compared with those who are predicted, and all bytes with their
    checksums. A damaged entry, or one of another fit, is replaced with a notice. If several processes request the same
    fit, one fits and the others wait.

    Raises
    ------
    BenchError
        The entry was fitted on patients who are predicted, the extractor fails, or the store cannot be written.
    """
    notices: tuple[str, ...] = ()
    try:
        return _stored(fit)
    except _UnusableError:
        pass
    fit.entry.check_no_links()
    with store_errors_as_bench_error(fit.entry.folder), locked(fit.entry.lock_path):
        try:
            return _stored(fit)
        except _UnusableError as error:
            if fit.entry.folder.exists():
                notices = (f"{fit.entry.folder}: {error}; {fit.extractor.selector} was fitted again",)
                discard(fit.entry.folder)
        remove_unfinished(fit.entry.folder.parent)
        _fit_and_store(fit)
        features = _stored(fit)
    return replace(features, notices=(*notices, *features.notices))


def _fit_and_store(fit: Fit) -> None:
    """Fit, transform the training cells and then the predicted ones, and write the entry."""
    start, name = time.perf_counter(), fit.extractor.selector
    own: dict[str, Any] = {"checkpoint_dir": str(fit.entry.partial)}
    if fit.logger is not None:
        own["logger"] = fit.logger.described(selector=name, key=fit.entry.folder.name[:12])
    extractor = fit.extractor.build(random_state=fit.seed, cv=fit.splitter, **own, **fit.place.engine)
    try:
        rows = fit.fit_rows
        extractor.fit(fit.cells.take(rows), fit.labels[rows], groups=fit.units[rows])
    except (OSError, ValueError) as error:
        raise BenchError(f"{name}: {error}") from error
    train, predicted = (checked_features(extractor, fit.cells.take(rows), name) for rows in (fit.train, fit.predicted))
    identity = fit.place.identity
    check_weights(extractor, identity.get("weights"), name, config=identity.get("config"))
    if train.names != predicted.names:
        raise BenchError(f"{name}: after one fit, the features of training and predicted cells have different names")
    values, seconds = np.concatenate([train.values, predicted.values]), time.perf_counter() - start
    network = next(networks_of(extractor, fit.extractor), None)
    content, description = (None, None) if network is None else network.encoded()
    write_entry(
        fit.entry.folder,
        values,
        train.names,
        rows=[bytes(row).hex() for row in fit.place.digests[fit.rows]],
        components=fit.entry.components,
        selector=name,
        fitted_on=fit.fitted_on,
        seconds=seconds,
        wall_s=seconds,
        cells_per_s=len(values) / seconds,
        threads=fit.place.engine.get("threads", 1),
        notices=list(dict.fromkeys([*train.notices, *predicted.notices])),
        training=training_record(extractor),
        network=description,
        network_content=content if fit.keep_network else None,
    )
    discard(fit.entry.partial)


def _stored(fit: Fit) -> FittedFeatures:
    """Open the stored entry and compare it with the fit and the predicted patients."""
    folder = fit.entry.folder
    try:
        record = entry_record(folder)
    except BenchError as error:
        raise _UnusableError(str(error)) from error
    fitted_on = _recorded_groups(record)
    _check_unseen(fit, fitted_on)
    stored, requested = record["components"], fit.entry.components
    if differing := sorted(k for k in stored.keys() | requested.keys() if stored.get(k) != requested.get(k)):
        raise _UnusableError(f"it belongs to another fit ({', '.join(differing)})")
    if fitted_on != fit.fitted_on:
        raise _UnusableError("its record names other patients than it was fitted on")
    if damage := describe_damage(folder):
        raise _UnusableError(damage)
    if not np.array_equal(open_rows(folder), fit.place.digests[fit.rows]):
        raise _UnusableError("its rows belong to other cells")
    mark_used(folder)
    names, notices = tuple(record["names"]), tuple(record["notices"])
    more = {name: record.get(name) for name in ("training", "network")}
    return FittedFeatures(folder, open_features(folder), fit.rows, names, record["seconds"], notices, **more)


def _check_unseen(fit: Fit, fitted_on: Mapping[str, Any]) -> None:
    """Raise where the entry was fitted on patients who are predicted, whatever else it records."""
    for kind, forbidden_groups in fit.forbidden_groups.items():
        both = sorted(forbidden_groups & set(fitted_on[kind]))
        if both:
            names = ", ".join(both[:5]) + (" ..." if len(both) > 5 else "")
            raise BenchError(
                f"{fit.where}: the stored features of {fit.extractor.selector} come from a fit on patients who are "
                f"tested: {names}, as recorded in {fit.entry.folder / RECORD}; delete that folder, and the extractor "
                "is fitted again on training patients alone"
            )


def _recorded_groups(record: Mapping[str, Any]) -> dict[str, Any]:
    """Patients and split units of the training data of an entry; raises where the record does not name them."""
    fitted_on: dict[str, Any] | None = record.get("fitted_on")
    if fitted_on is None:
        raise _UnusableError("its record does not name the patients that it was fitted on")
    return fitted_on
