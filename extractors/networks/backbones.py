"""A frozen network by name: its layers up to the pooled feature, its weights, and how it wants to be shown an image."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.networks.loading import State, load_strictly, read_weights
from extractors.networks.registry import ModelEntry, model_entry
from extractors.networks.weights import split_tag, weights_file

if TYPE_CHECKING:
    import torch
    from PIL import Image

POOLS = {"avg": ("avg",), "max": ("max",), "avg+max": ("avg", "max"), "cls": ("cls",)}
"""What `pool` may be, and the single poolings that it joins."""

TIMM_POOLS = {"avg": "avg", "max": "max", "cls": "token"}


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network that ends in its pooled feature.

    Parameters
    ----------
    networks : tuple of torch.nn.Module
        In evaluation mode, one for each pooling; their outputs are joined.
    shrink : callable
        PIL RGB image to uint8 Tensor (3, height, width): resized and cropped as the weights were evaluated.
    mean, std : tuple of float
        Of each channel, on the scale 0 to 1.
    size : tuple of int
        Height and width that `shrink` gives.
    width : int
        Length of the feature.
    file : Path or None
        Where the weights came from; None: random.
    """

    networks: tuple[torch.nn.Module, ...]
    shrink: Callable[[Image.Image], torch.Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    width: int
    file: Path | None

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Uint8 images (n, 3, height, width) of `size` as float32 features (n, width)."""
        import torch  # noqa: PLC0415 - heavy

        with torch.inference_mode():
            shape = (1, 3, 1, 1)
            # Channels last in memory: the convolutions of torch on the CPU take a third less time so.
            images = batch.to(torch.float32, memory_format=torch.channels_last).div_(255)
            images.sub_(torch.tensor(self.mean).view(shape)).div_(torch.tensor(self.std).view(shape))
            return _joined(self.networks, images)


def load_backbone(
    model: str, *, weights: str = "default", pool: str = "avg", weights_dir: str | Path | None = None
) -> Backbone:
    """The network `model`, frozen; the last ones loaded are kept in memory.

    Parameters
    ----------
    model, weights, weights_dir
        As `extractors.networks.weights.weights_file` takes them.
    pool : {"avg", "max", "avg+max", "cls"}
        How the last map, or the last layer's patch tokens, become one vector; `cls` takes the class token. What a
        model of timm or torchvision computes after its pooling and before its last linear layer is kept.

    Raises
    ------
    ValueError
        Unknown model, tag or pooling; a pooling that the model cannot do; a file that does not fit the model.
    OSError
        No weights, or they cannot be read.
    """
    if pool not in POOLS:
        raise ValueError(f"pool={pool} is not known; it is one of {', '.join(POOLS)}")
    architecture, choice = split_tag(model, weights)
    entry = model_entry(architecture)
    file = weights_file(model, weights, weights_dir)
    tag = choice if choice in entry.tags else entry.default_tag
    stamp = None if file is None else (file.stat().st_size, file.stat().st_mtime_ns)
    return _backbone(entry.name, tag, pool, file, stamp)


@lru_cache(maxsize=2)
def _backbone(name: str, tag: str | None, pool: str, file: Path | None, _stamp: tuple[int, int] | None) -> Backbone:
    import torch  # noqa: PLC0415 - heavy

    entry = model_entry(name)
    state = None if file is None else read_weights(file)
    build = _timm_network if entry.library == "timm" else _torchvision_network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(name))
        try:
            network = build(entry, tag, state)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{file}: not the weights of {name}: {error.args[0]}") from error
    repool = _pooled_by_timm if entry.library == "timm" else _pooled_by_torchvision
    layout = torch.channels_last
    networks = tuple(
        repool(copy.deepcopy(network), name, single).eval().to(memory_format=layout) for single in POOLS[pool]
    )
    shrink, mean, std, size = (_timm_view if entry.library == "timm" else _torchvision_view)(network, entry, tag)
    return Backbone(networks, shrink, mean, std, size, _width(networks, size, name), file)


def _seed(name: str) -> int:
    """Random weights depend on the model's name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _joined(networks: tuple[torch.nn.Module, ...], images: torch.Tensor) -> torch.Tensor:
    import torch  # noqa: PLC0415 - heavy

    first: Any = networks[0]
    if len(networks) == 1 or not hasattr(first, "forward_head"):
        return torch.cat([network(images) for network in networks], dim=1)
    trunk = first.forward_features(images)
    heads: list[Any] = [network.forward_head for network in networks]
    return torch.cat([head(trunk) for head in heads], dim=1)


def _width(networks: tuple[torch.nn.Module, ...], size: tuple[int, int], name: str) -> int:
    import torch  # noqa: PLC0415 - heavy

    with torch.inference_mode():
        try:
            shape = tuple(_joined(networks, torch.zeros(1, 3, *size)).shape)
        except (TypeError, RuntimeError, IndexError) as error:
            raise ValueError(f"{name} gives no pooled feature of an RGB image: {error}") from error
    if len(shape) != 2:
        raise ValueError(f"{name} gives no pooled feature: for one image it returns an array of shape {shape}")
    return shape[1]


def _timm_network(entry: ModelEntry, tag: str | None, state: State | None) -> torch.nn.Module:
    import timm  # noqa: PLC0415 - heavy

    full = f"{entry.name}.{tag}" if tag else entry.name
    network: torch.nn.Module = timm.create_model(full, pretrained=False, num_classes=0)
    if state is None:
        return network
    config: Any = network.pretrained_cfg
    head = config.get("classifier") or ()
    try:
        load_strictly(network, state, unused=(head,) if isinstance(head, str) else tuple(head))
    except KeyError as error:
        converted = _converted_by_timm(full, state, config)
        if converted is None:
            raise error
        return converted
    return network


def _converted_by_timm(full: str, state: State, config: dict[str, Any]) -> torch.nn.Module | None:
    """The network with weights that its publisher named otherwise, by timm's own table; None where that fails too."""
    import timm  # noqa: PLC0415 - heavy

    overlay = dict.fromkeys(("file", "url", "hf_hub_id", "hf_hub_filename", "source")) | {"state_dict": state}
    try:
        # With the publisher's number of classes timm loads strictly.
        network: torch.nn.Module = timm.create_model(
            full, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=config["num_classes"]
        )
        reset: Any = network.reset_classifier
        reset(0)
    except Exception:  # the table of each model is code of its own that fails in its own way
        return None
    return network


def _pooled_by_timm(network: torch.nn.Module, name: str, pool: str) -> torch.nn.Module:
    reset: Any = network.reset_classifier
    try:
        reset(0, TIMM_POOLS[pool])
    except (AssertionError, AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be pooled by {pool}; try another of {', '.join(POOLS)}") from error
    return network


def _timm_view(network: torch.nn.Module, _entry: ModelEntry, _tag: str | None) -> tuple[Any, ...]:
    from timm.data import create_transform, resolve_model_data_config  # noqa: PLC0415 - heavy

    config = resolve_model_data_config(network)
    shrink = create_transform(**config, is_training=False, normalize=False)
    return shrink, tuple(config["mean"]), tuple(config["std"]), tuple(config["input_size"][1:])


def _torchvision_network(entry: ModelEntry, tag: str | None, state: State | None) -> torch.nn.Module:
    import torch  # noqa: PLC0415 - heavy
    from torchvision.models import get_model  # noqa: PLC0415 - heavy

    special: dict[str, Any] = {}
    if entry.name == "googlenet":  # its published weights expect the pixels in another scale, and two more heads
        special = {"aux_logits": False, "transform_input": state is not None, "init_weights": True}
    network: torch.nn.Module = get_model(entry.name, weights=None, **special)
    head = _torchvision_head(network)
    parent, _, leaf = head.rpartition(".")
    setattr(network.get_submodule(parent), leaf, torch.nn.Identity())
    if state is not None:
        load_strictly(network, state, unused=(head, "aux1", "aux2") if special else (head,))
    return network


def _torchvision_head(network: torch.nn.Module) -> str:
    """Name of the layer that makes logits: the last linear or convolution of the last part."""
    from torch import nn  # noqa: PLC0415 - heavy

    last = list(dict(network.named_children()))[-1]
    layers = [str(name) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return [name for name in layers if name == last or name.startswith(f"{last}.")][-1]


def _pooled_by_torchvision(network: torch.nn.Module, name: str, pool: str) -> torch.nn.Module:
    from torch import nn  # noqa: PLC0415 - heavy

    class_token = hasattr(network, "class_token")
    if class_token != (pool == "cls"):
        hint = f"its feature is the class token, ask for {name}[pool=cls]" if class_token else "it has no class token"
        raise ValueError(f"{name} of torchvision cannot be pooled by {pool}: {hint}")
    if pool == "max":
        last = list(dict(network.named_children()))[-1]
        pools = [
            path
            for path, layer in network.named_modules()
            if isinstance(layer, nn.AdaptiveAvgPool2d) and (path == "avgpool" or path.startswith(f"{last}."))
        ]
        if not pools:
            raise ValueError(f"{name} of torchvision cannot be pooled by max: its average is not a layer of its own")
        parent, _, leaf = pools[-1].rpartition(".")
        average: Any = network.get_submodule(pools[-1])
        setattr(network.get_submodule(parent), leaf, nn.AdaptiveMaxPool2d(average.output_size))
    return network


def _torchvision_view(_network: torch.nn.Module, entry: ModelEntry, tag: str | None) -> tuple[Any, ...]:
    from torchvision.models import get_model_weights  # noqa: PLC0415 - heavy
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, PILToTensor, Resize  # noqa: PLC0415 - heavy
    from torchvision.transforms._presets import ImageClassification  # noqa: PLC0415 - heavy

    preset: Any = ImageClassification(crop_size=224, resize_size=256, interpolation=InterpolationMode.BILINEAR)
    if tag is not None:
        preset = get_model_weights(entry.name)[tag].transforms()
    shrink = Compose(
        [
            Resize(preset.resize_size, interpolation=preset.interpolation, antialias=preset.antialias),
            CenterCrop(preset.crop_size),
            PILToTensor(),
        ]
    )
    side = preset.crop_size[0]
    return shrink, tuple(preset.mean), tuple(preset.std), (side, side)
