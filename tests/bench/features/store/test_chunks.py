"""Features are stored under the digest of the weights that computed them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from bench.errors import BenchError
from bench.executors.inline import InlineExecutor
from bench.features.extraction import FeatureRequest, extract
from bench.features.store.chunks import chunk_path, extract_chunk, read_chunk
from bench.features.store.entry import Entry
from bench.observer import Observer
from bench.options import Options
from bench.plugins.registry import Plugin
from extractors.cells import CellFile, Cells

CELLS, DIGEST = Cells([CellFile("a", "a.png")]), "a" * 64


@dataclass
class Weighted(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """The length of a file of weights; states the digest of what it has read, or not."""

    file: str = ""
    states: bool = True
    replaced: bool = False

    def weights_file(self) -> Path:
        return Path(self.file)

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        content = self.weights_file().read_bytes()
        if self.states:
            self.weights_sha256_ = sha256(content).hexdigest()
        if self.replaced:
            self.weights_file().write_bytes(b"longer weights")
        return np.full((len(X), 1), len(content), np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array(["length"], dtype=object)


def weighted(file: Path, **params: Any) -> Plugin:
    file.write_bytes(b"weights")
    return Plugin("weighted", f"{__name__}:Weighted", {"file": str(file), **params}, frozenset())


def extracted(tmp_path: Path, plugin: Plugin) -> Path:
    path = chunk_path(tmp_path / "entry.partial", 0)
    extract_chunk(path, CELLS, (DIGEST,), plugin, {}, weights_sha256=sha256(b"weights").hexdigest())
    return path


@pytest.mark.parametrize("states", [True, False])
def test_weights_that_changed_after_the_key_fail_the_chunk(tmp_path: Path, states: bool) -> None:
    """Also of an extractor that does not state what it loaded."""
    file = tmp_path / "w.bin"
    plugin = weighted(file, states=states)
    chunk = read_chunk(extracted(tmp_path, plugin))
    assert chunk is not None
    assert chunk.features.values.tolist() == [[7]]
    chunk_path(tmp_path / "entry.partial", 0).unlink()
    file.write_bytes(b"longer weights")
    with pytest.raises(BenchError, match=rf"^weighted.*: {file}: changed since it was scanned; run the command again$"):
        extracted(tmp_path, plugin)
    assert not any((tmp_path / "entry.partial").iterdir())


def test_what_counts_is_what_was_loaded(tmp_path: Path) -> None:
    """Weights that are replaced after they were loaded do not matter."""
    chunk = read_chunk(extracted(tmp_path, weighted(tmp_path / "w.bin", replaced=True)))
    assert chunk is not None
    assert chunk.features.values.tolist() == [[7]]


def test_weights_that_are_replaced_during_the_chunk_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="changed since it was scanned"):
        extracted(tmp_path, weighted(tmp_path / "w.bin", states=False, replaced=True))


def test_an_extraction_compares_the_weights_with_the_key_of_its_entry(tmp_path: Path) -> None:
    plugin = weighted(tmp_path / "w.bin")
    entry = Entry(tmp_path / "features" / "weighted-0" / "0", {"weights": sha256(b"weights").hexdigest()})
    request = FeatureRequest(entry, plugin, CELLS, [DIGEST], Options(), "weighted")
    (tmp_path / "w.bin").write_bytes(b"longer weights")
    with pytest.raises(BenchError, match=r"the extraction failed: .*w\.bin: changed since it was scanned"):
        extract(request, InlineExecutor(1), Observer())
    (tmp_path / "w.bin").write_bytes(b"weights")
    assert extract(request, InlineExecutor(1), Observer()) == 1
