"""Builders of the architectures in `extractors.networks.architectures.catalogue`.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from extractors.networks.architectures.allnet import allnet_body, allnet_head
from extractors.networks.architectures.body import Body
from extractors.networks.architectures.cnn_rnn import cnn_rnn_body, cnn_rnn_head, load_alexnet
from extractors.networks.architectures.dct_lstm import dct_lstm_body, dct_lstm_head
from extractors.networks.architectures.rezayi import rezayi_body, rezayi_head
from extractors.networks.architectures.small_cnn import small_body, small_head
from extractors.networks.architectures.unnithan import unnithan_body, unnithan_head
from extractors.networks.architectures.vgg16_eca import load_vgg16, vgg16_eca_body, vgg16_eca_head
from extractors.networks.weights.loading import State


@dataclass(frozen=True, slots=True)
class Builder:
    """Functions that build an architecture; initial weights are drawn from torch's global generator.

    Parameters
    ----------
    body : callable
        Returns the layers from normalised images to the feature that enters the head.
    head : callable
        `head(width, n_classes)` returns the published layers from a feature of that width to the logits.
    load_trunk : callable or None
        `load_trunk(body, state)` loads the published weights of the first layers.
    """

    body: Callable[[], nn.Module]
    head: Callable[[int, int], nn.Module]
    load_trunk: Callable[[Body, State], None] | None = None


BUILDERS = {
    "allnet": Builder(allnet_body, allnet_head),
    "cnn_rnn": Builder(cnn_rnn_body, cnn_rnn_head, load_alexnet),
    "dct_lstm": Builder(dct_lstm_body, dct_lstm_head),
    "rezayi": Builder(rezayi_body, rezayi_head),
    "small": Builder(small_body, small_head),
    "unnithan": Builder(unnithan_body, unnithan_head),
    "vgg16_eca": Builder(vgg16_eca_body, vgg16_eca_head, load_vgg16),
}
"""All but `joined`, whose bodies are networks of timm: see `extractors.networks.backbones.own_networks`."""
