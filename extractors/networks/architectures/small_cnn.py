"""A small convolutional network, trained from random weights on a few hundred cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

WIDTH = 16
"""Channels of the first block."""


def small_body(*, width: int = WIDTH) -> nn.Module:
    """Build four blocks (3 x 3 convolution, batch norm, ReLU) and global average pooling.

    The first convolution has stride 2, the first three blocks end in 2 x 2 max-pooling, and each block doubles the
    channels: `width`, then 2, 4 and 8 times `width`, which is the length of the feature. For 64-pixel cells the last
    feature map is 4 x 4.
    """
    from torch import nn  # noqa: PLC0415 - heavy

    from extractors.networks.architectures.body import Body  # noqa: PLC0415 - heavy

    layers: list[nn.Module] = []
    for block, (before, after) in enumerate(pairwise((3, width, 2 * width, 4 * width, 8 * width))):
        layers += [
            nn.Conv2d(before, after, 3, stride=2 if block == 0 else 1, padding=1, bias=False),
            nn.BatchNorm2d(after, momentum=0.3),
            nn.ReLU(inplace=True),
        ]
        if block < 3:
            layers.append(nn.MaxPool2d(2))
    return Body(nn.Sequential(*layers), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def small_head(width: int, n_classes: int, *, dropout: float = 0.2) -> nn.Module:
    """Build dropout and the output layer."""
    from torch import nn  # noqa: PLC0415 - heavy

    return nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_classes))
