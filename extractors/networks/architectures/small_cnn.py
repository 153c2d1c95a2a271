"""A small convolutional network, trained from random weights on a few hundred cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def small_network(n_classes: int, *, width: int = 16, dropout: float = 0.2) -> nn.Module:
    """Build four blocks (3 x 3 convolution, batch norm, ReLU), global average pooling, dropout and a linear layer.

    The first convolution has stride 2, the first three blocks end in 2 x 2 max-pooling, and each block doubles the
    channels: `width`, then 2, 4 and 8 times `width`. For 64-pixel cells the last feature map is 4 x 4.

    Parameters
    ----------
    n_classes : int
        Length of the output.
    width : int
        Channels of the first block.
    dropout : float
        Share of the pooled features set to 0 in training, 0 <= dropout < 1.

    Returns
    -------
    torch.nn.Module
        Float32 (n, 3, side, side) to logits (n, n_classes), `side` >= 16. Its initial weights are drawn from torch's
        global generator.
    """
    from torch import nn  # noqa: PLC0415 - heavy

    channels = [3, width, 2 * width, 4 * width, 8 * width]
    layers: list[nn.Module] = []
    for block, (before, after) in enumerate(pairwise(channels)):
        layers += [
            nn.Conv2d(before, after, 3, stride=2 if block == 0 else 1, padding=1, bias=False),
            nn.BatchNorm2d(after, momentum=0.3),
            nn.ReLU(inplace=True),
        ]
        if block < 3:
            layers.append(nn.MaxPool2d(2))
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1], n_classes)]
    return nn.Sequential(*layers, *head)
