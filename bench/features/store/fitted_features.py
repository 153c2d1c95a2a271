"""Features of stateful extractors: each fit is done once, and kept with the names of the patients it was made on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.checked_output import extracted
from bench.features.store.chunks import store_errors_as_bench_error
from bench.features.store.entry import RECORD, entry_record, mark_used, open_features, open_rows, write_entry
from bench.features.store.fit_key import Fit
from bench.features.store.verify import examine
from bench.splits.folds import Indices
from bench.storage.locks import POLL_S, try_lock
from extractors.files.atomic import discard, remove_unfinished


@dataclass(frozen=True)
class FittedFeatures:
    """Features that one fit gave.

    Parameters
    ----------
    folder : Path
        Where they lie.
    values : ndarray of float32, shape (n_rows, n_features)
        They, memory-mapped.
    rows : ndarray of int
        Positions in the data set of these rows.
    names : tuple of str
        Of the columns.
    seconds : float
        What fitting and transforming took, whoever did it.
    notices : tuple of str
        What a person should read.
    """

    folder: Path
    values: npt.NDArray[np.float32]
    rows: Indices
    names: tuple[str, ...]
    seconds: float
    notices: tuple[str, ...] = ()

    def take(self, rows: Indices) -> npt.NDArray[np.float32]:
        """The features of cells at positions in the data set: float32, shape (len(rows), n_features)."""
        order = np.argsort(self.rows, kind="stable")
        found = order[np.searchsorted(self.rows[order], rows).clip(max=len(order) - 1)]
        if not np.array_equal(self.rows[found], rows):
            raise BenchError(f"{self.folder}: not all of the cells that are asked for have features there")
        return np.ascontiguousarray(self.values[found])


class _Missing(Exception):  # noqa: N818 (not a fault: the fit has not been done yet)
    """No entry is there."""


class _Unusable(BenchError):  # noqa: N818 (no fault of the user: said, and made again)
    """An entry is there that is damaged, or belongs to another fit."""


def fitted_features(fit: Fit) -> FittedFeatures:
    """The features that a fit gives: from the store where they lie there whole, else fitted and kept there.

    What the entry itself says of its patients is held against those who are predicted, each time it is opened. An entry
    that is damaged, or that belongs to another fit, is thrown away and made again, and a notice says so. Of several
    processes that want one fit, one does it and the others wait for it.

    Raises
    ------
    BenchError
        The entry was fitted on patients who are predicted, the extractor fails, or the store cannot be written.
    """
    try:
        return _stored(fit)
    except (_Missing, _Unusable):
        pass
    with store_errors_as_bench_error(fit.folder), _locked(fit.folder.with_name(fit.folder.name + ".lock")):
        told: tuple[str, ...] = ()
        try:
            return _stored(fit)
        except _Missing:
            pass
        except _Unusable as error:
            told = (f"{fit.folder}: {error}; {fit.extractor.selector} was fitted again",)
            discard(fit.folder)
        remove_unfinished(fit.folder.parent)
        _make(fit)
        made = _stored(fit)
    return replace(made, notices=(*told, *made.notices))


def _make(fit: Fit) -> None:
    """Fit, transform the training cells, then those that will be predicted, and write all of it whole."""
    start, name = time.perf_counter(), fit.extractor.selector
    extractor = fit.extractor.build(random_state=fit.seed, cv=fit.cv, **fit.place.engine)
    try:
        extractor.fit(fit.cells.take(fit.train), fit.labels[fit.train], groups=fit.units[fit.train])
    except (OSError, ValueError) as error:
        raise BenchError(f"{name}: {error}") from error
    learned, unseen = (extracted(extractor, fit.cells.take(rows), name) for rows in (fit.train, fit.predicted))
    if learned.names != unseen.names:
        raise BenchError(f"{name}: after one fit, some cells have other features than others")
    values, seconds = np.concatenate([learned.values, unseen.values]), time.perf_counter() - start
    write_entry(
        fit.folder,
        values,
        learned.names,
        components=fit.components,
        rows=[bytes(row).hex() for row in fit.place.digests[fit.rows]],
        selector=name,
        fitted_on=fit.fitted_on,
        seconds=seconds,
        wall_s=seconds,
        cells_per_s=len(values) / seconds,
        threads=fit.place.engine.get("threads", 1),
        notices=list(dict.fromkeys([*learned.notices, *unseen.notices])),
    )


def _stored(fit: Fit) -> FittedFeatures:
    """The entry of a fit as it lies on disk, held against the fit and the patients who are predicted."""
    folder = fit.folder
    if not folder.exists():
        raise _Missing
    try:
        record = entry_record(folder)
        fitted_on = _told_patients(record)
    except BenchError as error:
        raise _Unusable(str(error)) from error
    _check_unseen(fit, fitted_on)
    if differing := _differing(record["components"], fit.components):
        raise _Unusable(f"it is of another fit ({', '.join(differing)})")
    if fitted_on != fit.fitted_on:
        raise _Unusable("it names other patients than it was fitted on")
    found = examine(folder)
    if not found.whole:
        damage = [*found.files, *(f"chunk {number}" for number in found.chunks)]
        raise _Unusable(found.problem or f"damaged ({', '.join(damage)})")
    if not np.array_equal(open_rows(folder), fit.place.digests[fit.rows]):
        raise _Unusable("its rows are of other cells")
    mark_used(folder)
    names, notices = (tuple(str(text) for text in record[field]) for field in ("names", "notices"))
    return FittedFeatures(folder, open_features(folder), fit.rows, names, float(record["seconds"]), notices)


def _check_unseen(fit: Fit, fitted_on: Mapping[str, Any]) -> None:
    """Stop where the entry was fitted on patients who are predicted, whatever else it says."""
    for kind, forbidden_groups in fit.forbidden_groups.items():
        both = sorted(forbidden_groups & set(fitted_on[kind]))
        if both:
            names = ", ".join(both[:5]) + (" ..." if len(both) > 5 else "")
            raise BenchError(
                f"{fit.where}: the stored features of {fit.extractor.selector} come from a fit on patients who are "
                f"tested: {names}, as {fit.folder / RECORD} says; delete that folder, and it is fitted again on "
                "training patients alone"
            )


def _told_patients(record: Mapping[str, Any]) -> dict[str, Any]:
    """The patients and units that an entry says it was fitted on; raises BenchError where it says none."""
    told = record.get("fitted_on")
    if isinstance(told, dict) and all(_is_texts(told.get(kind)) for kind in ("patients", "units")):
        return told
    raise BenchError("its record does not name the patients that it was fitted on")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Names of the components that differ, in sort order."""
    return sorted(k for k in theirs.keys() | ours.keys() if theirs.get(k) != ours.get(k))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    while (lock := try_lock(path)) is None:
        time.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()
