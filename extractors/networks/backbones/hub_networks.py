"""Networks of a hub or a folder as backbones: timm's architecture with the options and data of its `config.json`.

Imports torch and timm, so this module is imported only where a network is built.
"""

from __future__ import annotations

from functools import lru_cache

import timm
import torch
from torch import nn

from extractors.networks.backbones import timm_networks
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.foundation.catalogue import foundation_model
from extractors.networks.weights.hub_models import read_config
from extractors.networks.weights.loading import MAX_BYTES, State
from extractors.networks.weights.resolve import config_digest

MAX_PARAMETERS = MAX_BYTES // 4
"""Most parameters of a network with random weights, which has no file to compare with: those of the largest file."""


def strict_network(full: str, state: State | None) -> nn.Module:
    """Build the network without its last linear layer and load `state`; None: keep the random initialisation.

    The network is first built without memory for its tensors, and refused if it has more parameters than the file can
    have.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, unexpected or of another shape; the message names the first key. Or the options are not
        those of the architecture.
    """
    variant = _variant(full)
    most = MAX_PARAMETERS if state is None else sum(t.numel() * t.element_size() for t in state.values())
    try:
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in variant.build(num_classes=0).parameters())
    except timm_networks.UNSUPPORTED as error:
        reason = " ".join(str(error).split())[:150]
        raise ValueError(f"{full}: timm cannot build {variant.architecture} by its config.json ({reason})") from error
    if parameters > most:  # a parameter has at least one byte
        raise ValueError(f"its config.json describes {parameters} parameters, more than its weights can have")
    try:
        return timm_networks.strict_variant(variant, state)
    except (KeyError, ValueError) as error:
        known = foundation_model(full)
        if known is None:
            raise
        raise ValueError(
            f"{error.args[0]}; this repository is the extractor {known[0]}, which has its options"
        ) from error


def image_transform(network: nn.Module, full: str, size: int | None) -> ResizeCrop:
    """Return the evaluation transform of the data configuration."""
    return timm_networks.image_transform(network, full, size)


def pooled(network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None) -> nn.Module:
    """Return the network from normalised images to its pooled feature.

    Raises
    ------
    ValueError
        The network lacks the layer, or does not support the pooling or the size.
    """
    return timm_networks.pooled_variant(network, _variant(full), pools=pools, layer=layer, size=size)


def feature_map(network: nn.Module, full: str) -> nn.Module:
    """Return the network from normalised images to its last feature map, or to its tokens."""
    return timm_networks.feature_map(network, full)


def size_hint(network: nn.Module, size: int) -> str:
    """Suggest sizes that the network accepts instead of `size`."""
    return timm_networks.size_hint(network, size)


def _variant(full: str) -> timm_networks.Variant:
    """Return the variant that `config.json` describes, as it is now."""
    return _variant_of(full, config_digest(full))


@lru_cache(maxsize=8)
def _variant_of(full: str, sha256: str | None) -> timm_networks.Variant:
    model, _ = read_config(full, sha256=sha256)
    if not timm.is_model(model.architecture):
        raise ValueError(f"{full}: timm knows no architecture {model.architecture}")
    return timm_networks.Variant(full, model.architecture, model.options, model.config)
