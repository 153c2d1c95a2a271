"""Pretrained weights of the networks of a plugin: name of the network and digest of the file, for keys and reports."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.plugins.plugin import Plugin
from extractors.files.digest_cache import cached_file_digest

NO_NETWORK: dict[str, str | None] = {"model": None, "weights": None}


def network_identity(plugin: Plugin, *, weights_dir: str | None) -> dict[str, str | None]:
    """Return `model`, the full name with the tag of the weights, and `weights`, the SHA-256 of their file.

    Both are None for a class without the method `weights_file`; `weights` is None for random weights. A network of a
    hub or a folder also has `config`, the SHA-256 of its configuration, and one of an optional package `package`, with
    its version.

    Parameters
    ----------
    plugin : Plugin
        Extractor or classifier.
    weights_dir : str or None
        Folder that is searched first for weights.

    Raises
    ------
    BenchError
        The weights are not available.
    """
    if not plugin.has("weights_file"):
        return dict(NO_NETWORK)
    network = plugin.build(weights_dir=weights_dir)
    try:
        path = network.weights_file()
        model = str(network.full_name()) if hasattr(network, "full_name") else None
        optional = {"config": "config_digest", "package": "package_version"}
        values = {name: getattr(network, method)() for name, method in optional.items() if hasattr(network, method)}
        known = {name: str(value) for name, value in values.items() if value is not None}
        return {"model": model, "weights": None if path is None else cached_file_digest(Path(path)), **known}
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error


def nested_networks(plugin: Plugin, *, weights_dir: str | None) -> list[dict[str, str | None]]:
    """Return the identities of the networks with pretrained weights that are nested in a plugin, in their order.

    Raises
    ------
    BenchError
        The weights are not available.
    """
    networks = (network_identity(one, weights_dir=weights_dir) for one in plugin.nested)
    return [network for network in networks if network["weights"] is not None]
