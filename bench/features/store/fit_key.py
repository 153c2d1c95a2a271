"""One fit of a stateful extractor: what it is made of, and where the features that it gave lie."""

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

from bench.features.store.entry import FORMAT
from bench.features.store.keys import slug
from bench.plugins.registry import Plugin
from bench.splits.folds import Indices, PatientKFold
from bench.storage.fingerprints import code_digest, digest
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
        SHA-256 of each cell, as `bench.features.store.entry.digests_array` gives them.
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
    forbidden_groups : mapping of str to frozenset of str
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
    forbidden_groups: Mapping[str, frozenset[str]]
    where: str

    @property
    def rows(self) -> Indices:
        """Positions in the data set of the rows of features: those it is fitted on, then those it predicts."""
        return np.concatenate([self.train, self.predicted])

    @cached_property
    def components(self) -> dict[str, Any]:
        """Everything that the key is made of, in the clear: the extractor's identity, and what it was fitted on."""
        takes, digests = self.extractor.accepts, self.place.digests
        return {
            "format": FORMAT,
            **self.place.identity,
            "fit_seed": self.seed if "random_state" in takes else None,
            "fit_cv": _told_splitter(self.cv) if "cv" in takes else None,
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
        identity = digest(
            {"format": FORMAT, **self.place.identity}
        )  # as `bench.features.store.keys.is_in_place` has it
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


def _told_splitter(splitter: PatientKFold) -> dict[str, Any]:
    return {
        "folds": splitter.n_splits,
        "seed": splitter.random_state,
        "kind": type(splitter).__name__,
        "code": code_digest(PatientKFold.__module__),
    }


def _texts(values: npt.NDArray[Any]) -> list[str]:
    return [str(value) for value in values]
