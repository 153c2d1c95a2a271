"""Heads: the layers of a trained network after its pooled feature."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import Component, number_field

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Head(Component, ABC):
    """Base class of the heads."""

    pools: ClassVar[tuple[str, ...]] = ()
    """Poolings of the last feature map, in order, that the head requires; none: the network's own feature."""

    @abstractmethod
    def build(self, width: int, n_classes: int, *, dropout: float | None = None) -> nn.Module:
        """Build the layers; initial weights are drawn from torch's global generator.

        Parameters
        ----------
        width : int
            Length of the feature.
        n_classes : int
        dropout : float, optional
            Dropout rate instead of the head's own.

        Returns
        -------
        torch.nn.Module
            Features (n, width) to logits (n, n_classes).
        """


@dataclass(frozen=True)
class Linear(Head):
    """One fully connected layer, after dropout if a rate is given."""

    name: ClassVar[str] = "linear"

    def build(self, width: int, n_classes: int, *, dropout: float | None = None) -> nn.Module:
        """Build the layers; see `Head.build`."""
        from torch import nn  # noqa: PLC0415 - heavy

        layers = [nn.Dropout(dropout)] if dropout else []
        return nn.Sequential(*layers, nn.Linear(width, n_classes))


@dataclass(frozen=True)
class Default(Linear):
    """The published head of an architecture of this project; for any other network one fully connected layer."""

    name: ClassVar[str] = "default"


@dataclass(frozen=True)
class Mlp(Head):
    """Fully connected layer, ReLU, dropout, fully connected layer.

    Parameters
    ----------
    width : int
        Units of the first layer.
    dropout : float
        Dropout rate after the first layer, 0 <= dropout <= 0.99.
    """

    name: ClassVar[str] = "mlp"
    width: int = number_field(320, low=1, high=65_536)
    dropout: float = number_field(0.0, low=0.0, high=0.99)

    def build(self, width: int, n_classes: int, *, dropout: float | None = None) -> nn.Module:
        """Build the layers; see `Head.build`."""
        from torch import nn  # noqa: PLC0415 - heavy

        return nn.Sequential(
            nn.Linear(width, self.width),
            nn.ReLU(inplace=True),
            nn.Dropout(self.dropout if dropout is None else dropout),
            nn.Linear(self.width, n_classes),
        )


@dataclass(frozen=True)
class Fastai(Head):
    """Head of fastai 1 on the maximum and the average of each channel of the last feature map.

    Batch norm, half the dropout, fully connected layer, ReLU, batch norm, dropout, fully connected layer; weights by He
    et al. 2015 (normal distribution, by the number of inputs), biases 0. Source: `create_head` and `apply_init` of
    fastai 1.0.64.

    Parameters
    ----------
    width : int
        Units of the first fully connected layer.
    dropout : float
        Dropout rate before the last layer, 0 <= dropout <= 0.99; the rate before the first is half of it.
    """

    name: ClassVar[str] = "fastai"
    pools: ClassVar[tuple[str, ...]] = ("max", "avg")
    width: int = number_field(512, low=1, high=65_536)
    dropout: float = number_field(0.5, low=0.0, high=0.99)

    def build(self, width: int, n_classes: int, *, dropout: float | None = None) -> nn.Module:
        """Build the layers; see `Head.build`. `width` is twice the number of channels of the map."""
        from torch import nn  # noqa: PLC0415 - heavy

        rate = self.dropout if dropout is None else dropout
        head = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.Dropout(rate / 2),
            nn.Linear(width, self.width),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(self.width),
            nn.Dropout(rate),
            nn.Linear(self.width, n_classes),
        )
        for layer in head:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        return head


HEADS: Mapping[str, type[Head]] = {head.name: head for head in (Default, Linear, Mlp, Fastai)}
