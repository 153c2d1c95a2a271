from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from extractors.files.digests import file_digest
from extractors.networks import devices
from extractors.networks.backbones.backbone import Backbone, BackboneSpec
from extractors.networks.inference import conversion, select_engine
from extractors.networks.inference.network_cache import cached_networks
from extractors.networks.inference.openvino_engine import OpenVINOEngine
from extractors.networks.inference.select_engine import open_engine
from extractors.networks.inference.torch_engine import TorchEngine


def failing_conversion(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make conversions fail with an error of OpenVINO; the list collects the attempts."""
    attempts = []

    def fail(backbone: Backbone) -> Any:
        attempts.append(backbone.spec.model)
        raise RuntimeError("Check 'false' failed at src/frontends/x.cpp:7:\nNo rule for aten::odd\n")

    monkeypatch.setattr(conversion, "_convert", fail)
    return attempts


def test_torch_is_used_with_a_notice_if_openvino_does_not_support_a_network(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, spec: BackboneSpec, images: npt.NDArray[np.uint8]
) -> None:
    attempts = failing_conversion(monkeypatch)
    engine = open_engine(spec)
    assert isinstance(engine, TorchEngine)
    assert engine.notices == (
        "test_efficientnet: not supported by OpenVINO (No rule for aten::odd); computed by torch",
    )
    plain = open_engine(spec, engine="torch")
    assert plain.notices == ()
    assert np.array_equal(list(engine.features(images)), list(plain.features(images)))
    with pytest.raises(ValueError, match=r"test_efficientnet: not supported by OpenVINO \(No rule for aten::odd\)"):
        open_engine(spec, engine="openvino")
    select_engine._engine.cache_clear()
    assert open_engine(spec).notices == engine.notices
    assert attempts == ["test_efficientnet"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("Exception from src/inference/src/cpp/core.cpp:92:\nstd::bad_alloc\n"),
    ],
)
def test_exhausted_memory_is_not_cached_as_unsupported(
    empty_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    spec: BackboneSpec,
    error: Exception,
) -> None:
    def fail(backbone: Backbone) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_convert", fail)
        with pytest.raises(MemoryError, match=r"not enough memory for the network in OpenVINO .*fewer --jobs"):
            open_engine(spec)
    assert cached_networks() == []
    request.getfixturevalue("fast_conversion")
    assert isinstance(open_engine(spec), OpenVINOEngine)


@pytest.mark.parametrize("shift", [1e-3, float("nan")])
def test_a_conversion_with_different_features_is_rejected(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, spec: BackboneSpec, backbone: Backbone, shift: float
) -> None:
    converted = conversion._convert

    def shifted(backbone: Backbone) -> Any:
        from openvino import opset13  # noqa: PLC0415 - heavy

        model = converted(backbone)
        result = model.get_results()[0]
        source = result.input_value(0)
        one = 10 * np.ones((1, 1), dtype=np.float32) * shift
        result.input(0).replace_source_output(opset13.add(source, opset13.constant(one)).output(0))
        return model

    monkeypatch.setattr(conversion, "_convert", shifted)
    (notice,) = open_engine(spec).notices
    assert "its features differ from torch's by" in notice


def test_contradicting_options_raise(monkeypatch: pytest.MonkeyPatch, spec: BackboneSpec) -> None:
    with pytest.raises(ValueError, match="engine=onnx is not known; it is one of auto, openvino, torch"):
        open_engine(spec, engine="onnx")
    with pytest.raises(ValueError, match="precision=f16 is not known; it is one of f32, bf16"):
        open_engine(spec, precision="f16")
    with pytest.raises(ValueError, match="threads must be at least 1; it is 0"):
        open_engine(spec, threads=0)
    with pytest.raises(ValueError, match="engine=openvino runs on the CPU"):
        open_engine(spec, engine="openvino", device="cuda")
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    with pytest.raises(ValueError, match="device=cuda, but this machine has no NVIDIA GPU"):
        open_engine(spec, device="cuda")


def test_a_gpu_that_torch_cannot_use_raises(monkeypatch: pytest.MonkeyPatch, spec: BackboneSpec) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="there is a GPU, but the installed torch cannot use it"):
        open_engine(spec)


def test_an_engine_is_cached_until_its_weights_change(tmp_path: Path, empty_cache: Path, backbone: Backbone) -> None:
    import timm  # noqa: PLC0415 - heavy, and needed here alone
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    spec = BackboneSpec("test_efficientnet")
    image = np.random.default_rng(3).integers(0, 256, (1, *backbone.transform.size, 3), dtype=np.uint8)
    rows = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "test_efficientnet.safetensors")
        engine = open_engine(spec, weights_dir=tmp_path)
        assert open_engine(spec, weights_dir=tmp_path) is engine
        rows += list(engine.features(image))
    assert not np.allclose(rows[0], rows[1])


def _weights(file: Path, seed: int) -> Path:
    import timm  # noqa: PLC0415 - heavy, and needed here alone
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        save_file(timm.create_model("test_efficientnet").state_dict(), file)
    return file


def test_converted_networks_are_identified_by_content(tmp_path: Path, empty_cache: Path) -> None:
    """Features of a copy of the weights come from the same converted network, and name the digest of the bytes."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    first = _weights(folders[0] / "test_efficientnet.safetensors", 1)
    shutil.copy(first, folders[1])
    spec = BackboneSpec("test_efficientnet")
    digests = {open_engine(spec, weights_dir=folder).weights_sha256 for folder in folders}
    assert digests == {file_digest(first)}
    assert len(cached_networks()) == 1


@pytest.mark.parametrize("engine", ["torch", "auto"])
def test_weights_that_are_replaced_before_they_are_loaded_raise(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    file = _weights(tmp_path / "test_efficientnet.safetensors", 1)

    def digest_then_replace(path: Path) -> str:
        digest = file_digest(path)
        _weights(path, 2)
        return digest

    monkeypatch.setattr(select_engine, "cached_file_digest", digest_then_replace)
    with pytest.raises(ValueError, match=rf"{file}: changed since it was scanned; run the command again"):
        open_engine(BackboneSpec("test_efficientnet"), engine=engine, weights_dir=tmp_path)
    assert cached_networks() == []
