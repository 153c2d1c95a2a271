"""Convolutional network of Unnithan (`unnithan-nd`): four convolutions and a fully connected layer of 128 units.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from torch import nn

from extractors.networks.architectures.body import Body, dense_head, glorot_uniform


def unnithan_body() -> Body:
    """Build the layers up to the flattened map.

    Four 3 x 3 convolutions of 64 filters without padding, each with ReLU; 2 x 2 max-pooling and dropout 0.5 after the
    second and after the fourth. The printed shapes 254, 252, 126, 124, 122, 61 for an input of 256 pixels need stride
    1. The feature has 64 x 61 x 61 = 238,144 values at 256 pixels and 64 x 21 x 21 = 28,224 at 96.

    The paper states no initialisation; Keras' default is chosen here, because its layer names are Keras'.
    """
    layers: list[nn.Module] = []
    for index, channels in enumerate((3, 64, 64, 64)):
        layers += [nn.Conv2d(channels, 64, 3), nn.ReLU(inplace=True)]
        if index % 2:
            layers += [nn.MaxPool2d(2), nn.Dropout(0.5)]
    body = Body(nn.Sequential(*layers), nn.Flatten())
    glorot_uniform(body)
    return body


def unnithan_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the fully connected layer of 128 units, ReLU, dropout 0.5 and the output layer.

    With one output, which the paper passes to a sigmoid, and an input of 256 pixels the network has the published
    30,595,265 parameters: 1,792 + 3 x 36,928 + 30,482,560 + 129. Each further class adds 129.
    """
    head = dense_head(width, 128, n_classes)
    glorot_uniform(head)
    return head
