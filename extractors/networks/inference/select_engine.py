"""Selection of the engine: OpenVINO on the CPU, torch on a GPU and for networks that OpenVINO does not support."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from extractors.files.digest_cache import cached_file_digest
from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.devices import resolved_device
from extractors.networks.inference.conversion import UnconvertibleError
from extractors.networks.inference.cuda_engine import CudaEngine
from extractors.networks.inference.engine import Engine
from extractors.networks.inference.network_cache import converted_network
from extractors.networks.inference.openvino_engine import OpenVINOEngine
from extractors.networks.inference.torch_engine import TorchEngine
from extractors.networks.weights.resolve import config_digest, weights_file

ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("f32", "bf16")


def open_engine(
    spec: BackboneSpec,
    *,
    engine: str = "auto",
    precision: str = "f32",
    device: str = "auto",
    threads: int = 1,
    weights_dir: str | Path | None = None,
) -> Engine:
    """Open an engine for a network; the most recent ones stay in memory.

    The file of the weights is identified by its content: an engine whose weights have another digest than the file has
    now is not used.

    Parameters
    ----------
    spec : BackboneSpec
    engine : {"auto", "openvino", "torch"}
        `auto` is torch on a GPU and OpenVINO on the CPU; if OpenVINO does not support the network, torch is used and a
        notice is added.
    precision : {"f32", "bf16"}
    device : {"auto", "cpu", "cuda"}
        `auto` is the GPU if there is one, unless `engine="openvino"`.
    threads : int
        CPU threads.
    weights_dir : str or Path, optional
        See `extractors.networks.weights.resolve.weights_file`.

    Raises
    ------
    ValueError
        A parameter is unknown or contradicts another, OpenVINO is required but does not support the network, or an
        error of `load_backbone`.
    OSError
        The weights are not available or cannot be read.
    """
    for name, value, known in (("engine", engine, ENGINES), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ValueError(f"{name}={value} is not known; it is one of {', '.join(known)}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1; it is {threads}")
    if engine == "openvino":
        if device == "cuda":
            raise ValueError("engine=openvino runs on the CPU: use --device cpu, or engine=torch")
        device = "cpu"
    file = weights_file(spec.model, spec.weights, weights_dir)
    sha256 = None if file is None else cached_file_digest(file)
    folder = None if weights_dir is None else Path(weights_dir)
    spec = replace(spec, config=config_digest(spec.model))
    opened = _engine(spec, engine, precision, resolved_device(device), threads, folder, sha256)
    opened.weights_sha256 = sha256
    opened.config_sha256 = spec.config
    return opened


@lru_cache(maxsize=2)
def _engine(  # noqa: PLR0917 - positional arguments are the key of the cache
    spec: BackboneSpec,
    engine: str,
    precision: str,
    device: str,
    threads: int,
    weights_dir: Path | None,
    sha256: str | None,
) -> Engine:
    load = partial(load_backbone, spec, weights_dir, sha256=sha256)
    if device == "cuda":
        _require_cuda()
        return CudaEngine(load(), precision=precision)
    if engine == "torch":
        return TorchEngine(load(), threads=threads, precision=precision)
    try:
        with converted_network(spec, sha256, load) as network:
            if network.unsupported is not None:
                raise UnconvertibleError(network.unsupported)
            return OpenVINOEngine(network, threads=threads, precision=precision)
    except UnconvertibleError as error:
        if engine == "openvino":
            raise ValueError(
                f"{spec.model}: not supported by OpenVINO ({error}); use engine=torch or engine=auto"
            ) from error
        notice = f"{spec.model}: not supported by OpenVINO ({error}); computed by torch"
    return TorchEngine(load(), threads=threads, precision=precision, notices=(notice,))


def _require_cuda() -> None:
    import torch  # noqa: PLC0415 - heavy

    if not torch.cuda.is_available():
        raise ValueError(
            "there is a GPU, but the installed torch cannot use it (a CPU build, or a build for a newer driver); "
            "install another build, or use --device cpu"
        )
