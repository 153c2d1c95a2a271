"""A network of torch as OpenVINO's, written to a folder and checked against torch."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from extractors.networks.inference.openvino_runtime import compiled, core, openvino

if TYPE_CHECKING:
    from extractors.networks.backbones.backbone import Backbone

MODEL = "model.xml"
WEIGHTS = "model.bin"

TOLERANCE = 1e-4
"""Largest difference of a feature from torch's, as a share of the largest feature; measured: about 1e-6."""


STARVED = re.compile(r"bad_?\s?alloc|(not enough|out of|insufficient|allocate) memory", re.IGNORECASE)
"""What torch and OpenVINO say, in errors of no type of their own, where memory did not do."""

_PLACE = re.compile(r"(Check '.*' failed at|Exception from) .*:$")


class UnconvertibleError(Exception):
    """OpenVINO cannot compute the network, or computes something else than torch; the message says why."""


def write_network(backbone: Backbone, folder: Path) -> None:
    """Write `MODEL` and `WEIGHTS`: the network for one image, in single precision.

    Raises
    ------
    UnconvertibleError
        The network cannot be converted, or its features differ from torch's by more than `TOLERANCE`.
    MemoryError
        There is not enough memory now; that says nothing of the network.
    OSError
        The folder cannot be written.
    """
    # OpenVINO's own `convert_model` is not used: it reports to an analytics service.
    try:
        model = _converted(backbone)
    except Exception as error:  # tracing runs the code of any model, and the converter fails in ways of its own
        raise refusal(error) from error
    try:
        openvino().save_model(model, str(folder / MODEL), compress_to_fp16=False)
        written = core().read_model(str(folder / MODEL))
    except RuntimeError as error:
        raise OSError(
            f"{folder}: the converted network cannot be written; is the disk full? ({reason(error)})"
        ) from error
    _check(backbone, written)


def _converted(backbone: Backbone) -> Any:
    import torch  # noqa: PLC0415 - heavy

    openvino()
    from openvino.frontend import FrontEndManager  # noqa: PLC0415 - heavy
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415 - heavy

    image = torch.from_numpy(_check_images(backbone)[:1])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a traced network is for one size only is meant
        tracer: Any = torch.jit
        traced = tracer.trace(backbone.module, image, strict=False, check_trace=False)
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced)  # the front end does not keep it alive
    model = frontend.convert(frontend.load(decoder))
    model.reshape(list(image.shape))
    return model


def _check(backbone: Backbone, model: Any) -> None:
    import torch  # noqa: PLC0415 - heavy

    images = _check_images(backbone)
    with torch.inference_mode():
        expected = backbone.module(torch.from_numpy(images)).numpy()
    try:
        request = compiled(model, threads=1, precision="f32").create_infer_request()
        features = np.concatenate([request.infer({0: image[None]})[0] for image in images])
    except RuntimeError as error:
        raise refusal(error) from error
    if features.shape != expected.shape:
        raise UnconvertibleError(f"its features have shape {features.shape}, torch's {expected.shape}")
    off, largest = np.abs(features - expected).max(), np.abs(expected).max()
    if not off <= TOLERANCE * largest:  # so that NaN is refused too
        raise UnconvertibleError(f"its features are off torch's by {off:.1e}, the largest being {largest:.1e}")


def _check_images(backbone: Backbone) -> npt.NDArray[np.uint8]:
    """Two images that any network tells apart: noise, and a bright disc on black as a cell is."""
    height, width = backbone.view.size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    disc = (rows**2 + columns**2 < 0.5)[..., None] * np.array([190, 120, 170], dtype=np.uint8)
    return np.stack([noise, disc.astype(np.uint8)])


def refusal(error: Exception) -> Exception:
    """What to raise for an error of OpenVINO or torch: one of memory must not count as a property of the network."""
    if isinstance(error, MemoryError) or STARVED.search(str(error)):
        return MemoryError(f"not enough memory for the network in OpenVINO ({reason(error)}); try fewer --jobs")
    return UnconvertibleError(reason(error))


def reason(error: BaseException) -> str:
    """What an error of OpenVINO or torch says, in one line, without the place in their source where it was raised."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = "; ".join(line for line in lines if line and not _PLACE.match(line))
    return said[:200] or type(error).__name__
