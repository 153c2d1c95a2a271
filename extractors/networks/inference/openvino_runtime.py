"""OpenVINO, imported so that it sends no word to its makers."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

_REPORTING = "openvino.tools.ovc"
"""Reports each import of OpenVINO to an analytics service; OpenVINO itself does without it where it is not there."""


@lru_cache(maxsize=1)
def openvino() -> Any:
    """The package `openvino`, without the part that reports its use to an address on the internet.

    That part is hidden only while the package is imported: a program that wants `openvino.tools.ovc` can still import
    it by its name.
    """
    if "openvino" not in sys.modules and _REPORTING not in sys.modules:
        sys.modules[_REPORTING] = None  # type: ignore[assignment]  # what makes an import fail, by the language's rule
        try:
            import openvino as package  # noqa: PLC0415 - heavy
        finally:
            del sys.modules[_REPORTING]
    else:
        import openvino as package  # noqa: PLC0415 - heavy
    import openvino.properties.hint  # noqa: PLC0415 - heavy

    return package


@lru_cache(maxsize=1)
def core() -> Any:
    """The one `openvino.Core` of this process."""
    return openvino().Core()


def compiled(model: Any, *, threads: int, precision: str) -> Any:
    """A model made ready for the processor: one image at a time on each of `threads` threads.

    Parameters
    ----------
    model : openvino.Model
        Of static shapes.
    threads : int
        Each computes an image of its own, so that the bits of a feature do not depend on their number.
    precision : {"f32", "bf16"}

    Raises
    ------
    RuntimeError
        OpenVINO cannot run the model.
    """
    package = openvino()
    properties, hint = package.properties, package.properties.hint
    settings = {
        hint.inference_precision(): getattr(package.Type, precision),
        properties.num_streams(): threads,
        properties.inference_num_threads(): threads,
        # Each of several worker processes would pin its threads to the same cores.
        hint.enable_cpu_pinning(): False,
    }
    return core().compile_model(model, "CPU", settings)


def computes_bf16() -> bool:
    """Whether this processor has units for bf16; without them OpenVINO emulates it."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
