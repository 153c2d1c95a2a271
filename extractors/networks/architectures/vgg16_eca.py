"""VGG16 with efficient channel attention (`ullah-2021`; ECA: Wang et al. 2020).

Imports torch and timm, so this module is imported only where a network is built.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from timm.layers import EcaModule
from torch import nn

from extractors.networks.architectures.body import Body, dense_head
from extractors.networks.weights.loading import State, load_strictly

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of the five blocks of VGG16."""


def vgg16_eca_body() -> Body:
    """Build the convolutions of VGG16 with attention after the last convolution of each block, before its max-pooling.

    The kernel of the attention is the odd size next to (log2 C + 1) / 2 for C channels: 3, 5, 5, 5, 5. The place of the
    attention and global average pooling are chosen here. The feature has 512 values. Layers of VGG16 keep the numbers
    of timm and torchvision. Initial weights are those of VGG (He et al. 2015, biases 0).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, ((before, _), (channels, convolutions)) in enumerate(pairwise(((3, 0), *BLOCKS)), start=1):
        for index in range(convolutions):
            convolution = nn.Conv2d(channels if index else before, channels, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # this convolution has one
            layers[_next_number(layers)] = convolution
            layers[_next_number(layers)] = nn.ReLU(inplace=True)
        layers[f"eca{block}"] = EcaModule(channels)
        layers[_next_number(layers)] = nn.MaxPool2d(2)
    return Body(nn.Sequential(layers), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def vgg16_eca_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the fully connected layer of 256 units, ReLU, dropout 0.5 (chosen here) and the output layer."""
    return dense_head(width, 256, n_classes)


def load_vgg16(body: Body, state: State) -> None:
    """Load the convolutions of a VGG16 of timm or torchvision; the attention keeps its random weights.

    Raises
    ------
    KeyError, ValueError
        See `extractors.networks.weights.loading.load_strictly`.
    """
    numbered = [(name, layer) for name, layer in body.trunk.named_children() if name.isdecimal()]
    plain = nn.ModuleDict({"features": nn.Sequential(OrderedDict(numbered))})
    load_strictly(plain, state, unused=("pre_logits", "head", "classifier"))


def _next_number(layers: OrderedDict[str, nn.Module]) -> str:
    return str(sum(name.isdecimal() for name in layers))
