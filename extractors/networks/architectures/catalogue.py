"""Architectures of this project by name: input, normalisation, initial weights and layer groups, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is known of an architecture without building it.

    Parameters
    ----------
    name : str
        Its name in selectors; `extractors.networks.architectures.builders` builds it.
    size : int
        Default side of the input in pixels.
    smallest : int
        Smallest side that it accepts.
    scale : {"none", "imagenet", "training"}
        Default normalisation of pixels / 255: none, by ImageNet's channel statistics, or by those of the training part.
    trunk : str or None
        Network of timm or torchvision whose published weights the first layers take; None: they have no published ones.
    splits : tuple of str
        Names of the first layers of the second and later layer groups of the body.
    has_map : bool
        Whether the feature is computed from one last feature map by pooling or flattening it.
    view : {"frame", "mask"}
        Default part of a cell's image: the whole frame, or the bounding box of its mask.
    """

    name: str
    size: int
    smallest: int
    scale: Literal["none", "imagenet", "training"] = "none"
    trunk: str | None = None
    splits: tuple[str, ...] = ()
    has_map: bool = True
    view: Literal["frame", "mask"] = "frame"

    @property
    def size_hint(self) -> str:
        """Sizes that it accepts, for messages."""
        return f"it takes {self.smallest} or more; size=default is {self.size}"


JOINED = Architecture("joined", 299, 75, trunk="inception_resnet_v2", has_map=False)
"""Two backbones; its input and normalisation are those of its trunk, and its feature has no single map."""

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("allnet", 224, 16, "training", splits=("trunk.8",), view="mask"),
        Architecture("cnn_rnn", 224, 63, "imagenet", "alexnet", ("trunk.6",), has_map=False),
        Architecture("dct_lstm", 256, 64, has_map=False),
        JOINED,
        Architecture("rezayi", 224, 32, "training", splits=("trunk.12",), view="mask"),
        Architecture("small", 64, 16, "training", splits=("trunk.8",), view="mask"),
        Architecture("unnithan", 256, 16, "training", splits=("trunk.6",), view="mask"),
        Architecture("vgg16_eca", 224, 32, "imagenet", "vgg16", ("trunk.22",)),
    )
}


def check_size(name: str, size: object) -> None:
    """Raise ValueError for a size in pixels that is below the smallest of an architecture of this project."""
    own = ARCHITECTURES.get(name)
    if own is not None and isinstance(size, int) and size < own.smallest:
        raise ValueError(f"{name} rejects images of {size} x {size} pixels; {own.size_hint}")
