"""Where networks are computed: `--device` becomes the processor or a GPU."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import BenchError
from bench.plugins.registry import Plugin
from extractors.networks.devices import resolved_device

NO_GPU = "no GPU was found: networks are computed on the processor"


def device_of(asked: str) -> str:
    """The device that `--device` stands for on this machine.

    Parameters
    ----------
    asked : {"auto", "cpu", "cuda"}
        `auto` takes a GPU where there is one.

    Returns
    -------
    str
        `cpu` or `cuda`.

    Raises
    ------
    BenchError
        A GPU is asked for, and there is none.
    """
    try:
        return resolved_device(asked)
    except ValueError as error:
        raise BenchError(
            f"--device {asked}: no NVIDIA GPU was found on this machine, or no driver for it; leave out --device, or "
            "say --device cpu"
        ) from error


def missing_gpu_notice(asked: str, extractors: Iterable[Plugin]) -> str:
    """What a person should know before extractors compute: that a network could use a GPU, and none is there.

    Parameters
    ----------
    asked : {"auto", "cpu", "cuda"}
        Whoever asks for the processor needs not be told.
    extractors : iterable of Plugin
        Those that have features to extract.

    Returns
    -------
    str
        A sentence; empty where there is nothing to tell.
    """
    concerned = asked == "auto" and any("device" in extractor.accepts for extractor in extractors)
    return NO_GPU if concerned and device_of(asked) == "cpu" else ""
