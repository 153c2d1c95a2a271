"""Networks that are trained: building, layer groups, and which of them train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.networks.architectures.catalogue import ARCHITECTURES, JOINED
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.backbone import BackboneSpec, stage_pools
from extractors.networks.backbones.centre_square import CentreSquare
from extractors.networks.backbones.named_network import NamedNetwork, feature_width, named_network, output_shape
from extractors.networks.backbones.pooling import OWN
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.training.heads import Default, Head
from extractors.networks.training.network_spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

    from extractors.networks.training.trainable_module import TrainableModule


@dataclass
class TrainableNetwork:
    """A network with its head.

    Parameters
    ----------
    spec : NetworkSpec
        The specification it was built from.
    module : TrainableModule
        Normalised float32 images (n, 3, height, width) to logits (n, n_classes).
    groups : list of list of torch.nn.Module
        Layer groups from the input to the head, which is the last.
    transform : MaskCrop, CentreSquare or ResizeCrop
        Cell to uint8 image (height, width, 3).
    mean, std : tuple of 3 floats
        Channel statistics on the scale 0 to 1 by which images are normalised; see `NetworkSpec.scale`.
    file : Path or None
        File of the initial weights; None: random.
    width : int
        Length of the pooled feature.
    """

    spec: NetworkSpec
    module: TrainableModule
    groups: list[list[nn.Module]]
    transform: MaskCrop | CentreSquare | ResizeCrop
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    file: Path | None
    width: int


@dataclass(frozen=True)
class _Branch:
    """One body and what belongs to it."""

    body: nn.Module
    groups: list[list[nn.Module]]
    transform: ResizeCrop
    width: int
    network: NamedNetwork


def build_network(
    spec: NetworkSpec,
    n_classes: int,
    *,
    weights_dir: str | Path | None = None,
    sha256: str | None = None,
    load: bool = True,
) -> TrainableNetwork:
    """Build a network and load its initial weights; random ones are drawn from torch's global generator.

    Parameters
    ----------
    spec : NetworkSpec
    n_classes : int
        Number of logits, at least 1.
    weights_dir : str or Path, optional
        A folder of safetensors files, searched first.
    sha256 : str, optional
        Expected digest of the file of the weights. Joined networks do not take one.
    load : bool
        Whether to load initial weights; all are random if not, for a network whose weights are loaded afterwards.

    Returns
    -------
    TrainableNetwork
        In training mode; every layer trains.

    Raises
    ------
    ValueError
        Unknown model or tag; a head, pooling, layer, size or rank that the network does not support; a file of another
        model, or with another digest.
    OSError
        The weights are not available or cannot be read.
    """
    from extractors.networks.training.layer_groups import merged_groups  # noqa: PLC0415 - heavy
    from extractors.networks.training.trainable_module import TrainableModule  # noqa: PLC0415 - heavy

    branches: list[_Branch] = []
    for name in spec.names:
        size = branches[0].transform.size[0] if branches else spec.size
        branches.append(_branch(spec, spec.backbone(name, size), weights_dir, sha256, load))
    transform, width = branches[0].transform, sum(branch.width for branch in branches)
    head = _head(spec, width, n_classes)
    module = TrainableModule(_joined(branches), head)
    network = TrainableNetwork(
        spec=spec,
        module=module,
        groups=[*merged_groups([branch.groups for branch in branches]), [head]],
        transform=input_transform(spec, transform),
        mean=transform.mean,
        std=transform.std,
        file=branches[0].network.file,
        width=width,
    )
    module.adapters_only = spec.lora > 0
    set_trainable(network, 0)
    return network


def set_trainable(network: TrainableNetwork, first_group: int, *, bn: str = "train") -> None:
    """Freeze the layer groups before `first_group`, and let the others train.

    With low-rank adapters, the body's other tensors stay frozen.

    Parameters
    ----------
    network : TrainableNetwork
        Modified in place.
    first_group : int
        Index of the first group that trains; `len(network.groups) - 1` trains the head alone.
    bn : {"train", "frozen"}
        `train`: batch norms train in every group, parameters and statistics, as in fastai. `frozen`: those of every
        group, the head included, keep both, also after `module.train()`.

    Raises
    ------
    ValueError
        There is no such group, or `bn` is unknown.
    """
    from extractors.networks.training.adapters import is_adapter  # noqa: PLC0415 - heavy
    from extractors.networks.training.trainable_module import batch_norms  # noqa: PLC0415 - heavy

    if not 0 <= first_group < len(network.groups):
        raise ValueError(f"first_group={first_group}: the network has the layer groups 0 to {len(network.groups) - 1}")
    if bn not in {"train", "frozen"}:
        raise ValueError(f"bn={bn} is not known; it is train or frozen")
    for index, group in enumerate(network.groups):
        for layer in group:
            layer.requires_grad_(index >= first_group)
    module = network.module
    for norm in batch_norms(module):
        norm.requires_grad_(bn == "train")
    if module.adapters_only:
        for path, parameter in module.body.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and is_adapter(path))
    module.frozen_norms = bn == "frozen"
    module.train(module.training)


def input_transform(spec: NetworkSpec, frame: ResizeCrop) -> MaskCrop | CentreSquare | ResizeCrop:
    """Return the transform of a view: `frame`, the same of a square in its centre, or a crop to the mask.

    Raises
    ------
    ValueError
        A crop to the mask is square, and the input of the network is not.
    """
    if not spec.crops_to_mask:
        return frame if spec.crop is None else CentreSquare(frame, spec.crop)
    height, width = frame.size
    if height != width:
        raise ValueError(f"view=mask needs a square input; that of {spec.names[0]} has {height} x {width} pixels")
    return MaskCrop(height)


def _branch(
    spec: NetworkSpec, backbone: BackboneSpec, weights_dir: str | Path | None, sha256: str | None, load: bool
) -> _Branch:
    import torch  # noqa: PLC0415 - heavy

    from extractors.networks.architectures.body import Body  # noqa: PLC0415 - heavy
    from extractors.networks.backbones.own_networks import OwnNetwork  # noqa: PLC0415 - heavy
    from extractors.networks.training.adapters import add_adapters  # noqa: PLC0415 - heavy
    from extractors.networks.training.layer_groups import body_groups  # noqa: PLC0415 - heavy
    from extractors.networks.training.trainable_module import without_unused  # noqa: PLC0415 - heavy

    size = None if backbone.size == "default" else int(backbone.size)
    network = named_network(backbone.model, backbone.weights, weights_dir, sha256=sha256, load=load)
    transform = network.library.image_transform(network.module, network.full, size)
    images = torch.zeros(1, 3, *transform.size)
    body = _body(spec.head, backbone, network, images).eval()
    width = feature_width(network, lambda: body(images), size)
    if body is not network.module and not isinstance(network.module, OwnNetwork):
        without_unused(body, images)
    if isinstance(body, Body):
        _set_dropout(body, spec.dropout)
    if spec.lora:
        add_adapters(body, network.name, spec.lora, images)
    return _Branch(body, body_groups(body, network.module), transform, width, network)


def _body(head: Head, backbone: BackboneSpec, network: NamedNetwork, images: torch.Tensor) -> nn.Module:
    """Return the network up to the feature that enters the head."""
    from extractors.networks.backbones.forward import Joined, MapPool  # noqa: PLC0415 - heavy
    from extractors.networks.backbones.own_networks import OwnNetwork  # noqa: PLC0415 - heavy

    layer = None if backbone.layer == "last" else int(backbone.layer)
    size = None if backbone.size == "default" else int(backbone.size)
    pooled = partial(network.library.pooled, network.module, network.full, layer=layer, size=size)
    if not head.pools or layer is not None:
        body = pooled(pools=head.pools or stage_pools(backbone))
        return body.body if isinstance(body, OwnNetwork) else body
    maps = network.library.feature_map(pooled(pools=(OWN,)), network.full).eval()
    if len(output_shape(network, lambda: maps(images), size)) != 4:
        raise ValueError(
            f"head={head.name} pools a feature map, and {network.name} has none; use head=linear or head=mlp"
        )
    return Joined(maps, [MapPool(pool) for pool in head.pools])


def _joined(branches: Sequence[_Branch]) -> nn.Module:
    from extractors.networks.architectures.joined import JoinedBodies  # noqa: PLC0415 - heavy

    if len(branches) == 1:
        return branches[0].body
    statistics = [(branch.transform.mean, branch.transform.std) for branch in branches]
    return JoinedBodies([branch.body for branch in branches], statistics)


def _head(spec: NetworkSpec, width: int, n_classes: int) -> nn.Module:
    """Build the head; the default is the published one for architectures of this project and for joined networks."""
    from extractors.networks.architectures.builders import BUILDERS  # noqa: PLC0415 - heavy
    from extractors.networks.architectures.joined import joined_head  # noqa: PLC0415 - heavy

    name = JOINED.name if len(spec.names) > 1 else spec.names[0]
    if not isinstance(spec.head, Default) or name not in ARCHITECTURES:
        return spec.head.build(width, n_classes, dropout=spec.dropout)
    published = joined_head if name == JOINED.name else BUILDERS[name].head
    head = published(width, n_classes)
    _set_dropout(head, spec.dropout)
    return head


def _set_dropout(module: nn.Module, rate: float | None) -> None:
    """Set the rate of all dropout layers; None: keep their own."""
    from torch import nn  # noqa: PLC0415 - heavy

    for layer in module.modules():
        if isinstance(layer, nn.Dropout) and rate is not None:
            layer.p = rate
