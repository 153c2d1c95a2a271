"""One fit of a stateful extractor: what it depends on, and where its features are stored."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.features.store.entry import FORMAT, Entry
from bench.features.store.keys import extractor_folder
from bench.plugins.plugin import Plugin
from bench.splits.folds import Indices, LastRows, PatientKFold
from bench.storage.fingerprints import code_digest, digest
from extractors.cells import Cells
from extractors.networks.training.logger_spec import LoggerSpec

FITTED = "fitted"
"""Folder of a store with the features of fitted extractors."""


@dataclass(frozen=True)
class FitLocation:
    """What all fits of one stateful extractor on one dataset share.

    Parameters
    ----------
    store : Path or None
        The feature store's folder. None: features are stored during one fold only (see `scratch_store`), as those of
        permuted labels are, which are not used again.
    identity : mapping
        Components of the key that do not depend on the fit: extractor, code, weights, libraries, preparation ...
    engine : mapping
        Parameters set by the engine, without seed and splitter, which belong to a fit.
    digests : ndarray of uint8, shape (n_cells, 32)
        SHA-256 of each cell, from `bench.features.store.entry.digests_array`.
    patients : ndarray of str, shape (n_cells,)
        Patient of each cell; may differ from the split units.
    """

    store: Path | None
    identity: Mapping[str, Any]
    engine: Mapping[str, Any]
    digests: npt.NDArray[np.uint8]
    patients: npt.NDArray[Any]


@contextmanager
def scratch_store(place: FitLocation) -> Iterator[FitLocation]:
    """Return the place, with a temporary store, removed with the block, if it has none."""
    if place.store is not None:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="cytobench-fits-") as folder:
        yield replace(place, store=Path(folder))


@dataclass(frozen=True)
class Fit:
    """One fit of a stateful extractor, and the cells that it transforms.

    Parameters
    ----------
    extractor : Plugin
        The extractor.
    place : FitLocation
        Where its features are stored.
    cells : Cells
        Cells of the dataset.
    labels, units : ndarray of str, shape (n_cells,)
        Label and split unit of each cell.
    train, predicted : ndarray of int
        Positions of the training cells, and of the cells that will be predicted.
    validation : ndarray of int or None
        Positions of the cells on which an extractor that holds cells out chooses its epoch, in place of `cv`; among
        those that will be predicted. None: it holds out training cells by `cv`.
    seed : int
        Its `random_state`, if it takes one.
    cv : PatientKFold
        Its splitter, if it takes one.
    forbidden_groups : mapping of str to frozenset of str
        Under "units" and "patients", the groups that must be absent from the training data.
    where : str
        Name of the split in errors.
    keep_network : bool
        Whether the network of the extractor, if it is one, is stored beside its features. Its digest always is.
    logger : LoggerSpec or None
        Logger of the training of a network, described by repeat, fold and split.
    """

    extractor: Plugin
    place: FitLocation
    cells: Cells
    labels: npt.NDArray[Any]
    units: npt.NDArray[Any]
    train: Indices
    predicted: Indices
    seed: int
    cv: PatientKFold
    forbidden_groups: Mapping[str, frozenset[str]]
    where: str
    validation: Indices | None = None
    keep_network: bool = False
    logger: LoggerSpec | None = None

    @cached_property
    def held_out(self) -> Indices:
        """Positions of the cells that `fit` receives after the training cells, to choose its epoch on them."""
        return held_out_rows(self.extractor, self.validation)

    @property
    def fit_rows(self) -> Indices:
        """Positions of the cells that `fit` receives."""
        return np.concatenate([self.train, self.held_out])

    @property
    def splitter(self) -> PatientKFold | LastRows:
        """Splitter of the extractor."""
        return LastRows(len(self.held_out)) if len(self.held_out) else self.cv

    @property
    def rows(self) -> Indices:
        """Positions in the dataset of the rows of features: training cells, then predicted cells."""
        return np.concatenate([self.train, self.predicted])

    @cached_property
    def entry(self) -> Entry:
        """The entry with its features; the key is made of the extractor's components and of the training data."""
        parameters, digests = self.extractor.accepts, self.place.digests
        fit_rows = self.fit_rows
        components = {
            "format": FORMAT,
            **self.place.identity,
            "fit_seed": self.seed if "random_state" in parameters else None,
            "fit_cv": _splitter_identity(self.splitter) if "cv" in parameters else None,
            "fit_cells": hashlib.sha256(digests[fit_rows].tobytes()).hexdigest(),
            "fit_labels": digest(_texts(self.labels[fit_rows])),
            "fit_units": digest(_texts(self.units[fit_rows])),
            "fit_patients": digest(_texts(self.place.patients[fit_rows])),
            "cells": hashlib.sha256(digests[self.rows].tobytes()).hexdigest(),
        }
        assert self.place.store is not None  # noqa: S101 (`scratch_store` sets it)
        folder = extractor_folder(self.place.store / FITTED, self.extractor, components)
        return Entry(folder / digest(components)[:16], components)

    @property
    def fitted_on(self) -> dict[str, Any]:
        """Patients and split units of the training data, sorted, and the number of cells."""
        rows = self.fit_rows
        return {
            "patients": sorted(set(_texts(self.place.patients[rows]))),
            "units": sorted(set(_texts(self.units[rows]))),
            "cells": len(rows),
        }


def held_out_rows(extractor: Plugin, validation: Indices | None) -> Indices:
    """Return the validation cells that an extractor receives to choose its epoch: none if it holds no cells out."""
    if validation is None or not getattr(extractor.build(), "holds_out", False):
        return np.arange(0)
    return validation


def _splitter_identity(splitter: PatientKFold | LastRows) -> dict[str, Any]:
    if isinstance(splitter, LastRows):
        return {"last_rows": splitter.count}
    return {
        "folds": splitter.n_splits,
        "seed": splitter.random_state,
        "kind": type(splitter).__name__,
        "code": code_digest(PatientKFold.__module__),
    }


def _texts(values: npt.NDArray[Any]) -> list[str]:
    return [str(value) for value in values]
