"""ALLNET of Sampathila et al. (`sampathila-2022`): four convolutional blocks and a fully connected layer.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from extractors.networks.architectures.body import Body, dense_head


def allnet_body() -> Body:
    """Build four blocks (3 x 3 convolution with padding, batch norm, ReLU, 2 x 2 max-pooling) and flatten the map.

    The sizes of the layers are open in our source; 32, 64, 128 and 256 filters are chosen here. The feature has
    256 x 14 x 14 = 50,176 values at 224 pixels.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((3, 32, 64, 128, 256)):
        layers += [
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
    return Body(nn.Sequential(*layers), nn.Flatten())


def allnet_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the fully connected layer of 512 units (chosen here), ReLU, dropout 0.5 and the output layer."""
    return dense_head(width, 512, n_classes)
