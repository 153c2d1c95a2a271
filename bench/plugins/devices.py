"""Device of networks: resolve `--device` to CPU or GPU."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import BenchError
from bench.plugins.registry import Plugin
from extractors.networks.devices import check_gpus, resolved_device

NO_GPU = "no GPU is available: networks run on the CPU"


def device_of(device: str) -> str:
    """Resolve `--device` on this machine.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        `auto` selects a GPU if there is one.

    Returns
    -------
    str
        `cpu` or `cuda`.

    Raises
    ------
    BenchError
        A GPU is requested and there is none.
    """
    try:
        return resolved_device(device)
    except ValueError as error:
        raise BenchError(
            f"--device {device}: this machine has no NVIDIA GPU, or no driver for it; leave out --device, or use "
            "--device cpu"
        ) from error


def check_gpus_per_fit(number: int, device: str) -> None:
    """Check that the machine has the GPUs of `--gpus-per-fit`.

    Raises
    ------
    BenchError
        It has fewer.
    """
    try:
        check_gpus(number, device_of(device))
    except ValueError as error:
        raise BenchError(f"--gpus-per-fit {number}: {error}") from error


def key_device(plugin: Plugin, device: str, gpus_per_fit: int) -> str | None:
    """Return the device of a plugin for keys, such as `cuda x 2` for a fit on two GPUs; None if it takes none.

    Parameters
    ----------
    plugin : Plugin
        Extractor or classifier.
    device : {"cpu", "cuda"}
        A resolved device.
    gpus_per_fit : int
        GPUs of each fit. Each has a part of every batch, so that sums are rounded otherwise.
    """
    parts = (plugin, *plugin.nested)
    if not any("device" in part.accepts for part in parts):
        return None
    several = gpus_per_fit > 1 and any("gpus_per_fit" in part.accepts for part in parts)
    return f"{device} x {gpus_per_fit}" if several else device


def missing_gpu_notice(device: str, plugins: Iterable[Plugin]) -> str:
    """Return a notice if an extractor or classifier could use a GPU and there is none.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Value of `--device`; there is no notice for `cpu`.
    plugins : iterable of Plugin
        Extractors and classifiers that will run.

    Returns
    -------
    str
        The notice, or an empty string.
    """
    relevant = device == "auto" and any("device" in plugin.accepts for plugin in plugins)
    return NO_GPU if relevant and device_of(device) == "cpu" else ""
