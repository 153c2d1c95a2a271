"""Frozen networks by name: the layers up to the pooled feature, the weights and the image transform."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.networks.backbones.pooling import OWN, single_pools
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.weights.loading import read_weights
from extractors.networks.weights.registry import model_entry
from extractors.networks.weights.resolve import full_name, weights_file

if TYPE_CHECKING:
    import torch

SIZES = range(8, 4097)
"""Accepted sides of the square input image in pixels."""


@dataclass(frozen=True)
class BackboneSpec:
    """Specification of a frozen network.

    Parameters
    ----------
    model : str
        Name of a timm or torchvision model, with or without `.tag`.
    weights : str
        `"default"`, `"random"`, a tag of the model, or the path of a safetensors file.
    pool : str or tuple of str
        How the feature map, or the patch tokens, of the layer become one vector: `default` (the network's own pooling
        for the last layer, the average for a feature stage), `avg`, `max`, `cls` (the class token), `flatten` (all
        values), or several of these joined by `+`, as in `avg+max`; stored as text. With `avg`, `max` and `cls` of the
        last layer, the layers between the network's own pooling and its last linear layer are applied too.
    layer : int or "last"
        A feature stage, counted from 0, or from the end with -1: of timm's `features_only`, or a child of a torchvision
        network (of its `features` where it has these).
    size : int or "default"
        Side in pixels of the square input image; `default`: the size that the weights were published with.

    Raises
    ------
    ValueError
        Invalid pooling, layer or size.
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
                f"size={self.size} is not valid; it is the side of the input, {SIZES[0]} to {SIZES[-1]} pixels, "
                "or default"
            )


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network up to its pooled feature.

    Parameters
    ----------
    spec : BackboneSpec
        The specification it was built from.
    module : torch.nn.Module
        In evaluation mode; uint8 images (n, height, width, 3) of `transform.size` to float32 features (n, width).
        Scaling and normalisation are included; n is free.
    transform : ResizeCrop
        Image transform for training and inference.
    width : int
        Length of the feature.
    file : Path or None
        File of the weights; None: random.
    """

    spec: BackboneSpec
    module: torch.nn.Module
    transform: ResizeCrop
    width: int
    file: Path | None


def load_backbone(spec: BackboneSpec, weights_dir: str | Path | None = None, *, sha256: str | None = None) -> Backbone:
    """Build a frozen network and load its weights.

    Parameters
    ----------
    spec : BackboneSpec
    weights_dir : str or Path, optional
        A folder of safetensors files, searched first.
    sha256 : str, optional
        Expected digest of the file of the weights.

    Raises
    ------
    ValueError
        Unknown model or tag; a pooling, layer or size that the model does not support; a file of another model, or
        with another digest.
    OSError
        The weights are not available or cannot be read.
    """
    import torch  # noqa: PLC0415 - heavy

    from extractors.networks.backbones import timm_networks, torchvision_networks  # noqa: PLC0415 - heavy
    from extractors.networks.backbones.forward import Forward  # noqa: PLC0415 - heavy

    full = full_name(spec.model, spec.weights)
    name = full.partition(".")[0]
    file = weights_file(spec.model, spec.weights, weights_dir)
    state = None if file is None else read_weights(file, sha256=sha256)
    library = timm_networks if model_entry(name).library == "timm" else torchvision_networks
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(name))
        try:
            network = library.strict_network(full, state)
        except (KeyError, ValueError) as error:
            if file is None:
                raise
            raise ValueError(f"{file}: not the weights of {name}: {error.args[0]}") from error
        size = None if spec.size == "default" else int(spec.size)
        transform = library.image_transform(network, full, size)
        layer = None if spec.layer == "last" else int(spec.layer)
        pools = ("avg",) if layer is not None and spec.pool == OWN else single_pools(spec.pool)
        pooled = library.pooled(network, full, pools=pools, layer=layer, size=size)
    module = Forward(pooled, transform.mean, transform.std).eval().requires_grad_(False)
    module = module.to(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            shape = tuple(module(torch.zeros(1, *transform.size, 3, dtype=torch.uint8)).shape)
    except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        problem = " ".join(str(error).split())
        if size is None:
            raise ValueError(f"{name} has no pooled feature of an RGB image: {problem}") from error
        hint = library.size_hint(network, size)
        raise ValueError(f"{name} rejects images of {size} x {size} pixels ({problem}); {hint}") from error
    if len(shape) != 2:
        raise ValueError(
            f"{name} has no pooled feature: for one image it returns an array of shape {shape}; "
            f"try {name}[pool=avg] or [pool=flatten]"
        )
    return Backbone(spec, module, transform, shape[1], file)


def _seed(name: str) -> int:
    """Seed of random weights; depends on the name of the model alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
