"""Chunks: of the weights in the key of their entry, and read only where an extraction could have written them."""

from __future__ import annotations

import json
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
from bench.features.store.chunks import Chunk, chunk_path, extract_chunk, read_chunk, write_chunk
from bench.features.store.entry import Entry
from bench.observer import Observer
from bench.options import Options
from bench.plugins.checked_features import Features
from bench.plugins.plugin import Plugin
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


HEADER = {"cells": [DIGEST, "b" * 64], "names": ["x", "y"], "notices": ["n"], "seconds": 1.5}
VALUES, STATUS = np.array([[1, 2], [np.nan, 4]], "<f4"), np.array([[0, 0], [3, 0]], np.uint8)


def planted(folder: Path, line: bytes, arrays: bytes) -> Path:
    """A chunk of a stranger, who computes its digest."""
    content = line + b"\n" + arrays
    (folder / "000000.chunk").write_bytes(sha256(content).digest() + content)
    return folder / "000000.chunk"


@pytest.mark.parametrize("status", [STATUS, None])
def test_a_chunk_is_read_as_it_was_written(tmp_path: Path, status: npt.NDArray[np.uint8] | None) -> None:
    """Also text that is not UTF-8, as in the name of a file."""
    features = Features(VALUES, status, ("x", "y"), ("n\udc80",))
    write_chunk(tmp_path / "c", Chunk((DIGEST, "b" * 64), features, 1.5))
    read = read_chunk(tmp_path / "c")
    assert read is not None
    np.testing.assert_array_equal(read.features.values, VALUES)
    assert (read.features.status is None) if status is None else np.array_equal(read.features.status, status)
    assert (read.cells, read.features.names, read.features.notices, read.seconds) == (
        (DIGEST, "b" * 64), ("x", "y"), ("n\udc80",), 1.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [b"", b"garbage", b"[" * 500_000, b"[1]", b"5", b"null", b"\xff", b'{"seconds": NaN}', b'{"seconds": 1e999}'],
)
def test_a_header_that_is_no_object_is_damage(tmp_path: Path, line: bytes) -> None:
    arrays = VALUES.tobytes() + STATUS.tobytes()
    assert read_chunk(planted(tmp_path, json.dumps(HEADER).encode(), arrays)) is not None
    assert read_chunk(planted(tmp_path, line, arrays)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cells", "aa"), ("cells", [1, 2]), ("cells", ["a", "b"]), ("cells", []), ("cells", [DIGEST] * 65),
        ("names", 5), ("names", [["q"], ["r"]]), ("names", []), ("names", {"x": 1, "y": 2}),
        ("notices", [5]), ("notices", "n"), ("notices", None),
        ("seconds", "x"), ("seconds", -1), ("seconds", 1e300), ("seconds", True), ("seconds", None), ("more", 1),
    ],
)  # fmt: skip
def test_an_invalid_field_of_a_header_is_damage(tmp_path: Path, field: str, value: object) -> None:
    line = json.dumps({**HEADER, field: value}).encode()
    assert read_chunk(planted(tmp_path, line, VALUES.tobytes() + STATUS.tobytes())) is None


@pytest.mark.parametrize("field", HEADER)
def test_a_header_without_a_field_is_damage(tmp_path: Path, field: str) -> None:
    line = json.dumps({name: value for name, value in HEADER.items() if name != field}).encode()
    assert read_chunk(planted(tmp_path, line, VALUES.tobytes() + STATUS.tobytes())) is None


@pytest.mark.parametrize(
    "arrays",
    [
        b"", VALUES.tobytes()[:-1], VALUES.tobytes() + STATUS.tobytes()[:-1], VALUES.tobytes() + bytes(5),
        np.full((2, 2), np.inf, "<f4").tobytes(), np.array([[1, 2], [3, -np.inf]], "<f4").tobytes() + STATUS.tobytes(),
        np.full((2, 2), np.nan, "<f4").tobytes(), np.full((2, 2), np.nan, "<f4").tobytes() + bytes(4),
    ],
)  # fmt: skip
def test_arrays_that_an_extraction_refuses_are_damage(tmp_path: Path, arrays: bytes) -> None:
    """Of another size, infinite, or a cell without features and without a reason."""
    assert read_chunk(planted(tmp_path, json.dumps(HEADER).encode(), arrays)) is None
