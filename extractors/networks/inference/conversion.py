"""Conversion of torch networks to OpenVINO, verified against torch."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extractors.arrays import UInt8Array
from extractors.networks.inference.openvino_runtime import compile_model, core, openvino

if TYPE_CHECKING:
    from extractors.networks.backbones.backbone import Backbone

MODEL = "model.xml"
WEIGHTS = "model.bin"

TOLERANCE = 1e-4
"""Largest accepted difference from torch's features, relative to the largest feature; measured: about 1e-6."""

OUT_OF_MEMORY = re.compile(r"bad_?\s?alloc|(not enough|out of|insufficient|allocate) memory", re.IGNORECASE)
"""Messages of torch and OpenVINO for exhausted memory, which have no exception type."""

_SOURCE_LOCATION = re.compile(r"(Check '.*' failed at|Exception from) .*:$")


class UnconvertibleError(Exception):
    """OpenVINO does not support the network, or its features differ from torch's; the message gives the reason."""


def write_network(backbone: Backbone, folder: Path) -> None:
    """Convert a network for one image in single precision and write `MODEL` and `WEIGHTS`.

    Raises
    ------
    UnconvertibleError
        The network cannot be converted, or its features differ from torch's by more than `TOLERANCE`.
    MemoryError
        Not enough free memory; the network itself may be convertible.
    OSError
        The folder cannot be written.
    """
    # OpenVINO's own `convert_model` is not used: it sends telemetry.
    try:
        model = _convert(backbone)
    except Exception as error:  # tracing runs the code of any model, and the converter raises various exceptions
        raise conversion_error(error) from error
    try:
        openvino().save_model(model, str(folder / MODEL), compress_to_fp16=False)
        written = core().read_model(str(folder / MODEL))
    except RuntimeError as error:
        raise OSError(
            f"{folder}: the converted network cannot be written; is the disk full? ({reason(error)})"
        ) from error
    _check(backbone, written)


def _convert(backbone: Backbone) -> Any:
    import torch  # noqa: PLC0415 - heavy

    openvino()
    from openvino.frontend import FrontEndManager  # noqa: PLC0415 - heavy
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415 - heavy

    image = torch.from_numpy(_check_images(backbone)[:1])
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # a network for one input size is intended
        tracer: Any = torch.jit
        traced = tracer.trace(backbone.module, image, strict=False, check_trace=False)
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced)  # a variable, because the front end does not keep it alive
    model = frontend.convert(frontend.load(decoder))
    model.reshape(list(image.shape))
    return model


def _check(backbone: Backbone, model: Any) -> None:
    import torch  # noqa: PLC0415 - heavy

    images = _check_images(backbone)
    with torch.inference_mode():
        expected = backbone.module(torch.from_numpy(images)).numpy()
    try:
        request = compile_model(model, threads=1, precision="f32").create_infer_request()
        features = np.concatenate([request.infer({0: image[None]})[0] for image in images])
    except RuntimeError as error:
        raise conversion_error(error) from error
    if features.shape != expected.shape:
        raise UnconvertibleError(f"its features have shape {features.shape}, torch's {expected.shape}")
    difference, largest = np.abs(features - expected).max(), np.abs(expected).max()
    if not difference <= TOLERANCE * largest:  # also true for NaN
        raise UnconvertibleError(
            f"its features differ from torch's by {difference:.1e}; the largest feature is {largest:.1e}"
        )


def _check_images(backbone: Backbone) -> UInt8Array:
    """Two images with different features in any network: noise, and a bright disc on black, similar to a cell."""
    height, width = backbone.transform.size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    disc = (rows**2 + columns**2 < 0.5)[..., None] * np.array([190, 120, 170], dtype=np.uint8)
    return np.stack([noise, disc.astype(np.uint8)])


def conversion_error(error: Exception) -> Exception:
    """Convert an error of OpenVINO or torch to `MemoryError` or `UnconvertibleError`; only the latter is cached."""
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
        return MemoryError(f"not enough memory for the network in OpenVINO ({reason(error)}); try fewer --jobs")
    return UnconvertibleError(reason(error))


def reason(error: BaseException) -> str:
    """Message of an error of OpenVINO or torch in one line, without source locations."""
    lines = [line.strip() for line in str(error).splitlines()]
    message = "; ".join(line for line in lines if line and not _SOURCE_LOCATION.match(line))
    return message[:200] or type(error).__name__
