"""A frozen network by name: its layers up to the pooled feature, its weights, and how it wants to be shown an image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.networks.backbones.image_transform import View
from extractors.networks.backbones.pooling import OWN, single_pools
from extractors.networks.weights.loading import read_weights
from extractors.networks.weights.registry import model_entry
from extractors.networks.weights.resolve import split_tag, weights_file

if TYPE_CHECKING:
    import torch

SIZES = range(8, 4097)
"""Sides in pixels of the square images that a network may be asked to take."""


@dataclass(frozen=True)
class BackboneSpec:
    """A frozen network as it was asked for; plain data.

    Parameters
    ----------
    model : str
        Name of a timm or torchvision model, with or without `.tag`.
    weights : str
        `"default"`, `"random"`, a tag of the model, or the path of a safetensors file.
    pool : str or tuple of str
        How the map, or the patch tokens, of the layer become one vector: `default` (the network's own way for the last
        layer, the average for a feature stage), `avg`, `max`, `cls` (the class token), `flatten` (every number of it),
        or several of these joined by `+`, as in `avg+max`; kept as text. What a model computes after its own pooling
        and before its last linear layer is kept with `avg`, `max` and `cls` of the last layer.
    layer : int or "last"
        A feature stage, counted from 0, or from the end with -1; of timm's `features_only`, or a child of a torchvision
        network (of its `features` where it has these).
    size : int or "default"
        Side in pixels of the square image that the network is shown; `default`: what its weights were published with.

    Raises
    ------
    ValueError
        Another pooling, layer or size than these.
    """

    model: str
    weights: str = "default"
    pool: str | tuple[str, ...] = OWN
    layer: int | str = "last"
    size: int | str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", "+".join(single_pools(self.pool)))
        if self.layer != "last" and (not isinstance(self.layer, int) or isinstance(self.layer, bool)):
            raise ValueError(f"layer={self.layer} is not known; it is last, or the number of a feature stage")
        if self.size != "default" and (isinstance(self.size, bool) or self.size not in SIZES):
            raise ValueError(
                f"size={self.size}: a network is shown images of {SIZES[0]} to {SIZES[-1]} pixels a side, or default"
            )


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network that ends in its pooled feature.

    Parameters
    ----------
    spec : BackboneSpec
        As it was asked for.
    module : torch.nn.Module
        In evaluation mode; uint8 images (n, height, width, 3) of `view.size` to float32 features (n, width).
        Scaling and standardising are inside; n is free.
    view : View
        How it is shown an image.
    width : int
        Length of the feature.
    file : Path or None
        Where the weights came from; None: random.
    """

    spec: BackboneSpec
    module: torch.nn.Module
    view: View
    width: int
    file: Path | None


def load_backbone(spec: BackboneSpec, weights_dir: str | Path | None = None) -> Backbone:
    """The network that `spec` asks for, frozen.

    Parameters
    ----------
    spec : BackboneSpec
    weights_dir : str or Path, optional
        A folder of safetensors files, looked into first.

    Raises
    ------
    ValueError
        Unknown model or tag; a pooling, layer or size that the model cannot do; a file that does not fit the model.
    OSError
        No weights, or they cannot be read.
    """
    architecture, choice = split_tag(spec.model, spec.weights)
    entry = model_entry(architecture)
    file = weights_file(spec.model, spec.weights, weights_dir)
    tag = choice if choice in entry.tags else entry.default_tag
    return replace(_backbone(replace(spec, model=architecture), tag, file), spec=spec)


def _backbone(spec: BackboneSpec, tag: str | None, file: Path | None) -> Backbone:
    import torch  # noqa: PLC0415 - heavy

    from extractors.networks.backbones import timm_networks, torchvision_networks  # noqa: PLC0415 - heavy
    from extractors.networks.backbones.forward import Forward  # noqa: PLC0415 - heavy

    entry = model_entry(spec.model)
    state = None if file is None else read_weights(file)
    library = timm_networks if entry.library == "timm" else torchvision_networks
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(spec.model))
        try:
            network = library.strict_network(entry, tag, state)
        except (KeyError, ValueError) as error:
            if file is None:
                raise
            raise ValueError(f"{file}: not the weights of {spec.model}: {error.args[0]}") from error
        size = None if spec.size == "default" else int(spec.size)
        view = library.view(network, entry, tag, size)
        layer = None if spec.layer == "last" else int(spec.layer)
        pools = ("avg",) if layer is not None and spec.pool == OWN else single_pools(spec.pool)
        pooled = library.pooled(network, entry, tag, pools=pools, layer=layer, size=size)
    module = Forward(pooled, view.mean, view.std).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    try:
        shape = _shape(module, view)
    except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        problem = " ".join(str(error).split())
        if size is None:
            raise ValueError(f"{spec.model} gives no pooled feature of an RGB image: {problem}") from error
        hint = library.size_hint(network, size)
        raise ValueError(f"{spec.model} takes no image of {size} x {size} pixels ({problem}); {hint}") from error
    if len(shape) != 2:
        raise ValueError(
            f"{spec.model} gives no pooled feature: for one image it returns an array of shape {shape}; "
            f"{spec.model}[pool=avg] or [pool=flatten] may"
        )
    return Backbone(spec, module, view, shape[1], file)


def _seed(name: str) -> int:
    """Random weights depend on the model's name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _shape(module: torch.nn.Module, view: View) -> tuple[int, ...]:
    import torch  # noqa: PLC0415 - heavy

    with torch.inference_mode():
        return tuple(module(torch.zeros(1, *view.size, 3, dtype=torch.uint8)).shape)
