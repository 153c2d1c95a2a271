"""The feature store: a key of all that counts, shards that are resumed, values that are checked."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from bench.errors import BenchError
from bench.store.entry import CHUNK, (
    SHARD,
    Entry,
    entry_of,
    extract_shard,
    feature_names,
    join_shards,
    missing_shards,
    open_features,
    open_status,
    stored_entries,
)
from bench.identity import code_digest, file_digest
from bench.plugins import Plugin, extractor
from extractors.cells import Cell, CellFile, Cells
from extractors.handcrafted.status import Status


class Numbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """The number of a cell and its square; a fault where a test asks for one."""

    seen: ClassVar[list[list[str]]] = []

    def __init__(self, *, fault: str = "", weights: str = "w", weights_dir: Any = None, threads: int = 1) -> None:
        self.fault = fault
        self.weights = weights
        self.weights_dir = weights_dir
        self.threads = threads

    def transform(self, X: Sequence[Cell]) -> npt.NDArray[np.float64]:
        self.seen.append([cell.id for cell in X])
        if self.fault == "unreadable":
            raise OSError(f"{X[0].id}: cannot be read")
        values = np.array([[int(cell.id), int(cell.id) ** 2] for cell in X], dtype=np.float64)
        fault = {"infinite": np.inf, "empty": np.nan, "too large": 1e300}.get(self.fault)
        if fault is not None:
            values[1, 1 if self.fault != "empty" else slice(None)] = fault
        return (
            values[:, :1] if self.fault == "narrow" or (self.fault == "varies" and "0" not in self.seen[-1]) else values
        )

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        return np.array(["number", "square"][: 1 if self.fault == "varies" and "0" not in self.seen[-1] else 2])

    def weights_file(self) -> Path | None:
        return None if self.weights_dir is None else Path(self.weights_dir) / self.weights


class Silent(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Reads weights but does not say which."""

    def __init__(self, *, weights: str = "w") -> None:
        self.weights = weights


N = 2 * SHARD + 5
CELLS = Cells(CellFile(str(i), f"cell{i}.png") for i in range(N))


@pytest.fixture(autouse=True)
def unseen() -> None:
    """Nothing is noted before a test."""
    Numbers.seen.clear()


def _numbers(**params: Any) -> Plugin:
    given = {"fault": "", "weights": "w", **params}
    return Plugin("numbers", f"{__name__}:Numbers", given, frozenset({"weights_dir", "threads"}))


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """An empty place in a store."""
    return Entry(tmp_path / "features" / "numbers-0", {"extractor": "numbers"})


def _extract(entry: Entry, plugin: Plugin, cells: Cells = CELLS) -> None:
    for number, first, end in missing_shards(entry, len(cells)):
        extract_shard(entry, plugin, {"threads": 1}, cells[first:end], number)


def test_shards_become_one_matrix_in_the_order_of_the_cells(entry: Entry) -> None:
    assert missing_shards(entry, N) == [(0, 0, SHARD), (1, SHARD, 2 * SHARD), (2, 2 * SHARD, N)]
    _extract(entry, _numbers())
    assert not entry.stored
    join_shards(entry, N)
    assert entry.stored
    values = open_features(entry.folder)
    assert isinstance(values, np.memmap)
    assert values.dtype == np.float32
    assert np.array_equal(values, np.column_stack([np.arange(N), np.arange(N) ** 2]).astype(np.float32))
    assert feature_names(entry.folder) == ["number", "square"]
    assert not entry.shards.exists()
    (told,) = stored_entries(entry.folder.parents[1])
    assert (told["components"], told["cells"]) == ({"extractor": "numbers"}, N)


def test_only_missing_shards_are_extracted(entry: Entry) -> None:
    _extract(entry, _numbers())
    (entry.shards / "000001.npz").unlink()
    Numbers.seen.clear()
    _extract(entry, _numbers())
    assert Numbers.seen == [[str(i) for i in range(SHARD, 2 * SHARD)]]
    join_shards(entry, N)
    assert np.array_equal(open_features(entry.folder)[:, 0], np.arange(N))


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
import bench.features as features
from bench.plugins import extractor
from extractors.cells import Cells, CellFile

entry = features.Entry(Path(sys.argv[1]), {})
cells = Cells(CellFile(str(i), sys.argv[2]) for i in range(100))
for number, first, end in features.missing_shards(entry, 100):
    if number == 1:
        np.savez = lambda file, **arrays: (file.write(b"half"), file.flush(), os.kill(os.getpid(), signal.SIGKILL))
    features.extract_shard(entry, extractor("size"), {}, cells[first:end], number)
"""


def test_a_process_killed_in_a_shard_leaves_the_finished_ones(tmp_path: Path) -> None:
    image = np.zeros((12, 12, 3), dtype=np.uint8)
    image[3:9, 2:10] = 90
    cv2.imwrite(str(tmp_path / "cell.png"), image)
    entry = Entry(tmp_path / "features" / "x", {})
    command = [sys.executable, "-c", KILLED, str(entry.folder), str(tmp_path / "cell.png")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert [number for number, _, _ in missing_shards(entry, 100)] == [1]
    cells = Cells(CellFile(str(i), str(tmp_path / "cell.png")) for i in range(100))
    _extract(entry, extractor("size"), cells)
    join_shards(entry, 100)
    values = open_features(entry.folder)
    assert len(values) == 100
    assert np.array_equal(values, np.broadcast_to(values[0], values.shape), equal_nan=True)


def test_a_folder_that_is_not_whole_is_written_anew(entry: Entry) -> None:
    entry.folder.mkdir(parents=True)
    (entry.folder / "values.npy").write_bytes(b"a copy that was cut off")
    assert not entry.stored
    _extract(entry, _numbers())
    join_shards(entry, N)
    assert entry.stored
    assert len(open_features(entry.folder)) == N


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("infinite", r"numbers: feature square is infinite for cell 1 \(cell1\.png\), and 0 more"),
        ("too large", "feature square is infinite for cell 1"),
        ("empty", r"no feature exists for cell 1 \(cell1\.png\), and no status says why"),
        ("narrow", r"features of shape \(64, 1\); \(64, 2\) is expected"),
        ("unreadable", "numbers: 0: cannot be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_features_that_are_none_name_the_cell(entry: Entry, fault: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        _extract(entry, _numbers(fault=fault))
    assert len(missing_shards(entry, N)) == 3


@pytest.mark.parametrize("left", [0, 100, 600])
def test_a_damaged_shard_is_named_and_can_be_mended(entry: Entry, left: int) -> None:
    _extract(entry, _numbers())
    shard = sorted(entry.shards.iterdir())[1]
    shard.write_bytes(shard.read_bytes()[:left])
    with pytest.raises(BenchError, match=r"000001\.npz: the extracted features cannot be read .*delete this file"):
        join_shards(entry, N)
    assert not entry.stored
    shard.unlink()
    _extract(entry, _numbers())
    join_shards(entry, N)
    assert len(open_features(entry.folder)) == N


def test_a_cell_without_any_feature_passes_where_the_status_says_why(tmp_path: Path) -> None:
    image = np.pad(np.random.default_rng(0).integers(60, 200, (40, 40, 3)), ((5, 5), (5, 5), (0, 0)))
    cv2.imwrite(str(tmp_path / "cell.png"), image.astype(np.uint8))
    for name, nucleus in (("with", 255), ("without", 0)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.pad(np.full((24, 24), nucleus, np.uint8), 13))
    cells = Cells(
        CellFile(name, str(tmp_path / "cell.png"), nucleus_path=str(tmp_path / f"{name}.png"))
        for name in ("with", "without")
    )
    entry = Entry(tmp_path / "features" / "n", {})
    _extract(entry, extractor("nucleus"), cells)
    join_shards(entry, 2)
    values, status = open_features(entry.folder), open_status(entry.folder)
    assert status is not None
    assert np.isfinite(values[0]).any()
    assert np.isnan(values[1]).all()
    assert (status[1] == Status.NO_NUCLEUS).all()


def test_shards_of_different_features_are_not_joined(entry: Entry) -> None:
    _extract(entry, _numbers(fault="varies"))
    with pytest.raises(BenchError, match="cells 64 and following have other features"):
        join_shards(entry, N)
    assert not entry.stored
    assert not entry.folder.exists()


def test_a_status_is_kept_beside_the_values(tmp_path: Path) -> None:
    image = np.zeros((12, 12, 3), dtype=np.uint8)
    image[3:9, 2:10] = 90
    cv2.imwrite(str(tmp_path / "cell.png"), image)
    cells = Cells([CellFile("a", str(tmp_path / "cell.png"))])
    plugin, entry = extractor("handcrafted"), Entry(tmp_path / "features" / "h", {})
    _extract(entry, plugin, cells)
    join_shards(entry, 1)
    status = np.load(entry.folder / "status.npy")
    values = open_features(entry.folder)
    assert status.shape == values.shape
    assert status.dtype == np.uint8
    assert np.array_equal(np.isnan(values), status != 0)


def test_the_key_changes_with_each_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: tmp_path / name for name in ("one", "two")}
    for name, folder in weights.items():
        folder.mkdir()
        (folder / "w").write_text(name)
    plain = {"cells": ["a", "b"], "weights_dir": str(weights["one"]), "threads": 1}

    def entry(plugin: Plugin | None = None, **changes: Any) -> Entry:
        given = {**plain, **changes}
        return entry_of(tmp_path, plugin or _numbers(), given.pop("cells"), **given)

    here = entry()
    assert here == entry()
    assert here.key == entry().key
    assert here.components["weights"] == file_digest(weights["one"] / "w")
    others = [
        entry(cells=["a", "c"]),
        entry(cells=["b", "a"]),
        entry(weights_dir=str(weights["two"])),
        entry(threads=2),
        entry(_numbers(fault="infinite")),
    ]
    for name, changed in {
        "code_digest": lambda module: f"edited {module}" if module == __name__ else code_digest(module),
        "library_versions": lambda module: {"numpy": "0.1"},
        "FORMAT": 2,
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(features, name, changed)
            others.append(entry())
    with monkeypatch.context() as patch:
        patch.setattr(features, "code_digest", lambda m: code_digest(m) if m == __name__ else f"edited {m}")
        others.append(entry())
    assert len({here.key, *(other.key for other in others)}) == len(others) + 1
    assert len({here.folder, *(other.folder for other in others)}) == len(others) + 1


def test_threads_count_only_where_an_extractor_has_them(tmp_path: Path) -> None:
    plugin = extractor("size")
    one, two = (entry_of(tmp_path, plugin, ["a"], weights_dir=None, threads=n) for n in (1, 2))
    assert one.key == two.key
    assert one.components["weights"] is None


def test_weights_that_are_not_to_be_had_are_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="resnet18"):
        entry_of(tmp_path, extractor("resnet18"), ["a"], weights_dir=str(tmp_path), threads=1)
    silent = Plugin("silent", f"{__name__}:Silent", {"weights": "w"})
    with pytest.raises(BenchError, match=r"silent: an extractor with a parameter `weights` tells its file"):
        entry_of(tmp_path, silent, ["a"], weights_dir=None, threads=1)


def test_the_name_of_an_entry_is_a_plain_file_name(tmp_path: Path) -> None:
    plugin = replace(extractor("size"), selector='size[x="../../é b"]')
    entry = entry_of(tmp_path, plugin, ["a"], weights_dir=None, threads=1)
    assert entry.folder.parent == tmp_path / "features"
    assert "/" not in entry.folder.name
    assert " " not in entry.folder.name


def test_a_store_that_cannot_be_written_is_named(entry: Entry) -> None:
    entry.shards.parent.mkdir(parents=True)
    entry.shards.write_text("in the way")
    with pytest.raises(BenchError, match=f"the feature store cannot be written .*{entry.folder.parent}.*--store"):
        _extract(entry, _numbers())
