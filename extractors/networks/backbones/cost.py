"""Cost of a network: number of parameters, and floating-point operations per image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from extractors.networks.backbones.backbone import Backbone


@dataclass(frozen=True)
class Cost:
    """Cost of one image.

    Parameters
    ----------
    parameters : int
        Number of parameters, trainable or not, without the statistics of normalisation layers.
    flops : int
        Floating-point operations per image: 2 for each multiply-accumulate (MAC). Element-wise operations,
        normalisation and pooling are not counted.
    size : tuple of int
        Height and width of the image in pixels.
    """

    parameters: int
    flops: int
    size: tuple[int, int]

    def __str__(self) -> str:
        height, width = self.size
        millions, billions = _short(self.parameters / 1e6), _short(self.flops / 1e9)
        return f"{millions} M parameters, {billions} GFLOP a cell at {height} x {width}"


def backbone_cost(backbone: Backbone) -> Cost:
    """Compute the cost of one cell's feature at the network's input size.

    The final classification layer is not part of a backbone, so its parameters are not counted. Where several poolings
    are joined, the layers after the pooling run once for each, but their parameters count once.
    """
    import torch  # noqa: PLC0415 - heavy

    image = torch.zeros(1, *backbone.transform.size, 3, dtype=torch.uint8)
    with torch.inference_mode():
        flops = count_flops(lambda: backbone.module(image))
    return Cost(parameters=count_parameters(backbone.module), flops=flops, size=backbone.transform.size)


def count_parameters(network: torch.nn.Module) -> int:
    """Count the parameters of a network; a parameter that two layers share counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(run: Callable[[], Any]) -> int:
    """Count the floating-point operations of torch during `run`, 2 for each MAC.

    `torch.utils.flop_counter.FlopCounterMode` counts convolutions and matrix products. It misses three fused kernels,
    so they are disabled: the fast path of `torch.nn.TransformerEncoderLayer`, which would count as 0, fused attention
    on the CPU, and the recurrent layers of oneDNN.
    """
    import torch  # noqa: PLC0415 - heavy
    from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: PLC0415 - heavy
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 - heavy

    mha: Any = torch.backends.mha
    onednn: Any = torch.backends.mkldnn
    before = mha.get_fastpath_enabled(), onednn.enabled
    mha.set_fastpath_enabled(False)
    onednn.enabled = False
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            run()
    finally:
        mha.set_fastpath_enabled(before[0])
        onednn.enabled = before[1]
    return int(counter.get_total_flops())


def _short(value: float) -> str:
    """Format with two significant digits, or as an integer from 10 on."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
