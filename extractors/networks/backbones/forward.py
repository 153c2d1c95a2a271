"""From uint8 images to features as one torch module, which an engine can run, or trace, as a whole.

Imports torch, so it is itself imported only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class Forward(nn.Module):
    """Scales, standardises, and goes through the network.

    Parameters
    ----------
    network : torch.nn.Module
        Float32 (n, 3, height, width), standardised, to features (n, width).
    mean, std : sequence of 3 floats
        Of each channel on the scale 0 to 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Uint8 images (n, height, width, 3) as float32 features (n, width)."""
        # Seen as (n, 3, height, width) these bytes are channels last, in which a CPU convolves a third faster.
        scaled = images.permute(0, 3, 1, 2).to(torch.float32) / 255
        features: torch.Tensor = self.network((scaled - self.mean) / self.std)
        return features.to(torch.float32)


class Joined(nn.Module):
    """What several heads make of the output of one trunk, side by side."""

    def __init__(self, trunk: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float32 features (n, width)."""
        feature = self.trunk(images)
        return torch.cat([head(feature) for head in self.heads], dim=1)


class Unpooled(nn.Module):
    """A timm network up to its last map or its tokens."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """In the network's own layout."""
        network: Any = self.network
        feature: torch.Tensor = network.forward_features(images)
        return feature


class Head(nn.Module):
    """What a timm network does from its last map on: pooling, and what its weights have behind it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Float32 features (n, width)."""
        network: Any = self.network
        pooled: torch.Tensor = network.forward_head(feature)
        return pooled


class OneMap(nn.Module):
    """The only map of a network that gives a list or a dictionary of them, as (n, channels, height, width)."""

    def __init__(self, network: nn.Module, *, channels_last: bool = False) -> None:
        super().__init__()
        self.network = network
        self.channels_last = channels_last

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The map."""
        maps = self.network(images)
        only: torch.Tensor
        (only,) = maps.values() if isinstance(maps, dict) else maps
        return only.permute(0, 3, 1, 2) if self.channels_last else only


class MapPool(nn.Module):
    """A map (n, channels, height, width) as a vector: its average, its maximum, or all of its numbers."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Shape (n, channels), or (n, all numbers) for `flatten`, which also takes tokens (n, length, channels)."""
        if self.pool == "flatten":
            return maps.flatten(1)
        return torch.mean(maps, dim=(2, 3)) if self.pool == "avg" else torch.amax(maps, dim=(2, 3))
