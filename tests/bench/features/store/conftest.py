"""An extractor of numbers that logs the cells of each call, in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench.executors.inline import InlineExecutor
from bench.features.extraction import FeatureRequest, extract
from bench.features.store import damage
from bench.features.store.damage import describe_damage
from bench.features.store.entry import Entry, feature_names, open_features, open_rows, open_status
from bench.observer import Observer
from bench.options import Options
from bench.plugins.plugin import Plugin
from bench.storage.fingerprints import digest
from extractors.cells import CellFile, Cells

MODULE = '''
"""Numbers of a cell: its id, its square, and a root that is missing for every seventh."""

import os

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Numbers(TransformerMixin, BaseEstimator):
    """A minimal extractor; the environment variable `COUNTED` names its log file."""

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
            raise OSError("broken on purpose")
        self.width = values.shape[1]
        self.notices_ = ("numbers are numbers",)
        return values, np.where(np.isnan(values), 3, 0).astype(np.uint8)

    def get_feature_names_out(self, input_features=None):
        return np.array(["number", "square", "root"][: self.width])
'''


NUMBERS = Plugin("numbers", "counted_numbers:Numbers", {"fault": "", "status": True}, frozenset({"threads"}))


@dataclass
class Recorder(Observer):
    """Records notices and progress."""

    notices: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, task: str, done: int, total: int) -> None:
        self.steps.append((done, total))


@dataclass
class ScratchStore:
    """A temporary store and its extractor.

    Parameters
    ----------
    store : Path
        Folder of the store.
    log : Path
        Log of the extractor.
    """

    store: Path
    log: Path
    plugin: Plugin = NUMBERS

    def recorder(self) -> Recorder:
        """An observer that records notices and progress."""
        return Recorder()

    def cells(self, numbers: Sequence[int]) -> Cells:
        """Cells that are named by numbers, without files."""
        return Cells(CellFile(str(n), f"cell{n}.png") for n in numbers)

    def digests(self, numbers: Sequence[int]) -> list[str]:
        return [hashlib.sha256(str(n).encode()).hexdigest() for n in numbers]

    def entry(self, numbers: Sequence[int], **changes: Any) -> Entry:
        """The entry of their features."""
        cells = hashlib.sha256(" ".join(map(str, numbers)).encode()).hexdigest()
        identity = {"extractor": "numbers", **changes}
        folder = self.store / "features" / f"numbers-{digest(identity)[:16]}" / cells[:16]
        return Entry(folder, {**identity, "cells": cells})

    def extract(self, numbers: Sequence[int], observer: Observer | None = None, **changes: Any) -> Entry:
        """Extract what is missing, in this process."""
        entry = self.entry(numbers, **changes)
        cells, digests = self.cells(numbers), self.digests(numbers)
        request = FeatureRequest(entry, self.plugin, cells, digests, Options(jobs=1), "numbers")
        extract(request, InlineExecutor(1), observer or Observer())
        return entry

    def with_params(self, **params: Any) -> ScratchStore:
        """The same store with other parameters of the extractor, which are not part of the key here."""
        return replace(self, plugin=replace(self.plugin, params={**self.plugin.params, **params}))

    def check(self, numbers: Sequence[int]) -> None:
        """Compare the stored values and status codes with the truth."""
        folder = self.entry(numbers).folder
        np.testing.assert_array_equal(open_features(folder), truth(numbers))
        status = open_status(folder)
        assert status is not None
        np.testing.assert_array_equal(status == 3, np.isnan(truth(numbers)))
        assert [bytes(row).hex() for row in open_rows(folder)] == self.digests(numbers)
        assert feature_names(folder) == ["number", "square", "root"]
        assert describe_damage(folder) == ""

    def calls(self) -> list[list[int]]:
        """The cells of each call of the extractor since the last time."""
        text = self.log.read_text() if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return [[int(n) for n in line.split()] for line in text.splitlines()]


def truth(numbers: Iterable[int]) -> npt.NDArray[np.float32]:
    """The features of numbered cells, computed independently of the extractor."""
    return np.array([[n, n * n, np.nan if n % 7 == 6 else n**0.5] for n in numbers], dtype=np.float32)


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Forget which entries were intact, as a new process does."""
    damage._INTACT.clear()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchStore:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "counted_numbers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted.log"))
    return ScratchStore(tmp_path / "store", tmp_path / "counted.log")
