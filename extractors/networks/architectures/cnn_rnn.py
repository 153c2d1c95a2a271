"""Convolutional and recurrent network of Shah et al. (`shah-2019`): the last map of AlexNet, read by an LSTM.

Imports torch and torchvision, so this module is imported only where a network is built.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import AlexNet

from extractors.networks.architectures.body import Body, LastState
from extractors.networks.weights.loading import State, load_strictly


class Steps(nn.Module):
    """A feature map as a sequence: its positions row by row, the channels of each position as one step."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, height, width) to (n, height * width, channels)."""
        return maps.flatten(2).transpose(1, 2)


def cnn_rnn_body() -> Body:
    """Build the convolutions of torchvision's AlexNet and an LSTM of 256 units over the last map.

    The map after the fifth convolution and its max-pooling has 256 channels of 6 x 6 at 224 pixels; other sizes are
    average-pooled to 6 x 6, as in torchvision. Chosen here: the 36 positions are the steps, of 256 values each, and the
    hidden state after the last step is the feature.
    """
    neck = nn.Sequential(nn.AdaptiveAvgPool2d(6), Steps(), LastState(256, 256))
    return Body(AlexNet(num_classes=1).features, neck)


def cnn_rnn_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the output layer."""
    return nn.Sequential(nn.Linear(width, n_classes))


def load_alexnet(body: Body, state: State) -> None:
    """Load the convolutions of torchvision's AlexNet; the LSTM keeps its random weights.

    Raises
    ------
    KeyError, ValueError
        See `extractors.networks.weights.loading.load_strictly`.
    """
    load_strictly(nn.ModuleDict({"features": body.trunk}), state, unused=("classifier",))
