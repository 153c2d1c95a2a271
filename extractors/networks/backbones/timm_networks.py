"""Networks of timm: construction, strict loading of weights, feature stages and pooling.

Imports torch and timm, so this module is imported only where a network is built.
"""

from __future__ import annotations

import copy
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from timm.models.vgg import VGG
from torch import nn
from torchvision.ops import Permute

from extractors.networks.backbones.forward import Joined, MapPool, NetworkPart, SingleMap
from extractors.networks.backbones.pooling import OWN
from extractors.networks.backbones.resize_crop import Resize, ResizeCrop
from extractors.networks.weights.loading import State, load_strictly
from extractors.quiet_loggers import quiet_loggers

UNSUPPORTED = (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""Exceptions that timm's models raise for unsupported options; there is no common class."""

_TIMM_POOLS = {"avg": "avg", "max": "max", "cls": "token"}


@dataclass(frozen=True)
class Variant:
    """A network of timm with its options.

    Parameters
    ----------
    name : str
        For messages.
    architecture : str
        Name of timm, with or without tag.
    options : mapping
        Options of the architecture.
    config : mapping
        Fields of timm's configuration that differ, such as `input_size`, `mean` and `std`.
    """

    name: str
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def build(self, **changes: Any) -> nn.Module:
        """Build the network with other options, without the weights of a hub."""
        overlay = dict(self.config) or None
        options = {**self.options, **changes}
        network: nn.Module = timm.create_model(
            self.architecture, pretrained=False, pretrained_cfg_overlay=overlay, **options
        )
        return network

    def loaded(self, state: State, **changes: Any) -> nn.Module:
        """Build the network with other options and load `state` by timm's own conversion."""
        overlay = {**self.config, **_overlay(state)}
        options = {**self.options, **changes}
        network: nn.Module = timm.create_model(
            self.architecture, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
        return network


def published(full: str) -> Variant:
    """Return the variant `NAME` or `NAME.TAG` of timm itself."""
    return Variant(full.partition(".")[0], full)


def strict_network(full: str, state: State | None) -> nn.Module:
    """Build the network without its last linear layer and load `state`; None: keep the random initialisation.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, unexpected or of another shape; the message names the first key.
    """
    return strict_variant(published(full), state)


def strict_variant(variant: Variant, state: State | None) -> nn.Module:
    """Build a variant without its last linear layer and load `state`; see `strict_network`."""
    network = variant.build(num_classes=0)
    if state is None:
        return network
    config: Any = network.pretrained_cfg
    head = config.get("classifier") or ()
    # The published weights of Inception v3 contain a second head, used in training only.
    unused = ("AuxLogits", *((head,) if isinstance(head, str) else head))
    try:
        load_strictly(network, state, unused=unused)
    except KeyError as error:
        converted = _converted(variant, state, config)
        if converted is None:
            raise error
        return converted
    return network


def image_transform(network: nn.Module, _full: str, size: int | None) -> ResizeCrop:
    """Return the evaluation transform of the network's own data configuration."""
    config = resolve_model_data_config(network, {} if size is None else {"input_size": (3, size, size)})
    input_size = tuple(config["input_size"][1:])
    scaled = tuple(math.floor(side / config["crop_pct"]) for side in input_size)
    mode = config["crop_mode"]
    resizes: dict[str, Resize] = {"squash": "exact", "border": "contain"}
    return ResizeCrop(
        size=input_size,
        scaled=scaled,
        resize=resizes.get(mode, "shorter" if scaled[0] == scaled[1] else "cover"),
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        fill=tuple(round(255 * value) for value in config["mean"]) if mode == "border" else (0, 0, 0),
    )


def pooled(network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None) -> nn.Module:
    """Return the network from normalised images to its pooled feature.

    Raises
    ------
    ValueError
        The network lacks the layer, or does not support the pooling or the size.
    """
    return pooled_variant(network, published(full), pools=pools, layer=layer, size=size)


def pooled_variant(
    network: nn.Module, variant: Variant, *, pools: tuple[str, ...], layer: int | None, size: int | None
) -> nn.Module:
    """Return a variant from normalised images to its pooled feature; see `pooled`."""
    name = variant.name
    resized: dict[str, Any] = {}
    config: Any = network.pretrained_cfg
    if size is not None and config.get("fixed_input_size") and (size, size) != tuple(config["input_size"][1:]):
        patch = _patch(network)
        if size % patch:
            # timm would crop the remainder without an error.
            raise ValueError(
                f"{name} rejects images of {size} x {size} pixels: its patches have sides of {patch} pixels; "
                f"{size_hint(network, size)}"
            )
        resized = {"img_size": size}
    if layer is not None:
        return _pooled_stage(network, variant, pools, layer, resized)
    if resized:
        network = _rebuilt(network, variant, num_classes=0, **resized)
    if pools == (OWN,):
        return network
    heads = [MapPool(pool) if pool == "flatten" else _repooled(network, name, pool) for pool in pools]
    if len(pools) == 1 and "flatten" not in pools:
        return heads[0]
    parts = [head if isinstance(head, MapPool) else NetworkPart(head, "forward_head") for head in heads]
    return Joined(NetworkPart(network, "forward_features"), parts)


def feature_map(network: nn.Module, _full: str) -> nn.Module:
    """Return the network from normalised images to its last feature map (n, channels, height, width).

    The map of a VGG is average-pooled to 7 x 7 positions, as in torchvision. A transformer without a map returns tokens
    (n, length, channels).
    """
    part = NetworkPart(network, "forward_features")
    if isinstance(network, VGG):
        return nn.Sequential(part, nn.AdaptiveAvgPool2d(7))
    channels_last = str(getattr(network, "output_fmt", "NCHW")).rpartition(".")[2] == "NHWC"
    return nn.Sequential(part, Permute([0, 3, 1, 2])) if channels_last else part


def _pooled_stage(
    network: nn.Module, variant: Variant, pools: tuple[str, ...], layer: int, resized: dict[str, Any]
) -> nn.Module:
    name = variant.name
    stages = len(getattr(network, "feature_info", None) or ())
    if not stages:
        raise ValueError(f"layer={layer}: timm defines no feature stages of {name}; use layer=last")
    if not -stages <= layer < stages:
        raise ValueError(f"layer={layer}: {name} has the feature stages 0 to {stages - 1}, or last")
    if "cls" in pools:
        raise ValueError(f"{name}[layer={layer}] cannot be pooled by cls: a feature stage is a map; try avg or max")
    try:
        stage = _rebuilt(network, variant, features_only=True, out_indices=(layer % stages,), **resized)
    except UNSUPPORTED as error:
        if isinstance(error, ValueError) and resized:
            raise
        raise ValueError(
            f"layer={layer}: timm cannot extract feature stages of {name} ({_line(error)}); try layer=last"
        ) from error
    channels_last = str(getattr(stage, "output_fmt", "NCHW")).rpartition(".")[2] == "NHWC"
    return Joined(SingleMap(stage, channels_last=channels_last), [MapPool(pool) for pool in pools])


def _overlay(state: State) -> dict[str, Any]:
    """Configuration that makes timm load the weights from memory instead of a hub."""
    return dict.fromkeys(("file", "url", "hf_hub_id", "hf_hub_filename", "source")) | {"state_dict": state}


def _converted(variant: Variant, state: State, config: dict[str, Any]) -> nn.Module | None:
    """Load weights whose keys follow another naming, by timm's own conversion; None if that fails too."""
    try:
        # timm loads strictly only with the published number of classes.
        network = variant.loaded(state, num_classes=config["num_classes"], pretrained_strict=True)
        reset: Any = network.reset_classifier
        reset(0)
    except Exception:  # the conversion of each model is separate code that raises its own exceptions
        return None
    return network


def _rebuilt(network: nn.Module, variant: Variant, **changes: Any) -> nn.Module:
    """Rebuild the network with other options and the same weights; position embeddings are resampled if needed."""
    state = network.state_dict()
    try:
        # Warnings about tensors of removed layers; missing tensors are checked below.
        with quiet_loggers("timm.models._builder"):
            other = variant.loaded(dict(state), **changes)
    except UNSUPPORTED as error:
        if "img_size" not in changes:
            raise
        size = changes["img_size"]
        raise ValueError(
            f"{variant.name} rejects images of {size} x {size} pixels ({_line(error)}); {size_hint(network, size)}"
        ) from error
    flat = {_flat(key): value for key, value in state.items()}
    for key, value in other.state_dict().items():
        known = flat.get(_flat(key))
        if known is None or (value.shape == known.shape and not torch.equal(value, known)):
            raise ValueError(f"{variant.name}: timm loses the weights {key} when it rebuilds the network")
    return other


def _line(error: Exception) -> str:
    """Shorten the message of an error to one line."""
    return textwrap.shorten(str(error), 150, placeholder=" ...")


def _flat(key: str) -> str:
    """Name of a tensor, independent of the nesting that timm's wrappers add or remove."""
    return key.removeprefix("model.").removeprefix("body.").replace(".", "_")


def size_hint(network: nn.Module, size: int) -> str:
    """Suggest sizes that the network accepts instead of `size`."""
    config: Any = network.pretrained_cfg
    default = f"size=default is {config['input_size'][-1]}"
    # With patches of fewer than 8 pixels, windows or strides need more than a multiple of the patch size.
    step = _patch(network) if _patch(network) >= 8 else 32
    below, above = size // step * step, (size // step + 1) * step
    if not config.get("fixed_input_size"):
        return f"try {above} or more; {default}"
    if size % step == 0:
        return f"its weights support their own size only: {default}"
    return f"try {f'{below} or ' if below else ''}{above}; {default}"


def _patch(network: nn.Module) -> int:
    """Side of the patches of a transformer in pixels; 1 for any other network."""
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    return int(patch[0] if isinstance(patch, tuple) else patch)


def _repooled(network: nn.Module, name: str, pool: str) -> nn.Module:
    """Copy the structure of the network, sharing its tensors, with another pooling."""
    other = _try_repool(network, pool)
    if other is None:
        supported = [single for single in _TIMM_POOLS if _try_repool(network, single) is not None]
        raise ValueError(f"{name} cannot be pooled by {pool}; it supports {', '.join([*supported, 'flatten'])}")
    return other


def _try_repool(network: nn.Module, pool: str) -> nn.Module | None:
    tensors = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    other = copy.deepcopy(network, dict(tensors))
    reset: Any = getattr(other, "reset_classifier", None)
    try:
        reset(0, _TIMM_POOLS[pool])
    except UNSUPPORTED:
        return None
    # A head with new parameters would be untrained.
    return other if all(id(parameter) in tensors for parameter in other.parameters()) else None
