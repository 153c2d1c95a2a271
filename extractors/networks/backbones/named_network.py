"""Networks by name: their library, their weights, and a check of the input size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.weights.loading import State, read_weights
from extractors.networks.weights.registry import Library, model_entry, without_tag
from extractors.networks.weights.resolve import config_digest, full_name, weights_file

if TYPE_CHECKING:
    import torch
    from torch import nn


class NetworkLibrary(Protocol):
    """Functions of the modules `*_networks`; `full` is `NAME`, `NAME.TAG`, or a repository or folder."""

    def strict_network(self, full: str, state: State | None) -> nn.Module:
        """Build the network without its head and load its weights."""

    def image_transform(self, network: nn.Module, full: str, size: int | None) -> ResizeCrop:
        """Return its image transform."""

    def pooled(
        self, network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None
    ) -> nn.Module:
        """Return the network from normalised images to its pooled feature."""

    def feature_map(self, network: nn.Module, full: str) -> nn.Module:
        """Return the network from normalised images to its last feature map."""

    def size_hint(self, network: nn.Module, size: int) -> str:
        """Suggest sizes that the network accepts."""


@dataclass(frozen=True)
class NamedNetwork:
    """A network without its last layers.

    Parameters
    ----------
    full : str
        `NAME`, or `NAME.TAG` where weights are published.
    library : NetworkLibrary
        The functions of its library.
    module : torch.nn.Module
    file : Path or None
        File of the weights; None: random.
    """

    full: str
    library: NetworkLibrary
    module: nn.Module
    file: Path | None

    @property
    def name(self) -> str:
        """Name without tag."""
        return without_tag(self.full)


def named_network(
    model: str,
    weights: str,
    weights_dir: str | Path | None = None,
    *,
    sha256: str | None = None,
    config: str | None = None,
    load: bool = True,
) -> NamedNetwork:
    """Build a network and load its weights; random ones are drawn from torch's global generator.

    Parameters
    ----------
    model, weights, weights_dir
        See `extractors.networks.weights.resolve.weights_file`.
    sha256 : str, optional
        Expected digest of the file of the weights.
    config : str, optional
        Expected digest of the `config.json` of a repository or folder.
    load : bool
        Whether to load the weights; other ones are loaded by the caller if not.

    Raises
    ------
    ValueError
        Unknown model or tag; a file of another model, or with another digest.
    OSError
        The weights are not available or cannot be read.
    """
    full = full_name(model, weights)
    name = without_tag(full)
    if config is not None and config_digest(full) != config:
        raise ValueError(f"{full}: its config.json changed since it was scanned; run the command again")
    file = weights_file(model, weights, weights_dir) if load else None
    state = None if file is None else read_weights(file, sha256=sha256)
    library = _libraries()[model_entry(name).library]
    try:
        network = library.strict_network(full, state)
    except (KeyError, ValueError) as error:
        if file is None:
            raise
        raise ValueError(f"{file}: not the weights of {name}: {error.args[0]}") from error
    return NamedNetwork(full, library, network, file)


def feature_width(network: NamedNetwork, run: Callable[[], torch.Tensor], size: int | None) -> int:
    """Compute features and return their length.

    Parameters
    ----------
    network, run, size
        See `output_shape`.

    Raises
    ------
    ValueError
        The network rejects the images, or its feature is not a vector.
    """
    name, shape = network.name, output_shape(network, run, size)
    if len(shape) != 2:
        raise ValueError(
            f"{name} has no pooled feature: for one image it returns an array of shape {shape}; "
            f"try {name}[pool=avg] or [pool=flatten]"
        )
    return shape[1]


def output_shape(network: NamedNetwork, run: Callable[[], torch.Tensor], size: int | None) -> tuple[int, ...]:
    """Compute an output of a network and return its shape.

    Parameters
    ----------
    network : NamedNetwork
    run : callable
        Returns the output for images of `size`.
    size : int or None
        Side of the images in pixels, for the message; None: the size of the weights.

    Raises
    ------
    ValueError
        The network rejects the images.
    """
    import torch  # noqa: PLC0415 - heavy

    name = network.name
    try:
        with torch.no_grad():
            return tuple(run().shape)
    except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        problem = " ".join(str(error).split())
        if size is None:
            raise ValueError(f"{name} has no pooled feature of an RGB image: {problem}") from error
        hint = network.library.size_hint(network.module, size)
        raise ValueError(f"{name} rejects images of {size} x {size} pixels ({problem}); {hint}") from error


def _libraries() -> dict[Library, NetworkLibrary]:
    from extractors.networks.backbones import (  # noqa: PLC0415 - heavy
        foundation_networks,
        hub_networks,
        own_networks,
        timm_networks,
        torchvision_networks,
    )

    return {
        "timm": timm_networks,
        "torchvision": torchvision_networks,
        "cytobench": own_networks,
        "foundation": foundation_networks,
        "hub": hub_networks,
    }
