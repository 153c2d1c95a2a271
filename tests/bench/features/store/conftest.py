"""An extractor of numbers that writes down what it was asked for, in whatever process it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.executors.inline import InlineExecutor
from bench.features.extraction import extract
from bench.features.store.entry import Entry
from bench.observer import Observer
from bench.options import Options
from bench.plugins.registry import Plugin
from bench.storage.fingerprints import digest
from extractors.cells import CellFile, Cells

MODULE = '''
"""Numbers of a cell: its id, its square, and a root that is missing for every seventh."""

import os

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Numbers(TransformerMixin, BaseEstimator):
    """What a test needs of an extractor; `COUNTED` names the file in which it writes down the cells."""

    def __init__(self, *, fault="", status=True, threads=1):
        self.fault = fault
        self.status = status
        self.threads = threads

    def transform(self, X):
        return self._both(X)[0]

    def __getattr__(self, name):
        if name == "transform_with_status" and self.__dict__.get("status"):
            return self._both
        raise AttributeError(name)

    def _both(self, X):
        ids = [cell.id for cell in X]
        with open(os.environ["COUNTED"], "a") as file:
            file.write(" ".join(ids) + "\\n")
        number = np.array([int(i) for i in ids], dtype=np.float64)
        values = np.column_stack([number, number**2, np.sqrt(number)])
        values[number % 7 == 6, 2] = np.nan
        if self.fault == "varies" and number[0] >= 64:
            values = values[:, :2]
        if self.fault == "varies once" and os.environ.get("VARIES"):
            values = values + 1000
        if self.fault == "full" and number[0] >= 128:
            raise OSError("its own trouble")
        self.width = values.shape[1]
        self.notices_ = ("numbers are numbers",)
        return values, np.where(np.isnan(values), 3, 0).astype(np.uint8)

    def get_feature_names_out(self, input_features=None):
        return np.array(["number", "square", "root"][: self.width])
'''


NUMBERS = Plugin("numbers", "counted_numbers:Numbers", {"fault": "", "status": True}, frozenset({"threads"}))


@dataclass
class Heard(Observer):
    """Keeps what it is told."""

    notices: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, task: str, done: int, total: int) -> None:
        self.steps.append((done, total))


@dataclass
class Workshop:
    """A throw-away store, and what it takes to fill it.

    Parameters
    ----------
    store : Path
        The store.
    log : Path
        What the extractor writes down.
    """

    store: Path
    log: Path
    plugin: Plugin = NUMBERS

    def heard(self) -> Heard:
        """An observer that keeps what it is told."""
        return Heard()

    def cells(self, numbers: Sequence[int]) -> Cells:
        """Cells that are called by numbers, and have no file."""
        return Cells(CellFile(str(n), f"cell{n}.png") for n in numbers)

    def digests(self, numbers: Sequence[int]) -> list[str]:
        return [hashlib.sha256(str(n).encode()).hexdigest() for n in numbers]

    def entry(self, numbers: Sequence[int], **changes: Any) -> Entry:
        """The place of their features."""
        cells = hashlib.sha256(" ".join(map(str, numbers)).encode()).hexdigest()
        identity = {"extractor": "numbers", **changes}
        folder = self.store / "features" / f"numbers-{digest(identity)[:16]}" / cells[:16]
        return Entry(folder, {**identity, "cells": cells})

    def extract(self, numbers: Sequence[int], heard: Observer | None = None, **changes: Any) -> Entry:
        """Extract what is missing, in this process."""
        entry = self.entry(numbers, **changes)
        extract(
            entry,
            self.plugin,
            cells=self.cells(numbers),
            digests=self.digests(numbers),
            executor=InlineExecutor(1),
            options=Options(jobs=1),
            observer=heard or Observer(),
        )
        return entry

    def asked(self) -> list[list[int]]:
        """The cells of each call of the extractor so far; forgets them."""
        text = self.log.read_text() if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return [[int(n) for n in line.split()] for line in text.splitlines()]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "counted_numbers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted.log"))
    return Workshop(tmp_path / "store", tmp_path / "counted.log")
