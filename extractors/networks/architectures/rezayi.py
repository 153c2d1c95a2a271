"""Convolutional network of Rezayi et al. (`rezayi-2021-cnn`): ten convolutions.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from extractors.networks.architectures.body import Body, dense_head, glorot_uniform


def rezayi_body() -> Body:
    """Build five blocks of two 3 x 3 convolutions with ReLU, 2 x 2 max-pooling and dropout, and flatten the map.

    The source states ten convolutions, max-pooling of 2 x 2 with stride 2, and random initial weights. Chosen here: 16,
    32, 64, 128 and 256 filters, padding, dropout 0.25 in each block, Glorot-uniform weights. The feature has
    256 x 7 x 7 = 12,544 values at 224 pixels.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((3, 16, 32, 64, 128, 256)):
        for channels in (before, after):
            layers += [nn.Conv2d(channels, after, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    body = Body(nn.Sequential(*layers), nn.Flatten())
    glorot_uniform(body)
    return body


def rezayi_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the fully connected layer of 128 units, ReLU, dropout 0.5 (both chosen here) and the output layer."""
    head = dense_head(width, 128, n_classes)
    glorot_uniform(head)
    return head
