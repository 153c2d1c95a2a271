"""Spies on the training of networks: which cells are decoded in which step of which fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.networks.training import fitting, training_module
from extractors.networks.training.network_estimator import NetworkEstimator
from extractors.networks.training.trained_network import TrainedNetwork

STEPS = {
    (fitting, "channel_statistics"): "statistics",
    (fitting, "search_rate"): "finder",
    (training_module, "recompute_batch_norms"): "batch norms",
}
"""Functions that compute something of the training part, and their step in the log."""


@dataclass
class NetworkFit:
    """One fit: rows of its cells, of its two parts, and those that were decoded, by step."""

    rows: set[int]
    training: set[int] = field(default_factory=set)
    validation: set[int] = field(default_factory=set)
    decoded: dict[str, set[int]] = field(default_factory=dict)


@dataclass
class Log:
    """Fits, predictions (fit, rows) and cells decoded outside both."""

    fits: list[NetworkFit] = field(default_factory=list)
    predictions: list[tuple[NetworkFit, set[int]]] = field(default_factory=list)
    outside: set[int] = field(default_factory=set)
    current: list[tuple[NetworkFit, str]] = field(default_factory=list)

    def decode(self, row: int) -> None:
        if not self.current:
            self.outside.add(row)
            return
        fit, step = self.current[-1]
        fit.decoded.setdefault(step, set()).add(row)

    @contextmanager
    def step(self, fit: NetworkFit, name: str) -> Iterator[None]:
        self.current.append((fit, name))
        try:
            yield
        finally:
            self.current.pop()


class SpiedCell(Cell):
    """A cell that logs each access to its pixels."""

    row: int
    log: Log

    @property
    def image(self) -> Any:  # type: ignore[override]
        self.log.decode(self.row)
        return self._raw_image

    @property
    def mask(self) -> Any:  # type: ignore[override]
        self.log.decode(self.row)
        return self._raw_mask


class SpiedCells(Sequence[Cell]):
    """Cells of a dataset with a log; their ids are their rows."""

    def __init__(self, cells: Sequence[Cell], log: Log, rows: Any = None) -> None:
        self.cells, self.log = cells, log
        self.rows = np.arange(len(cells)) if rows is None else np.asarray(rows, dtype=int)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        row = int(self.rows[index])
        cell = SpiedCell(f"{row}", self.cells[row].image, self.cells[row].mask)
        cell.row, cell.log = row, self.log
        return cell

    def take(self, rows: Any) -> SpiedCells:
        return SpiedCells(self.cells, self.log, self.rows[np.asarray(rows, dtype=int)])


def rows_of(cells: Sequence[Cell]) -> set[int]:
    return {int(cell.id) for cell in cells}


def install(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Log all fits and predictions of networks."""
    log = Log()
    estimator_fit, fit_network, outputs = NetworkEstimator.fit, fitting.fit_network, TrainedNetwork._outputs
    trained: dict[int, tuple[TrainedNetwork, NetworkFit]] = {}

    def spied_fit(self: Any, X: Any, y: Any, groups: Any = None) -> Any:
        log.fits.append(fit := NetworkFit(rows_of(X)))
        with log.step(fit, "training"):
            return estimator_fit(self, X, y, groups)

    def spied_fit_network(spec: Any, settings: Any, training: Any, validation: Any, **more: Any) -> TrainedNetwork:
        fit = log.current[-1][0]
        fit.training = rows_of(training.cells)
        fit.validation = set() if validation is None else rows_of(validation.cells)
        network = fit_network(spec, settings, training, validation, **more)
        trained[id(network)] = network, fit
        return network

    def spied_outputs(self: TrainedNetwork, cells: Sequence[Cell], *arguments: Any, **more: Any) -> Any:
        fit = trained[id(self)][1]
        log.predictions.append((fit, rows_of(cells)))
        with log.step(NetworkFit(set()), "prediction"):
            return outputs(self, cells, *arguments, **more)

    monkeypatch.setattr(NetworkEstimator, "fit", spied_fit)
    monkeypatch.setattr(fitting, "fit_network", spied_fit_network)
    monkeypatch.setattr(TrainedNetwork, "_outputs", spied_outputs)
    for (module, name), step in STEPS.items():
        monkeypatch.setattr(module, name, _in_step(log, getattr(module, name), step))
    return log


def _in_step(log: Log, function: Callable[..., Any], step: str) -> Callable[..., Any]:
    def spied(*arguments: Any, **more: Any) -> Any:
        with log.step(log.current[-1][0], step):
            return function(*arguments, **more)

    return spied


def check(log: Log, units: Any, test: Any, *, transforms: bool = False) -> None:
    """Assert that no fit sees a test patient, and that validation patients are used for validation alone.

    Parameters
    ----------
    transforms : bool
        Whether networks are extractors, which also compute features of the cells they were fitted on.
    """
    units, forbidden = np.asarray(units), set(np.asarray(units)[np.asarray(test, dtype=int)])

    def patients(rows: set[int]) -> set[Any]:
        return set(units[sorted(rows)].tolist())

    assert log.fits
    assert not log.outside, "cells were decoded outside of fits and predictions"
    for fit in log.fits:
        assert not patients(fit.rows) & forbidden
        assert fit.training | fit.validation <= fit.rows
        assert not patients(fit.training) & patients(fit.validation)
        assert fit.decoded["training"] <= fit.training | fit.validation
        for step, rows in fit.decoded.items():
            if step != "training":
                assert rows <= fit.training, f"the {step} uses held-out cells"
    for fit, rows in log.predictions:
        if not transforms:
            assert not patients(rows) & patients(fit.rows), "a network predicts patients that it was fitted on"
