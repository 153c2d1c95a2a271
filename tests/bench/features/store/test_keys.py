"""The key of stored features contains everything that they depend on, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from bench.errors import BenchError
from bench.features.store import keys
from bench.features.store.entry import Entry
from bench.features.store.keys import entry_of, extractor_identity
from bench.plugins.plugin import Plugin
from bench.plugins.registry import extractor
from bench.storage.fingerprints import code_digest, digest
from extractors.cells import Cell
from extractors.files.digests import file_digest


class Numbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """An extractor with all parameters that affect a key."""

    def __init__(
        self, *, fault: str = "", weights: str = "w", weights_dir: Any = None, threads: int = 1, device: str = "cpu"
    ) -> None:
        self.fault = fault
        self.weights = weights
        self.weights_dir = weights_dir
        self.threads = threads
        self.device = device

    def transform(self, X: Sequence[Cell]) -> npt.NDArray[np.float32]:
        return np.zeros((len(X), 1), dtype=np.float32)

    def weights_file(self) -> Path | None:
        return None if self.weights_dir is None else Path(self.weights_dir) / self.weights

    def full_name(self) -> str:
        return f"{self.weights}.tagged"


class Steady(Numbers):
    """Its features do not depend on the number of threads."""

    thread_independent = True


class Silent(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Reads weights but has no `weights_file`."""

    def __init__(self, *, weights: str = "w") -> None:
        self.weights = weights


def _numbers(**params: Any) -> Plugin:
    values = {"fault": "", "weights": "w", **params}
    return Plugin("numbers", f"{__name__}:Numbers", values, frozenset({"weights_dir", "threads", "device"}))


def test_the_key_changes_with_each_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: tmp_path / name for name in ("one", "two")}
    for name, folder in weights.items():
        folder.mkdir()
        (folder / "w").write_text(name)
    plain = {"cells": ["a", "b"], "weights_dir": str(weights["one"]), "threads": 1}

    def entry(plugin: Plugin | None = None, **changes: Any) -> Entry:
        settings = {**plain, **changes}
        return entry_of(tmp_path, plugin or _numbers(), settings.pop("cells"), **settings)

    here = entry()
    assert here == entry()
    assert here.key == entry().key
    assert here.components["weights"] == file_digest(weights["one"] / "w")
    others = [
        entry(cells=["a", "c"]),
        entry(cells=["b", "a"]),
        entry(weights_dir=str(weights["two"])),
        entry(threads=2),
        entry(device="cuda"),
        entry(prepare="crop[margin=0]"),
        entry(_numbers(fault="infinite")),
    ]
    for name, changed in {
        "code_digest": lambda module: f"edited {module}" if module == __name__ else code_digest(module),
        "library_versions": lambda module: {"numpy": "0.1"},
        "FORMAT": 99,
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(keys, name, changed)
            others.append(entry())
    with monkeypatch.context() as patch:
        patch.setattr(keys, "code_digest", lambda m: code_digest(m) if m == __name__ else f"edited {m}")
        others.append(entry())
    assert len({here.key, *(other.key for other in others)}) == len(others) + 1
    assert len({here.folder, *(other.folder for other in others)}) == len(others) + 1


def test_threads_are_a_component_only_of_extractors_that_take_them(tmp_path: Path) -> None:
    by_openvino = extractor("test_vit[weights=random,engine=openvino]")
    for plugin in (extractor("size"), replace(_numbers(), target=f"{__name__}:Steady"), by_openvino):
        one, two = (entry_of(tmp_path, plugin, ["a"], weights_dir=None, threads=n) for n in (1, 2))
        assert one.key == two.key
        assert (one.components["weights"], one.components["threads"]) == (None, None)


def test_missing_weights_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="resnet18"):
        entry_of(tmp_path, extractor("resnet18"), ["a"], weights_dir=str(tmp_path), threads=1)
    silent = Plugin("silent", f"{__name__}:Silent", {"weights": "w"})
    with pytest.raises(
        BenchError, match=r"silent: an extractor with a parameter `weights` needs a method weights_file"
    ):
        entry_of(tmp_path, silent, ["a"], weights_dir=None, threads=1)


def test_the_path_of_an_entry_is_a_plain_file_name(tmp_path: Path) -> None:
    plugin = replace(extractor("size"), selector='size[x="../../é b"]')
    entry = entry_of(tmp_path, plugin, ["a"], weights_dir=None, threads=1)
    assert entry.folder.parent.parent == tmp_path / "features"
    assert entry.folder.parent.name.isascii()
    assert not set(entry.folder.parent.name) & set('/ []"')


def test_entries_of_one_extractor_share_a_folder(tmp_path: Path) -> None:
    """So that rows of other datasets are found without a search of the whole store."""
    one, other = (
        entry_of(tmp_path, extractor("size"), cells, weights_dir=None, threads=1) for cells in (["a", "b"], ["b"])
    )
    assert one.folder.parent == other.folder.parent
    assert one.folder.name == str(one.components["cells"])[:16] != other.folder.name
    without = {name: value for name, value in one.components.items() if name != "cells"}
    assert one.folder.parent == tmp_path / "features" / f"size-{digest(without)[:16]}"


def test_the_full_name_of_a_network_is_a_component(tmp_path: Path) -> None:
    assert entry_of(tmp_path, _numbers(), ["a"], weights_dir=None, threads=1).components["model"] == "w.tagged"
    assert entry_of(tmp_path, extractor("size"), ["a"], weights_dir=None, threads=1).components["model"] is None


def test_the_device_is_a_component_only_of_extractors_that_take_one(tmp_path: Path) -> None:
    identity = extractor_identity(extractor("size"), weights_dir=None, device="cuda")
    assert identity["device"] is None
    assert extractor_identity(_numbers(), weights_dir=None, device="cuda")["device"] == "cuda"


def test_text_code_and_libraries_of_the_preparation_are_components() -> None:
    plain, cropped = (extractor_identity(extractor("size"), weights_dir=None, prepare=p) for p in ("none", "crop"))
    assert (plain["prepare"], plain["preparation"]) == ("none", None)
    assert cropped["prepare"] == "crop"
    assert len(cropped["preparation"]) == 64
    macenko = extractor_identity(extractor("size"), weights_dir=None, prepare="macenko")
    assert macenko["preparation"] != cropped["preparation"]
    assert plain["libraries"].items() <= macenko["libraries"].items()


def test_libraries_that_are_imported_late_are_components() -> None:
    """All libraries that compute an embedding are in its key, and none is imported for it."""
    libraries = keys.software("extractors.embedding", "none")["libraries"]
    assert {"torch", "timm", "torchvision", "openvino", "pillow", "numpy", "opencv-python-headless"} <= set(libraries)
    assert "not installed" not in libraries.values()
