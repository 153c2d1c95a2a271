"""OpenVINO, imported with telemetry disabled."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from typing import Any

_TELEMETRY = "openvino.tools.ovc"
"""Module that reports each import of OpenVINO to an analytics service; OpenVINO works without it."""


@lru_cache(maxsize=1)
def openvino() -> Any:
    """Import the package `openvino` without its telemetry.

    `openvino.tools.ovc` is hidden only during this import; other code can still import it by name.
    """
    hidden = "openvino" not in sys.modules and _TELEMETRY not in sys.modules
    if hidden:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # makes an import of this module fail
    try:
        import_module("openvino.properties.hint")
    finally:
        if hidden:
            del sys.modules[_TELEMETRY]
    return sys.modules["openvino"]


@lru_cache(maxsize=1)
def core() -> Any:
    """Return the `openvino.Core` of this process."""
    return openvino().Core()


def compile_model(model: Any, *, threads: int, precision: str) -> Any:
    """Compile a model for the CPU: one image at a time on each of `threads` threads.

    Parameters
    ----------
    model : openvino.Model
        With static shapes.
    threads : int
        Each thread computes whole images, so that features do not depend on the number of threads.
    precision : {"f32", "bf16"}

    Raises
    ------
    RuntimeError
        OpenVINO does not support the model.
    """
    package = openvino()
    properties, hint = package.properties, package.properties.hint
    settings = {
        hint.inference_precision(): getattr(package.Type, precision),
        properties.num_streams(): threads,
        properties.inference_num_threads(): threads,
        # Several worker processes would all pin their threads to the same cores.
        hint.enable_cpu_pinning(): False,
    }
    return core().compile_model(model, "CPU", settings)


def has_native_bf16() -> bool:
    """Whether this CPU has bf16 instructions; without them OpenVINO emulates bf16."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
