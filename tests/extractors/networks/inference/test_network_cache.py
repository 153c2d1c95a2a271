from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone
from extractors.networks.inference import network_cache
from extractors.networks.inference.conversion import MODEL, WEIGHTS
from extractors.networks.inference.network_cache import cached_networks, converted_network, network_key, remove
from extractors.networks.inference.openvino_engine import OpenVINOEngine

SPEC = BackboneSpec("test_efficientnet", weights="random")

OPENING = """
import sys
from extractors.networks.backbones.backbone import BackboneSpec
from extractors.networks.inference.select_engine import open_engine
engine = open_engine(BackboneSpec("test_efficientnet", weights="random"))
print(type(engine).__name__, engine.width, sorted({"torch", "timm", "torchvision"} & set(sys.modules)))
"""

EMBEDDING = """
import sys
import numpy as np
from extractors.cells import Cell
from extractors.embedding import Embedding
features = Embedding("test_efficientnet", weights="random").transform([Cell("c", np.full((30, 30, 3), 99, np.uint8))])
print(features.shape, sorted({"torch", "timm", "torchvision", "openvino_telemetry"} & set(sys.modules)))
"""


class Loading:
    """Returns a backbone and counts the calls."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone, self.times = backbone, 0

    def __call__(self) -> Backbone:
        self.times += 1
        return self.backbone


def computed(loading: Loading, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    with converted_network(loading.backbone.spec, None, loading) as network:
        assert network.unsupported is None
        engine = OpenVINOEngine(network, threads=1, precision="f32")
    return np.stack(list(engine.features(images)))


@pytest.mark.usefixtures("fast_conversion")
def test_a_network_is_converted_once(empty_cache: Path, backbone: Backbone, images: npt.NDArray[np.uint8]) -> None:
    loading = Loading(backbone)
    first = computed(loading, images)
    assert np.array_equal(computed(loading, images), first)
    assert loading.times == 1
    (cached,) = cached_networks()
    assert cached.folder.parent.parent == empty_cache
    assert "test_efficientnet" in cached.model
    assert cached.bytes == sum(file.stat().st_size for file in cached.folder.iterdir()) > 100_000
    assert not list(cached.folder.parent.glob(".unfinished*"))


def test_the_torch_network_is_released_after_conversion(empty_cache: Path) -> None:
    seen: list[weakref.ref[Any]] = []

    def load() -> Backbone:
        backbone = load_backbone(SPEC)
        seen.append(weakref.ref(backbone.module))
        return backbone

    with converted_network(SPEC, None, load) as network:
        assert network.unsupported is None
        assert seen[0]() is None


@pytest.mark.usefixtures("fast_conversion")
def test_the_last_use_is_recorded_and_a_network_can_be_removed(empty_cache: Path, backbone: Backbone) -> None:
    loading = Loading(backbone)
    with converted_network(backbone.spec, None, loading) as network:
        os.utime(network.folder / "network.json", (1, 1))
    assert cached_networks()[0].used == 1
    with converted_network(backbone.spec, None, loading):
        pass
    assert cached_networks()[0].used > 1e9
    remove(cached_networks()[0])
    assert cached_networks() == []


@pytest.mark.usefixtures("fast_conversion")
@pytest.mark.parametrize(
    ("file", "harm"), [(WEIGHTS, "flip"), (MODEL, "flip"), (WEIGHTS, "cut"), (MODEL, "remove"), ("network.json", "cut")]
)
def test_a_damaged_network_is_converted_again(
    empty_cache: Path, backbone: Backbone, images: npt.NDArray[np.uint8], file: str, harm: str
) -> None:
    loading = Loading(backbone)
    first = computed(loading, images)
    path = cached_networks()[0].folder / file
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 255
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(content if harm == "flip" else content[:middle])
    assert np.array_equal(computed(loading, images), first)
    assert loading.times == 2
    computed(loading, images[:1])
    assert loading.times == 2


@pytest.mark.usefixtures("fast_conversion")
def test_an_invalid_record_is_ignored(empty_cache: Path, backbone: Backbone) -> None:
    with converted_network(backbone.spec, None, Loading(backbone)) as network:
        path = network.folder / "network.json"
    valid = json.loads(path.read_text())
    assert network_cache._read(path.parent) is not None
    for record in ([], {}, None, {**valid, "digests": 3}, {**valid, "transform": {}}, {**valid, "width": "many"}):
        path.write_text(json.dumps(record))
        assert network_cache._read(path.parent) is None
    path.write_text(json.dumps(valid) + " " * 2**20)
    assert network_cache._read(path.parent) is None


@pytest.mark.usefixtures("fast_conversion")
def test_a_read_only_cache_is_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, images: npt.NDArray[np.uint8]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "file" / "cache"))
    loading = Loading(backbone)
    first = computed(loading, images)
    assert np.array_equal(computed(loading, images), first)
    assert loading.times == 2


@pytest.mark.usefixtures("fast_conversion")
def test_a_full_disk_is_not_an_error(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, images: npt.NDArray[np.uint8]
) -> None:
    loading = Loading(backbone)
    write = network_cache.write_network

    def full(backbone: Backbone, folder: Path) -> None:
        write(backbone, folder)
        if folder.is_relative_to(empty_cache):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(network_cache, "write_network", full)
        first = computed(loading, images)
    assert cached_networks() == []
    assert not list((empty_cache / "networks").glob(".unfinished*"))
    assert np.array_equal(computed(loading, images), first)


@pytest.mark.usefixtures("fast_conversion")
def test_files_of_a_killed_process_are_removed(empty_cache: Path, backbone: Backbone) -> None:
    abandoned = empty_cache / "networks" / f".unfinished-{network_key(backbone.spec, None)}-abc"
    running = empty_cache / "networks" / ".unfinished-another-abc"
    for folder in (abandoned, running):
        folder.mkdir(parents=True)
        (folder / MODEL).write_text("half")
    with converted_network(backbone.spec, None, Loading(backbone)):
        pass
    assert not abandoned.exists()
    assert running.exists()
    assert len(cached_networks()) == 1


def test_the_key_depends_on_all_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights count by their content, wherever they are."""
    spec = BackboneSpec("test_vit", weights="random")
    keys = [network_key(spec, None), network_key(BackboneSpec("test_vit", weights="random", pool="cls"), None)]
    keys += [network_key(spec, "1" * 64), network_key(spec, "2" * 64)]
    monkeypatch.setattr(network_cache, "version", lambda name: "0")
    keys.append(network_key(spec, None))
    monkeypatch.setattr(network_cache, "_code_digest", lambda: "other")
    keys.append(network_key(spec, None))
    assert len(set(keys)) == 6
    assert keys[-1] == network_key(spec, None)


def test_one_of_two_processes_converts_and_a_third_imports_no_torch(empty_cache: Path) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", OPENING], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    output = sorted(process.communicate()[0].strip() for process in both)
    assert output == ["OpenVINOEngine 256 ['timm', 'torch', 'torchvision']", "OpenVINOEngine 256 []"]
    (record,) = empty_cache.glob("networks/*/network.json")
    assert json.loads(record.read_text())["width"] == 256
    warm = subprocess.run([sys.executable, "-c", EMBEDDING], check=True, capture_output=True, text=True)
    assert warm.stdout == "(1, 256) []\n"
