"""What a network costs: its parameters, and the floating-point operations of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from extractors.networks.backbones.backbone import Backbone


@dataclass(frozen=True)
class Cost:
    """What one image costs.

    Parameters
    ----------
    parameters : int
        Numbers that the network holds, trainable or not, without the statistics of its normalisations.
    flops : int
        Floating-point operations of one image: 2 for each multiplication with its addition (MAC). Element-wise
        operations, normalisation and pooling count as nothing.
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
    """The cost of one cell's feature at the network's input size.

    The layer that makes the published classes is no part of a backbone, so neither are its parameters. Where several
    poolings are joined, the layers behind the pooling run once for each but are counted as parameters once.
    """
    import torch  # noqa: PLC0415 - heavy

    image = torch.zeros(1, *backbone.view.size, 3, dtype=torch.uint8)
    with torch.inference_mode():
        flops = count_flops(lambda: backbone.module(image))
    return Cost(parameters=count_parameters(backbone.module), flops=flops, size=backbone.view.size)


def count_parameters(network: torch.nn.Module) -> int:
    """Numbers in the parameters of a network; a parameter that two layers share counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(run: Callable[[], Any]) -> int:
    """Floating-point operations that torch carries out while `run` runs, 2 for each MAC.

    `torch.utils.flop_counter.FlopCounterMode` counts convolutions and matrix products. It does not see into two
    fused kernels, so both are switched off meanwhile: the fast path of `torch.nn.TransformerEncoderLayer`, which
    would count as 0, and fused attention on the CPU.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: PLC0415 - heavy
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 - heavy

    with _without_fast_path(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


@contextmanager
def _without_fast_path() -> Iterator[None]:
    import torch  # noqa: PLC0415 - heavy

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _short(value: float) -> str:
    """Two significant digits, or all before the point."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
