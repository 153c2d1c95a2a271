"""Torch modules from uint8 images to features, which an engine can run or trace.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Forward(nn.Module):
    """Scaling, normalisation and the network.

    Parameters
    ----------
    network : torch.nn.Module
        Normalised float32 images (n, 3, height, width) to features (n, width).
    mean, std : sequence of 3 floats
        Channel statistics on the scale 0 to 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map uint8 images (n, height, width, 3) to float32 features (n, width)."""
        # Permuted to (n, 3, height, width) the memory is channels last, in which a CPU convolves a third faster.
        scaled = images.permute(0, 3, 1, 2).to(torch.float32) / 255
        features: torch.Tensor = self.network((scaled - self.mean) / self.std)
        return features.to(torch.float32)


class Joined(nn.Module):
    """Concatenated outputs of several heads on one trunk."""

    def __init__(self, trunk: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to float32 features (n, width)."""
        feature = self.trunk(images)
        return torch.cat([head(feature) for head in self.heads], dim=1)


class NetworkPart(nn.Module):
    """A part of a timm network: a method of it as a module.

    Parameters
    ----------
    network : torch.nn.Module
    method : {"forward_features", "forward_head"}
        The layers up to the last feature map or the tokens, in the network's own layout; or pooling and the layers
        after it.
    """

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network = network
        self.method = method

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Apply the part."""
        output: torch.Tensor = getattr(self.network, self.method)(inputs)
        return output


class SingleMap(nn.Module):
    """A network that returns one feature map in a list or a dictionary; gives it as (n, channels, height, width)."""

    def __init__(self, network: nn.Module, *, channels_last: bool = False) -> None:
        super().__init__()
        self.network = network
        self.channels_last = channels_last

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to the feature map."""
        maps = self.network(images)
        only: torch.Tensor
        (only,) = maps.values() if isinstance(maps, dict) else maps
        return only.permute(0, 3, 1, 2) if self.channels_last else only


class MapPool(nn.Module):
    """Pooling of a feature map (n, channels, height, width): average, maximum, or all values."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Pool to (n, channels), or to (n, all values) for `flatten`, which also takes tokens (n, length, channels)."""
        if self.pool == "flatten":
            return maps.flatten(1)
        return torch.mean(maps, dim=(2, 3)) if self.pool == "avg" else torch.amax(maps, dim=(2, 3))
