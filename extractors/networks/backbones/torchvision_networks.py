"""Networks of torchvision that timm lacks: construction, strict loading of weights, intermediate layers and pooling.

Imports torch and torchvision, so this module is imported only where a network is built.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torchvision.models import AlexNet, get_model, get_model_weights
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from extractors.networks.backbones.forward import Joined, MapPool, SingleMap
from extractors.networks.backbones.pooling import OWN
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.weights.loading import State, load_strictly


def strict_network(full: str, state: State | None) -> nn.Module:
    """Build the network without its last linear layer and load `state`; None: keep the random initialisation.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, unexpected or of another shape; the message names the first key.
    """
    special: dict[str, Any] = {}
    name = full.partition(".")[0]
    if name == "googlenet":  # its published weights expect another pixel scale and contain two auxiliary heads
        special = {"aux_logits": False, "transform_input": state is not None, "init_weights": True}
    network: nn.Module = get_model(name, weights=None, **special)
    head = _head(network)
    parent, _, leaf = head.rpartition(".")
    setattr(network.get_submodule(parent), leaf, nn.Identity())
    if state is not None:
        load_strictly(network, state, unused=(head, "aux1", "aux2") if special else (head,))
    return network


def image_transform(_network: nn.Module, full: str, size: int | None) -> ResizeCrop:
    """Return torchvision's evaluation transform of the weights with the tag of the name, or its default without one."""
    name, _, tag = full.partition(".")
    preset: Any = ImageClassification(crop_size=224, resize_size=256, interpolation=InterpolationMode.BILINEAR)
    if tag:
        preset = get_model_weights(name)[tag].transforms()
    crop, scaled = preset.crop_size[0], preset.resize_size[0]
    if size is not None:
        crop, scaled = size, size * scaled // crop
    return ResizeCrop(
        size=(crop, crop),
        scaled=(scaled, scaled),
        resize="shorter",
        interpolation=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        fill=(0, 0, 0),
    )


def pooled(network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None) -> nn.Module:
    """Return the network from normalised images to its pooled feature.

    Raises
    ------
    ValueError
        The network lacks the layer or does not support the pooling.
    """
    name = full.partition(".")[0]
    if pools == (OWN,):
        return network
    if layer is None and "flatten" not in pools:
        heads = [_repooled(network, name, pool) for pool in pools]
        return heads[0] if len(heads) == 1 else Joined(nn.Identity(), heads)
    if "cls" in pools:
        raise ValueError(f"{name} of torchvision cannot be pooled by cls together with the map of a layer")
    if layer is None:
        if pools != ("flatten",):
            raise ValueError(f"{name} of torchvision cannot be pooled by flatten together with another pooling")
        return Joined(SingleMap(create_feature_extractor(network, {_last_map(network): "map"})), [MapPool("flatten")])
    layers = _layers(network)
    if not -len(layers) <= layer < len(layers):
        raise ValueError(f"layer={layer}: {name} of torchvision has the layers 0 to {len(layers) - 1}, or last")
    # The feature maps of torchvision's Swin transformers are channels last.
    stage = SingleMap(
        create_feature_extractor(network, {layers[layer]: "map"}), channels_last=hasattr(network, "permute")
    )
    return Joined(stage, [MapPool(pool) for pool in pools])


def feature_map(network: nn.Module, _full: str) -> nn.Module:
    """Return the network from normalised images to its last feature map (n, channels, height, width).

    AlexNet average-pools this map to 6 x 6 positions, which is included. A transformer without a map returns tokens
    (n, length, channels).
    """
    maps = SingleMap(create_feature_extractor(network, {_last_map(network): "map"}))
    return nn.Sequential(maps, network.avgpool) if isinstance(network, AlexNet) else maps


def size_hint(network: nn.Module, size: int) -> str:
    """Suggest sizes that the network accepts instead of `size`."""
    fixed = getattr(network, "image_size", None)
    return f"it accepts {fixed} pixels only, size=default" if fixed else f"try more than {size}, or size=default"


def _layers(network: nn.Module) -> list[str]:
    """Names of the layers whose output is a feature map, in order."""
    for body in ("features", "layers"):
        if hasattr(network, body):
            return [f"{body}.{name}" for name, _ in network.get_submodule(body).named_children()]
    # Pooling and classification layers follow the feature maps; the encoder of a vision transformer outputs tokens.
    no_map = {"avgpool", "dropout", "fc", "classifier", "heads", "encoder"}
    return [name for name, _ in network.named_children() if name not in no_map]


def _last_map(network: nn.Module) -> str:
    """Name of the layer whose output is pooled: a feature map, channels first, or the tokens of a transformer."""
    transformer = {name for name, _ in network.named_children()} & {"encoder", "permute"}
    return transformer.pop() if transformer else _layers(network)[-1]


def _head(network: nn.Module) -> str:
    """Name of the classification layer: the last linear or convolutional layer of the last child."""
    last = list(dict(network.named_children()))[-1]
    layers = [str(name) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return [name for name in layers if name == last or name.startswith(f"{last}.")][-1]


def _repooled(network: nn.Module, name: str, pool: str) -> nn.Module:
    """Copy the structure of the network, sharing its tensors, with another pooling."""
    class_token = hasattr(network, "class_token")
    if class_token != (pool == "cls"):
        hint = f"its feature is the class token, use {name}[pool=cls]" if class_token else "it has no class token"
        raise ValueError(f"{name} of torchvision cannot be pooled by {pool}: {hint}")
    if pool != "max":
        return network
    last = list(dict(network.named_children()))[-1]
    averages = [
        path
        for path, layer in network.named_modules()
        if isinstance(layer, nn.AdaptiveAvgPool2d) and (path == "avgpool" or path.startswith(f"{last}."))
    ]
    if not averages:
        raise ValueError(
            f"{name} of torchvision cannot be pooled by max: its average pooling is not a separate layer; the maximum "
            f"of its last feature map is {name}[pool=max,layer=-1]"
        )
    other = copy.deepcopy(network, {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())})
    parent, _, leaf = averages[-1].rpartition(".")
    average: Any = other.get_submodule(averages[-1])
    setattr(other.get_submodule(parent), leaf, nn.AdaptiveMaxPool2d(average.output_size))
    return other
