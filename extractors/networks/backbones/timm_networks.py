"""Networks of timm: built, filled strictly, cut at a stage, pooled.

Imports torch and timm, so it is itself imported only where a network is built.
"""

from __future__ import annotations

import copy
import logging
import math
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import nn

from extractors.networks.backbones.forward import Head, Joined, MapPool, OneMap, Unpooled
from extractors.networks.backbones.image_transform import Resize, View
from extractors.networks.backbones.pooling import OWN
from extractors.networks.weights.loading import State, load_strictly
from extractors.networks.weights.registry import ModelEntry

REFUSALS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What timm's models raise where they cannot do what is asked; each has its own."""

_TIMM_POOLS = {"avg": "avg", "max": "max", "cls": "token"}


def strict_network(entry: ModelEntry, tag: str | None, state: State | None) -> nn.Module:
    """The network without its last linear layer, filled with `state`, or as it was initialised.

    Raises
    ------
    KeyError, ValueError
        A tensor is missing, left over or of another shape; the first such key is named.
    """
    full = _full_name(entry, tag)
    network: nn.Module = timm.create_model(full, pretrained=False, num_classes=0)
    if state is None:
        return network
    config: Any = network.pretrained_cfg
    head = config.get("classifier") or ()
    # The training of Inception v3 had a second head, which its published files hold.
    unused = ("AuxLogits", *((head,) if isinstance(head, str) else head))
    try:
        load_strictly(network, state, unused=unused)
    except KeyError as error:
        converted = _converted(full, state, config)
        if converted is None:
            raise error
        return converted
    return network


def view(network: nn.Module, _entry: ModelEntry, _tag: str | None, size: int | None) -> View:
    """How timm evaluates the network, by the network's own data configuration."""
    config = resolve_model_data_config(network, {} if size is None else {"input_size": (3, size, size)})
    shown = tuple(config["input_size"][1:])
    scaled = tuple(math.floor(side / config["crop_pct"]) for side in shown)
    mode = config["crop_mode"]
    resizes: dict[str, Resize] = {"squash": "exact", "border": "contain"}
    return View(
        size=shown,
        scaled=scaled,
        resize=resizes.get(mode, "shorter" if scaled[0] == scaled[1] else "cover"),
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        fill=tuple(round(255 * value) for value in config["mean"]) if mode == "border" else (0, 0, 0),
    )


def pooled(
    network: nn.Module,
    entry: ModelEntry,
    tag: str | None,
    *,
    pools: tuple[str, ...],
    layer: int | None,
    size: int | None,
) -> nn.Module:
    """The network from standardised images to its feature.

    Raises
    ------
    ValueError
        The network has no such layer, cannot be pooled so, or takes no image of that size.
    """
    resized: dict[str, Any] = {}
    config: Any = network.pretrained_cfg
    if size is not None and config.get("fixed_input_size") and (size, size) != tuple(config["input_size"][1:]):
        patch = _patch(network)
        if size % patch:
            # timm would cut the rest off.
            raise ValueError(
                f"{entry.name} takes no image of {size} x {size} pixels: its patches have {patch} pixels a side; "
                f"{size_hint(network, size)}"
            )
        resized = {"img_size": size}
    if layer is not None:
        return _pooled_stage(network, _full_name(entry, tag), pools, layer, resized)
    if resized:
        network = _rebuilt(network, _full_name(entry, tag), num_classes=0, **resized)
    if pools == (OWN,):
        return network
    heads = [MapPool(pool) if pool == "flatten" else _repooled(network, entry.name, pool) for pool in pools]
    if len(pools) == 1 and "flatten" not in pools:
        return heads[0]
    return Joined(Unpooled(network), [head if isinstance(head, MapPool) else Head(head) for head in heads])


def _pooled_stage(
    network: nn.Module, full: str, pools: tuple[str, ...], layer: int, resized: dict[str, Any]
) -> nn.Module:
    name = full.partition(".")[0]
    stages = len(getattr(network, "feature_info", None) or ())
    if not stages:
        raise ValueError(f"layer={layer}: timm knows no feature stages of {name}; layer=last is all there is")
    if not -stages <= layer < stages:
        raise ValueError(f"layer={layer}: {name} has the feature stages 0 to {stages - 1}, or last")
    if "cls" in pools:
        raise ValueError(f"{name}[layer={layer}] cannot be pooled by cls: a feature stage is a map; try avg or max")
    try:
        stage = _rebuilt(network, full, features_only=True, out_indices=(layer % stages,), **resized)
    except REFUSALS as error:
        if isinstance(error, ValueError) and resized:
            raise
        raise ValueError(
            f"layer={layer}: timm gives no feature stages of {name} ({_line(error)}); try layer=last"
        ) from error
    channels_last = str(getattr(stage, "output_fmt", "NCHW")).rpartition(".")[2] == "NHWC"
    trunk = OneMap(stage, channels_last=channels_last)
    return Joined(trunk, [MapPool(pool) for pool in pools])


def _full_name(entry: ModelEntry, tag: str | None) -> str:
    return f"{entry.name}.{tag}" if tag else entry.name


def _overlay(state: State) -> dict[str, Any]:
    """A configuration by which timm takes the weights from memory, and asks no hub for any."""
    return dict.fromkeys(("file", "url", "hf_hub_id", "hf_hub_filename", "source")) | {"state_dict": state}


def _converted(full: str, state: State, config: dict[str, Any]) -> nn.Module | None:
    """The network with weights that its publisher named otherwise, by timm's own table; None where that fails too."""
    try:
        # With the publisher's number of classes timm loads strictly.
        network: nn.Module = timm.create_model(
            full,
            pretrained=True,
            pretrained_cfg_overlay=_overlay(state),
            num_classes=config["num_classes"],
            pretrained_strict=True,
        )
        reset: Any = network.reset_classifier
        reset(0)
    except Exception:  # the table of each model is code of its own that fails in its own way
        return None
    return network


def _rebuilt(network: nn.Module, full: str, **changes: Any) -> nn.Module:
    """The network built once more in another form, with the same weights; positions are resampled where need be."""
    state = network.state_dict()
    overlay = _overlay(dict(state))
    try:
        with _quiet():
            other: nn.Module = timm.create_model(full, pretrained=True, pretrained_cfg_overlay=overlay, **changes)
    except REFUSALS as error:
        if "img_size" not in changes:
            raise
        size = changes["img_size"]
        name = full.partition(".")[0]
        raise ValueError(
            f"{name} takes no image of {size} x {size} pixels ({_line(error)}); {size_hint(network, size)}"
        ) from error
    flat = {_flat(key): value for key, value in state.items()}
    for key, value in other.state_dict().items():
        known = flat.get(_flat(key))
        if known is None or (value.shape == known.shape and not torch.equal(value, known)):
            raise ValueError(f"{full.partition('.')[0]}: timm loses the weights {key} when it rebuilds the network")
    return other


def _line(error: Exception) -> str:
    """The beginning of what an error says, in one line."""
    return textwrap.shorten(str(error), 150, placeholder=" ...")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence timm on tensors of the layers that were cut off; that none is missing is checked here."""
    logger = logging.getLogger("timm.models._builder")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _flat(key: str) -> str:
    """A tensor's name without the depth that timm's wrappers add or take."""
    return key.removeprefix("model.").removeprefix("body.").replace(".", "_")


def size_hint(network: nn.Module, size: int) -> str:
    """Which sizes would do where `size` does not."""
    config: Any = network.pretrained_cfg
    default = f"size=default is {config['input_size'][-1]}"
    # Behind patches of fewer than 8 pixels, windows or strides ask for more than whole patches.
    step = _patch(network) if _patch(network) >= 8 else 32
    below, above = size // step * step, (size // step + 1) * step
    if not config.get("fixed_input_size"):
        return f"try {above} or more; {default}"
    if size % step == 0:
        return f"its weights fit its own size only: {default}"
    return f"try {f'{below} or ' if below else ''}{above}; {default}"


def _patch(network: nn.Module) -> int:
    """Side in pixels of a transformer's patches; 1 for any other network."""
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    return int(patch[0] if isinstance(patch, tuple) else patch)


def _repooled(network: nn.Module, name: str, pool: str) -> nn.Module:
    """A network of its own structure and the same tensors, pooled otherwise."""
    other = _pooled_otherwise(network, pool)
    if other is None:
        able = [single for single in _TIMM_POOLS if _pooled_otherwise(network, single) is not None]
        raise ValueError(f"{name} cannot be pooled by {pool}; it can by {' and by '.join([*able, 'flatten'])}")
    return other


def _pooled_otherwise(network: nn.Module, pool: str) -> nn.Module | None:
    tensors = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    other = copy.deepcopy(network, dict(tensors))
    reset: Any = getattr(other, "reset_classifier", None)
    try:
        reset(0, _TIMM_POOLS[pool])
    except REFUSALS:
        return None
    # A head that would have to be trained anew is none.
    return other if all(id(parameter) in tensors for parameter in other.parameters()) else None
