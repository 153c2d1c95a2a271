"""Frozen networks by name: the layers up to the pooled feature, the weights and the image transform."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.networks.backbones.named_network import feature_width, named_network
from extractors.networks.backbones.pooling import OWN, single_pools
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.weights.registry import without_tag

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
        Name of a timm or torchvision model, with or without `.tag`, of an architecture of this project, or of a
        foundation model; or `hf-hub:OWNER/NAME` or `local-dir:FOLDER`.
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
    config : str or None
        Expected digest of the `config.json` of a repository or folder; None: not checked, or another network.

    Raises
    ------
    ValueError
        Invalid weights, pooling, layer or size.
    """

    model: str
    weights: str = "default"
    pool: str | tuple[str, ...] = OWN
    layer: int | str = "last"
    size: int | str = "default"
    config: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", "+".join(single_pools(self.pool)))
        if self.layer != "last" and (not isinstance(self.layer, int) or isinstance(self.layer, bool)):
            raise ValueError(f"layer={self.layer} is not known; it is last, or the number of a feature stage")
        if not isinstance(self.weights, str):
            raise ValueError(
                f"weights={self.weights} is not known; it is default, random, a tag, or the path of a safetensors file"
            )
        if self.size != "default" and (type(self.size) is not int or self.size not in SIZES):
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

    from extractors.networks.backbones.forward import Forward  # noqa: PLC0415 - heavy

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(without_tag(spec.model)))
        network = named_network(spec.model, spec.weights, weights_dir, sha256=sha256, config=spec.config)
        size = None if spec.size == "default" else int(spec.size)
        transform = network.library.image_transform(network.module, network.full, size)
        layer = None if spec.layer == "last" else int(spec.layer)
        pools = stage_pools(spec)
        pooled = network.library.pooled(network.module, network.full, pools=pools, layer=layer, size=size)
    module = Forward(pooled, transform.mean, transform.std).eval().requires_grad_(False)
    module = module.to(memory_format=torch.channels_last)
    width = feature_width(network, lambda: module(torch.zeros(1, *transform.size, 3, dtype=torch.uint8)), size)
    return Backbone(spec, module, transform, width, network.file)


def stage_pools(spec: BackboneSpec) -> tuple[str, ...]:
    """Return the single poolings of a specification; the default of a feature stage is the average."""
    return ("avg",) if spec.layer != "last" and spec.pool == OWN else single_pools(spec.pool)


def _seed(name: str) -> int:
    """Seed of random weights; depends on the name of the model alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
