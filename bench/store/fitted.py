"""What a stateful extractor gave after one fit, kept with the names of the patients it was fitted on."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.identity import digest, own_digest
from bench.locks import POLL_S, try_lock
from bench.plugins import Plugin
from bench.splits.folds import Indices, PatientKFold
from bench.store.entry import (
    CHUNK,
    FORMAT,
    RECORD,
    chunk_checksum,
    entry_record,
    mark_used,
    open_checksums,
    open_features,
    open_rows,
    write_entry,
)
from bench.store.extracted import extracted
from bench.store.keys import slug
from extractors.cells import Cells

ROOM = "fitted"
"""Folder of a store in which the features of fitted extractors lie."""


@dataclass(frozen=True)
class FitPlace:
    """What all fits of one stateful extractor on one data set share.

    Parameters
    ----------
    store : Path or None
        The feature store's folder. None: the features are kept for the length of a fold alone (see `kept`), as those
        of permuted labels are, which nobody will ask for again.
    identity : mapping
        Everything that the features depend on but for the fit: extractor, code, weights, libraries, preparation ...
    engine : mapping
        The parameters that the engine gives, but for seed and splitter, which belong to a fit.
    digests : ndarray of uint8, shape (n_cells, 32)
        SHA-256 of each cell, as `bench.store.entry.digests_array` gives them.
    patients : ndarray of str, shape (n_cells,)
        Whose each cell is. Split units are asked for, too, where these are not the patients.
    """

    store: Path | None
    identity: Mapping[str, Any]
    engine: Mapping[str, Any]
    digests: npt.NDArray[np.uint8]
    patients: npt.NDArray[Any]


@contextmanager
def kept(place: FitPlace) -> Iterator[FitPlace]:
    """The place itself, or one in a temporary folder that vanishes with the block where it has no store."""
    if place.store is not None:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="cytobench-fits-") as folder:
        yield replace(place, store=Path(folder))


@dataclass(frozen=True)
class Fit:
    """One fit of a stateful extractor, and the cells whose features are asked of it.

    Parameters
    ----------
    extractor : Plugin
        What is fitted.
    place : FitPlace
        Where its features lie.
    cells : Cells
        The data set's.
    labels, units : ndarray of str, shape (n_cells,)
        Label and split unit of each.
    train, predicted : ndarray of int
        Positions of the cells that it is fitted on, and of those that will be predicted with it.
    seed : int
        Its `random_state`, where it takes one.
    cv : PatientKFold
        Its splitter, where it takes one.
    strangers : mapping of str to frozenset of str
        Under "units" and "patients", who may not have been among those that it was fitted on.
    where : str
        What an error calls the split.
    """

    extractor: Plugin
    place: FitPlace
    cells: Cells
    labels: npt.NDArray[Any]
    units: npt.NDArray[Any]
    train: Indices
    predicted: Indices
    seed: int
    cv: PatientKFold
    strangers: Mapping[str, frozenset[str]]
    where: str

    @property
    def rows(self) -> Indices:
        """Positions in the data set of the rows of features: those it is fitted on, then those it predicts."""
        return np.concatenate([self.train, self.predicted])

    @cached_property
    def components(self) -> dict[str, Any]:
        """Everything that the key is made of, in the clear: the extractor's identity, and what it was fitted on."""
        takes, digests = self.extractor.accepts, self.place.digests
        splitter = {
            "folds": self.cv.n_splits,
            "seed": self.cv.random_state,
            "kind": type(self.cv).__name__,
            "code": own_digest(PatientKFold.__module__),
        }
        return {
            "format": FORMAT,
            **self.place.identity,
            "fit_seed": self.seed if "random_state" in takes else None,
            "fit_cv": splitter if "cv" in takes else None,
            "fit_cells": hashlib.sha256(digests[self.train].tobytes()).hexdigest(),
            "fit_labels": digest(_texts(self.labels[self.train])),
            "fit_units": digest(_texts(self.units[self.train])),
            "fit_patients": digest(_texts(self.place.patients[self.train])),
            "cells": hashlib.sha256(digests[self.rows].tobytes()).hexdigest(),
        }

    @property
    def key(self) -> str:
        """SHA-256 of the components."""
        return digest(self.components)

    @property
    def folder(self) -> Path:
        """Where its features lie, or will."""
        identity = digest({"format": FORMAT, **self.place.identity})
        assert self.place.store is not None  # noqa: S101 (`kept` sees to it)
        return self.place.store / ROOM / f"{slug(self.extractor.selector)}-{identity[:16]}" / self.key[:16]

    @property
    def fitted_on(self) -> dict[str, Any]:
        """The patients and split units that it is fitted on, sorted, and the number of cells."""
        return {
            "patients": sorted(set(_texts(self.place.patients[self.train]))),
            "units": sorted(set(_texts(self.units[self.train]))),
            "cells": len(self.train),
        }


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


class _Unusable(Exception):  # noqa: N818 (said, and made again)
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
    with _store_told(fit), _locked(fit.folder.with_name(fit.folder.name + ".lock")):
        told: tuple[str, ...] = ()
        try:
            return _stored(fit)
        except _Missing:
            pass
        except _Unusable as error:
            told = (f"{fit.folder}: {error}; {fit.extractor.selector} was fitted again",)
            shutil.rmtree(fit.folder)
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
    write_entry(
        fit.folder,
        np.concatenate([learned.values, unseen.values]),
        learned.names,
        components=fit.components,
        rows=[bytes(row).hex() for row in fit.place.digests[fit.rows]],
        fitted_on=fit.fitted_on,
        seconds=time.perf_counter() - start,
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
    try:
        values, rows = open_features(folder), open_rows(folder)
        damaged = _damaged(values, open_checksums(folder))
    except BenchError as error:
        raise _Unusable(str(error)) from error
    if not np.array_equal(rows, fit.place.digests[fit.rows]):
        raise _Unusable("its rows are of other cells")
    if damaged:
        raise _Unusable(f"{damaged} of its chunks do not have the checksums that they were written with")
    mark_used(folder)
    names, notices = (tuple(str(text) for text in record[field]) for field in ("names", "notices"))
    return FittedFeatures(folder, values, fit.rows, names, float(record["seconds"]), notices)


def _check_unseen(fit: Fit, fitted_on: Mapping[str, Any]) -> None:
    """Stop where the entry was fitted on patients who are predicted, whatever else it says."""
    for kind, strangers in fit.strangers.items():
        both = sorted(strangers & set(fitted_on[kind]))
        if both:
            names = ", ".join(both[:5]) + (" ..." if len(both) > 5 else "")
            raise BenchError(
                f"{fit.where}: the stored features of {fit.extractor.selector} come from a fit on patients who are "
                f"tested: {names}, as {fit.folder / RECORD} says; delete that folder, and it is fitted again on "
                "training patients alone"
            )


def _damaged(values: npt.NDArray[np.float32], known: npt.NDArray[np.uint8]) -> int:
    """Chunks whose checksum is another."""
    starts = range(0, len(values), CHUNK)
    return sum(chunk_checksum(values[a : a + CHUNK].tobytes()) != bytes(c) for a, c in zip(starts, known, strict=True))


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


def _texts(values: npt.NDArray[Any]) -> list[str]:
    return [str(value) for value in values]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    while (lock := try_lock(path)) is None:
        time.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _store_told(fit: Fit) -> Iterator[None]:
    """Turn an error of the disk into a sentence."""
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"the feature store cannot be written ({error.strerror or error}: {fit.folder.parent}); make room there, "
            "or choose another with --store"
        ) from error
