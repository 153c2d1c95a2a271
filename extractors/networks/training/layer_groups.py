"""Layer groups of a network from its input to its head, for freezing and for learning rates.

Imports torch, timm and torchvision, so this module is imported only where a network is trained.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from timm.models import group_modules
from timm.models.densenet import DenseNet
from timm.models.resnet import ResNet
from timm.models.vgg import VGG
from torch import nn
from torchvision.models import AlexNet, SqueezeNet

from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.architectures.joined import JoinedBodies
from extractors.networks.backbones.own_networks import OwnNetwork

Groups = list[list[nn.Module]]

FASTAI_SPLITS: tuple[tuple[type[nn.Module], tuple[str, ...]], ...] = (
    (ResNet, ("layer3",)),
    (VGG, ("features.22",)),
    (DenseNet, ("features.transition2",)),
    (AlexNet, ("features.6",)),
    (SqueezeNet, ("features.5", "features.8")),
)
"""First layers of the later groups in fastai 1; its `features[7]` of a DenseNet is the second transition."""

FEWEST_PARTS = 4
"""A module with fewer parts is divided at the parts of its largest part; see `half_of_parts`."""


def body_groups(body: nn.Module, network: nn.Module) -> Groups:
    """Divide a body into layer groups.

    The splits are those of fastai 1 for ResNet, VGG, AlexNet, SqueezeNet and DenseNet, and those of the catalogue for
    architectures of this project. Other networks are halved: at timm's coarse groups (stem, stages or blocks), or by
    `half_of_parts`, like a body that ends before every split.

    Parameters
    ----------
    body : torch.nn.Module
        `network`, or its layers up to a pooled feature.
    network : torch.nn.Module
        As its library builds it; its type and layer names select the rule.

    Returns
    -------
    list of list of torch.nn.Module
        Layers without parts, in order; each parameter is in one group. Parameters of a layer with parts are in an
        `nn.ParameterList` of their own.
    """
    if isinstance(body, JoinedBodies):
        return merged_groups([body_groups(part, part) for part in body.bodies])
    splits = _splits(network)
    units = list(_units(body))
    starts = [start for split in splits if (start := _first(units, split)) is not None]
    if not starts and not isinstance(network, OwnNetwork):
        split = half_of_parts(body)
        starts = [start for start in [_first(units, split)] if start]
    edges = [0, *sorted(set(starts) - {0}), len(units)]
    groups = [[unit for _, unit in units[a:b]] for a, b in pairwise(edges)]
    return [group for group in groups if any(True for unit in group for _ in unit.parameters())]


def merged_groups(branches: Sequence[Groups]) -> Groups:
    """Merge the groups of several bodies pairwise, aligned at the head; bodies with more groups keep the first ones."""
    length = max(len(groups) for groups in branches)
    padded: list[Groups] = [[[] for _ in range(length - len(groups))] + groups for groups in branches]
    return [[unit for groups in padded for unit in groups[index]] for index in range(length)]


def half_of_parts(module: nn.Module) -> str:
    """Return the name of the first part of the second half.

    The parts are the children that have parameters. A module with fewer than `FEWEST_PARTS` is replaced by its largest
    part, so that a stem and a norm around a long sequence of blocks stay with its ends.
    """
    prefix = ""
    while True:
        parts = [(name, child) for name, child in module.named_children() if any(True for _ in child.parameters())]
        if len(parts) >= FEWEST_PARTS or not parts:
            break
        largest, module = max(parts, key=lambda part: sum(tensor.numel() for tensor in part[1].parameters()))
        prefix += f"{largest}."
    return prefix + parts[(len(parts) + 1) // 2][0] if parts else prefix.rstrip(".")


def _splits(network: nn.Module) -> tuple[str, ...]:
    if isinstance(network, OwnNetwork):
        return ARCHITECTURES[network.name].splits
    for kind, splits in FASTAI_SPLITS:
        if isinstance(network, kind):
            return splits
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is None:
        return (half_of_parts(network),)
    numbers = group_modules(network, matcher(coarse=True), reverse=True)
    half = (max(numbers.values()) + 2) // 2
    names = [name for name, _ in network.named_modules() if numbers.get(name, -1) >= half]
    return tuple(names[:1])


def _units(layer: nn.Module, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, nn.Module]]:
    """Yield layers whose parts have no parameters, by name, and the parameters of other layers; each tensor once."""
    seen = set() if seen is None else seen
    own = [parameter for parameter in layer.parameters(recurse=False) if id(parameter) not in seen]
    seen.update(id(parameter) for parameter in own)
    if not any(True for child in layer.children() for _ in child.parameters()):
        if own or not any(True for _ in layer.parameters()):
            yield name, layer
        return
    if own:
        yield name, nn.ParameterList(own)
    for part, child in layer.named_children():
        yield from _units(child, f"{name}.{part}".lstrip("."), seen)


def _first(units: Sequence[tuple[str, nn.Module]], split: str) -> int | None:
    """Index of the first unit of the layer `split`, whatever modules enclose the network; None if there is none."""
    pattern = re.compile(rf"(^|\.){re.escape(split)}(\.|$)")
    return next((index for index, (name, _) in enumerate(units) if pattern.search(name)), None)
