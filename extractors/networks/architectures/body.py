"""The layers of an architecture up to the feature that enters its head.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

import torch
from torch import nn


class Body(nn.Module):
    """Trunk and neck.

    Parameters
    ----------
    trunk : torch.nn.Module
        Normalised float32 images (n, 3, side, side) to the last feature map, or to a sequence.
    neck : torch.nn.Module
        From there to features (n, width).
    """

    def __init__(self, trunk: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.neck = neck

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to float32 features (n, width)."""
        feature: torch.Tensor = self.neck(self.trunk(images))
        return feature


class LastState(nn.Module):
    """Long short-term memory over a sequence; its feature is the hidden state after the last step.

    Parameters
    ----------
    step : int
        Values of one step.
    width : int
        Length of the hidden state.
    """

    def __init__(self, step: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(step, width, batch_first=True)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Map sequences (n, steps, step) to float32 features (n, width)."""
        states: torch.Tensor = self.lstm(sequence)[0]
        return states[:, -1]


def dense_head(width: int, hidden: int, n_classes: int, *, dropout: float = 0.5) -> nn.Sequential:
    """Build a fully connected layer of `hidden` units, ReLU, dropout and the fully connected output layer."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, n_classes)
    )


def glorot_uniform(network: nn.Module) -> None:
    """Initialise convolutions and fully connected layers as Keras does: Glorot-uniform weights, biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
