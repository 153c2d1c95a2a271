"""Architectures of this project as backbones: construction, strict loading of weights and pooling.

Imports torch and timm, so this module is imported only where a network is built.
"""

from __future__ import annotations

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from extractors.networks.architectures.body import Body
from extractors.networks.architectures.builders import BUILDERS
from extractors.networks.architectures.catalogue import ARCHITECTURES, JOINED, check_size
from extractors.networks.architectures.joined import JoinedBodies
from extractors.networks.backbones import timm_networks
from extractors.networks.backbones.forward import Joined, MapPool
from extractors.networks.backbones.pooling import OWN
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.weights.loading import State, load_strictly
from extractors.networks.weights.registry import model_entry


class OwnNetwork(nn.Module):
    """An architecture without its head.

    Parameters
    ----------
    name : str
    body : torch.nn.Module
        Normalised float32 images (n, 3, side, side) to the feature that enters the head.
    """

    def __init__(self, name: str, body: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.body = body

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to float32 features (n, width)."""
        features: torch.Tensor = self.body(images)
        return features


def strict_network(full: str, state: State | None) -> OwnNetwork:
    """Build the network without its head and load `state`; None: keep the random initialisation.

    `state` has the tensors of a trained network, named `body.` and `head.`, or those of the published network that the
    first layers are of, whose other layers then keep their random weights.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, unexpected or of another shape; the message names the first key.
    """
    name = full.partition(".")[0]
    trunk = ARCHITECTURES[name].trunk
    trained = state is not None and (trunk is None or any(key.startswith("body.") for key in state))
    of_trunk = None if trained else state
    if name == JOINED.name:
        network = OwnNetwork(name, _joined_bodies(of_trunk))
    else:
        builder = BUILDERS[name]
        network = OwnNetwork(name, builder.body())
        if of_trunk is not None and builder.load_trunk is not None and isinstance(network.body, Body):
            builder.load_trunk(network.body, of_trunk)
    if state is not None and trained:
        load_strictly(network, state, unused=("head",))
    return network


def image_transform(network: nn.Module, full: str, size: int | None) -> ResizeCrop:
    """Return the transform of the frame: resized to the square input, whatever its aspect ratio.

    Normalisation by the statistics of a training part is not available here, so pixels are only divided by 255.
    """
    name = full.partition(".")[0]
    if name == JOINED.name:
        trunk = network.get_submodule("body.bodies.0")
        return timm_networks.image_transform(trunk, full, size)
    architecture = ARCHITECTURES[name]
    side = architecture.size if size is None else size
    imagenet = architecture.scale == "imagenet"
    return ResizeCrop(
        size=(side, side),
        scaled=(side, side),
        resize="exact",
        interpolation="bilinear",
        mean=IMAGENET_DEFAULT_MEAN if imagenet else (0.0, 0.0, 0.0),
        std=IMAGENET_DEFAULT_STD if imagenet else (1.0, 1.0, 1.0),
        fill=(0, 0, 0),
    )


def pooled(network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None) -> nn.Module:
    """Return the network from normalised images to its pooled feature.

    Raises
    ------
    ValueError
        A layer other than the last, a pooling that the network does not support, or a size below its smallest.
    """
    name = full.partition(".")[0]
    if layer is not None:
        raise ValueError(f"layer={layer}: {name} has no feature stages; use layer=last")
    check_size(name, size)
    if pools == (OWN,):
        return network
    if "cls" in pools:
        raise ValueError(f"{name} cannot be pooled by cls: it has no class token")
    return Joined(feature_map(network, full), [MapPool(pool) for pool in pools])


def feature_map(network: nn.Module, full: str) -> nn.Module:
    """Return the network from normalised images to its last feature map (n, channels, height, width).

    Raises
    ------
    ValueError
        It has no such map.
    """
    name = full.partition(".")[0]
    if not ARCHITECTURES[name].has_map:
        raise ValueError(f"{name} has no last feature map to pool: use pool=default and head=linear or head=mlp")
    return network.get_submodule("body.trunk")


def size_hint(network: nn.Module, _size: int) -> str:
    """Suggest sizes that the network accepts."""
    return ARCHITECTURES[str(network.name)].size_hint


def _joined_bodies(state: State | None) -> JoinedBodies:
    """Build the trunk twice, with the same published weights or with two draws of random ones."""
    entry = model_entry(str(JOINED.trunk))
    full = f"{entry.name}.{entry.default_tag}"
    bodies = [timm_networks.strict_network(full, state) for _ in range(2)]
    transform = timm_networks.image_transform(bodies[0], full, None)
    return JoinedBodies(bodies, [(transform.mean, transform.std)] * 2)
