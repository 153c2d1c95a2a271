"""Specification of a network that is trained; importing it does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractors.component import component
from extractors.networks.architectures.catalogue import ARCHITECTURES, check_size
from extractors.networks.backbones.backbone import BackboneSpec
from extractors.networks.backbones.pooling import OWN
from extractors.networks.training.heads import HEADS, Default, Head
from extractors.networks.weights.resolve import full_name, weights_file

VIEWS = ("default", "frame", "mask")


def network_names(value: Any, parameter: str = "arch") -> tuple[str, ...]:
    """Return the names of the networks that a parameter gives: one, or several joined by `+` or in a list.

    Raises
    ------
    ValueError
        The value is no text or list of texts, or a name is empty.
    """
    names = value.split("+") if isinstance(value, str) else value
    if not (isinstance(names, list | tuple) and names and all(isinstance(name, str) and name for name in names)):
        raise ValueError(f"{parameter}={value} names no network; it is a name such as resnet18, or several joined by +")
    return tuple(names)


@dataclass(frozen=True)
class NetworkSpec:
    """Specification of a network that is trained.

    Parameters
    ----------
    arch : str or tuple of str
        Name of a timm or torchvision model, with or without `.tag`, of an architecture of this project, or of a
        foundation model; `hf-hub:OWNER/NAME` or `local-dir:FOLDER`; or several of these, whose pooled features are
        concatenated.
    weights : str
        See `extractors.networks.weights.resolve.weights_file`. Architectures of this project without published weights
        take `default` as `random`, because they are trained from random weights where they are published.
    head : Head or str
        A component of `extractors.networks.training.heads.HEADS`, or its name.
    dropout : float or None
        Rate of all dropout layers of an architecture of this project and of the head; None: their own rates.
    size : int or "default"
        Side in pixels of the square input image.
    layer, pool
        See `extractors.networks.backbones.backbone.BackboneSpec`.
    view : {"default", "frame", "mask"}
        What is resized to the input: the whole frame, or the bounding box of the mask, padded to a square. `default` is
        `mask` for `small`, `unnithan`, `allnet` and `rezayi`, `frame` otherwise.
    lora : int
        Rank of low-rank adapters of the attention layers, which are trained instead of the body; 0: none.
    crop : int or None
        Side in pixels of the square in the centre of the frame that is resized to the input; None: the whole frame.

    Raises
    ------
    ValueError
        A parameter is invalid, or contradicts another.
    """

    arch: str | tuple[str, ...]
    weights: str = "default"
    head: Head = field(default_factory=Default)
    dropout: float | None = None
    size: int | str = "default"
    layer: int | str = "last"
    pool: str | tuple[str, ...] = OWN
    view: str = "default"
    lora: int = 0
    crop: int | None = None

    def __post_init__(self) -> None:
        names = network_names(self.arch)
        object.__setattr__(self, "arch", names[0] if len(names) == 1 else names)
        object.__setattr__(self, "head", component(self.head, HEADS, "head"))
        if self.view not in VIEWS:
            raise ValueError(f"view={self.view} is not known; it is one of {', '.join(VIEWS)}")
        if self.crop is not None and self.crops_to_mask:
            raise ValueError(f"crops={self.crop}: crops are squares of the frame; use view=frame with them")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); it is {self.dropout}")
        if isinstance(self.lora, bool) or not isinstance(self.lora, int) or self.lora < 0:
            raise ValueError(f"lora={self.lora} is not valid; it is the rank of the adapters, or 0 for none")
        if len(names) > 1 and self.weights not in ("default", "random"):
            raise ValueError(f"weights={self.weights}: joined networks take weights=default or weights=random")
        pool = self.backbone(names[0], self.size).pool
        for name in names:
            check_size(name, self.size)
        object.__setattr__(self, "pool", pool)
        if self.head.pools and pool != OWN:
            raise ValueError(f"head={self.head.name} pools the feature map itself; use pool=default with it")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the networks: one, or those that are joined."""
        return (self.arch,) if isinstance(self.arch, str) else self.arch

    def backbone(self, name: str, size: int | str) -> BackboneSpec:
        """Return the specification of one of the networks at an input size."""
        return BackboneSpec(name, self.initial_weights(name), self.pool, self.layer, size)

    def initial_weights(self, name: str) -> str:
        """Return `weights` of one of the networks, with `default` as `random` where no weights are published."""
        own = ARCHITECTURES.get(name)
        return "random" if own is not None and own.trunk is None and self.weights == "default" else self.weights

    def weights_file(self, weights_dir: str | Path | None = None) -> Path | None:
        """Return the file of the initial weights, None for random ones, without importing torch.

        Raises
        ------
        ValueError
            Unknown model or tag, or pretrained networks of different names are joined.
        FileNotFoundError
            The weights are not available; the message lists what was tried and what to do.
        """
        files = {name: weights_file(name, self.initial_weights(name), weights_dir) for name in self.names}
        if len(files) > 1 and any(file is not None for file in files.values()):
            raise ValueError(
                f"arch={'+'.join(self.names)}: networks of different names are joined from random weights only; use "
                "weights=random, join one network with itself, or combine them with ensemble"
            )
        return files[self.names[0]]

    def full_name(self) -> str:
        """Return the names of the networks, joined by `+`, with the tags of their weights; resolves `default`.

        Raises
        ------
        ValueError
            Unknown model or tag.
        """
        return "+".join(full_name(name, self.initial_weights(name)) for name in self.names)

    @property
    def crops_to_mask(self) -> bool:
        """Whether the input is the bounding box of the mask."""
        own = ARCHITECTURES.get(self.names[0])
        return self.view == "mask" or (self.view == "default" and own is not None and own.view == "mask")

    @property
    def scale(self) -> str:
        """What `scale=default` means: `training` (statistics of the training part), or the `config` of the network."""
        own = ARCHITECTURES.get(self.names[0])
        return "training" if own is not None and own.scale == "training" else "config"
