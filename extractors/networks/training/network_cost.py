"""Cost of a network that is trained: parameters, floating-point operations and bytes.

Imports torch, so this module is imported only where a network is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from extractors.networks.backbones.cost import Cost, count_flops, count_parameters


@dataclass(frozen=True)
class NetworkCost(Cost):
    """Cost of one image.

    Parameters
    ----------
    bytes : int
        Size of parameters and buffers in memory.
    """

    bytes: int


def network_cost(module: nn.Module, size: int | tuple[int, int]) -> NetworkCost:
    """Compute the cost of the logits of one image.

    Parameters
    ----------
    module : torch.nn.Module
        Normalised float32 images (n, 3, height, width) to any output; on any device. Its mode is restored.
    size : int or tuple of int
        Side of the image, or height and width, in pixels.
    """
    height, width = (size, size) if isinstance(size, int) else size
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    image = torch.zeros(1, 3, height, width, device=device)
    training = module.training
    module.eval()
    with torch.inference_mode():
        flops = count_flops(lambda: module(image))
    module.train(training)
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    size_in_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    return NetworkCost(count_parameters(module), flops, (height, width), size_in_bytes)
