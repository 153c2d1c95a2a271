"""The torch module that is trained: body, head, and batch norms that can be frozen.

Imports torch, so this module is imported only where a network is trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class TrainableModule(nn.Module):
    """Body and head.

    Parameters
    ----------
    body : torch.nn.Module
        Normalised float32 images (n, 3, height, width) to pooled features (n, width).
    head : torch.nn.Module
        Features to logits (n, n_classes).

    Attributes
    ----------
    frozen_norms : bool
        Whether batch norms stay in evaluation mode when the module is set to training mode.
    adapters_only : bool
        Whether the body has low-rank adapters, which are its only trainable tensors.
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.frozen_norms = False
        self.adapters_only = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised images (n, 3, height, width) to float32 logits (n, n_classes).

        Raises
        ------
        ValueError
            A batch of one image in training, if the network has batch norms that train.
        """
        if self.training and len(images) == 1 and any(norm.training for norm in batch_norms(self)):
            raise ValueError(
                "a batch of one cell: batch norm has no variance to estimate; use batch_size=2 or more with at least "
                "two cells in every batch, or bn=frozen"
            )
        logits: torch.Tensor = self.head(self.body(images))
        return logits.to(torch.float32)

    def train(self, mode: bool = True) -> TrainableModule:
        """Set training or evaluation mode; frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self.frozen_norms:
            for norm in batch_norms(self):
                norm.eval()
        return self


def batch_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the batch norms in a module, of any dimension."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            yield layer


def without_unused(module: nn.Module, images: torch.Tensor) -> nn.Module:
    """Replace layers that do not contribute to the output by the identity, in place.

    A network that is cut before its last layers still has them; they would be counted, stored and passed to the
    optimiser.

    Parameters
    ----------
    module : torch.nn.Module
        Set to evaluation mode.
    images : Tensor
        An input.
    """
    module.eval()
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    with torch.enable_grad():
        output = module(images).sum()
        gradients: Any = torch.autograd.grad(output, parameters, allow_unused=True)
    unused = {id(p) for p, gradient in zip(parameters, gradients, strict=True) if gradient is None}
    _replace_unused(module, unused)
    return module


def _replace_unused(module: nn.Module, unused: set[int]) -> None:
    for name, child in module.named_children():
        parameters = list(child.parameters())
        if parameters and all(id(parameter) in unused for parameter in parameters):
            setattr(module, name, nn.Identity())
        else:
            _replace_unused(child, unused)
