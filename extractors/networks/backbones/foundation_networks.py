"""Foundation models as backbones: construction, strict loading after key cleaning, and the published pooling.

Imports torch and timm, so this module is imported only where a network is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm.layers
import torch
from timm.layers import resample_abs_pos_embed
from torch import nn

from extractors.networks.backbones import timm_networks
from extractors.networks.backbones.forward import Joined, MapPool, NetworkPart
from extractors.networks.backbones.pooling import OWN
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.foundation.catalogue import FOUNDATION, SIDE, FoundationModel
from extractors.networks.foundation.key_cleaning import dinov2_keys, transformers_keys, visual_keys
from extractors.networks.weights.loading import State, load_strictly

POSITIONS = "pos_embed"
"""Position embeddings of timm's vision transformers."""


class Phikon(nn.Module):
    """The vision transformer of the package transformers that Phikon is, up to its tokens."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__()
        transformers = _package("transformers", "transformers")
        self.network = transformers.ViTModel(transformers.ViTConfig(**options), add_pooling_layer=False)
        self.network.loss_function = None  # tracing reads this property, which logs a warning where it has no value

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised images to tokens (n, length, channels), the class token first."""
        tokens: torch.Tensor = self.network(pixel_values=images).last_hidden_state
        return tokens


class TokenPool(nn.Module):
    """Pooling of tokens (n, length, channels) whose first is the class token: `cls`, or `avg` of the others."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Pool to (n, channels)."""
        return tokens[:, 0] if self.pool == "cls" else torch.mean(tokens[:, 1:], dim=1)


def strict_network(full: str, state: State | None) -> nn.Module:
    """Build the network without a head and load `state` after key cleaning; None: keep the random initialisation.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, unexpected or of another shape; the message names the first key. Or the package of the
        network is not installed.
    """
    model = _model(full)
    if model.package == "timm":
        network = variant(full).build(num_classes=0)
        return network if state is None else _loaded(network, _resampled(network, dinov2_keys(state), model))
    if model.package == "transformers":
        network = Phikon(model.options)
        return network if state is None else _loaded_into(network, network.network, _of_version(network, state))
    open_clip = _package("open_clip.timm_model", "open-clip-torch")
    network = open_clip.TimmModel(model.architecture, embed_dim=model.width, image_size=SIDE, pool="", proj="linear")
    return network if state is None else _loaded(network, visual_keys(state))


def image_transform(_network: nn.Module, full: str, size: int | None) -> ResizeCrop:
    """Return the published transform of the frame."""
    model = _model(full)
    side = SIDE if size is None else size
    return ResizeCrop(
        size=(side, side),
        scaled=(side, side),
        resize=model.resize,
        interpolation=model.interpolation,
        mean=model.statistics[0],
        std=model.statistics[1],
        fill=(0, 0, 0),
    )


def pooled(network: nn.Module, full: str, *, pools: tuple[str, ...], layer: int | None, size: int | None) -> nn.Module:
    """Return the network from normalised images to its pooled feature.

    Raises
    ------
    ValueError
        The network lacks the layer, or does not support the pooling or the size.
    """
    model, name = _model(full), full.partition(".")[0]
    chosen = model.pools if pools == (OWN,) else pools
    if model.package == "timm":
        return timm_networks.pooled_variant(network, variant(full), pools=chosen, layer=layer, size=size)
    if layer is not None:
        raise ValueError(f"layer={layer}: {name} has no feature stages here; use layer=last")
    if size not in (None, SIDE):
        raise ValueError(f"{name} rejects images of {size} x {size} pixels; {size_hint(network, size or SIDE)}")
    if model.package == "open_clip":
        if chosen != (OWN,):
            raise ValueError(f"{name} has its projected feature only: use pool=default")
        return network
    supported = ("cls", "avg", "flatten")
    for pool in chosen if chosen != (OWN,) else ():
        if pool not in supported:
            raise ValueError(f"{name} cannot be pooled by {pool}; it supports {', '.join(supported)}")
    single = ("cls",) if chosen == (OWN,) else chosen
    return Joined(network, [MapPool(pool) if pool == "flatten" else TokenPool(pool) for pool in single])


def feature_map(network: nn.Module, full: str) -> nn.Module:
    """Return the network from normalised images to its tokens (n, length, channels): there is no map."""
    return NetworkPart(network, "forward_features") if _model(full).package == "timm" else network


def size_hint(network: nn.Module, size: int) -> str:
    """Suggest sizes that the network accepts instead of `size`."""
    if hasattr(network, "pretrained_cfg"):
        return timm_networks.size_hint(network, size)
    return f"it accepts {SIDE} pixels only, size=default"


def variant(full: str) -> timm_networks.Variant:
    """Return a foundation model of timm with its options and data configuration."""
    model = _model(full)
    options = dict(model.options)
    if "mlp_layer" in options:
        options["mlp_layer"] = getattr(timm.layers, options["mlp_layer"])
    config = {
        "input_size": (3, SIDE, SIDE),
        "mean": model.statistics[0],
        "std": model.statistics[1],
        "interpolation": model.interpolation,
        "crop_pct": 1.0,
        "crop_mode": "squash" if model.resize == "exact" else "center",
    }
    return timm_networks.Variant(full.partition(".")[0], model.architecture, options, config)


def _model(full: str) -> FoundationModel:
    return FOUNDATION[full.partition(".")[0]]


def _loaded(network: nn.Module, state: State) -> nn.Module:
    load_strictly(network, state)
    return network


def _loaded_into(network: nn.Module, part: nn.Module, state: State) -> nn.Module:
    load_strictly(part, state)
    return network


def _of_version(network: Phikon, state: State) -> State:
    """Return the weights under the names of the installed version of transformers."""
    renames = any(key.startswith("layers.") for key in network.network.state_dict())
    pooler = {key: value for key, value in state.items() if not key.startswith("pooler.")}
    return transformers_keys(state) if renames else pooler


def _resampled(network: nn.Module, state: State, model: FoundationModel) -> State:
    """Resample the position embeddings of another input size, as timm does, where the model allows it."""
    positions, own = state.get(POSITIONS), network.state_dict().get(POSITIONS)
    if not model.resamples or positions is None or own is None or positions.shape == own.shape:
        return state
    same = positions.ndim == own.ndim and positions.shape[::2] == own.shape[::2] and positions.is_floating_point()
    side = round((positions.shape[1] - 1) ** 0.5) if same else 0
    if not same or side * side != positions.shape[1] - 1 or side < 1:
        return state
    grid = round((own.shape[1] - 1) ** 0.5)
    return {**state, POSITIONS: resample_abs_pos_embed(positions, [grid, grid], [side, side], num_prefix_tokens=1)}


def _package(module: str, distribution: str) -> Any:
    """Import an optional package, by name: its version is in the key of the networks that need it, and no others.

    Raises
    ------
    ValueError
        It is not installed, or cannot be imported.
    """
    import importlib  # noqa: PLC0415

    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = module.partition(".")[0]
        raise ValueError(
            f"the package {distribution} is needed and cannot be imported ({error}): pip install 'cytobench[{extra}]'"
        ) from error
