"""A frozen network on the processor by torch: the reference, and what computes where OpenVINO cannot."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np

from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.engine import Row, Shown
from extractors.networks.training.threads import torch_threads


class TorchEngine:
    """One image at a time, so that its bits do not depend on its neighbours; they do depend on `threads`.

    Parameters
    ----------
    backbone : Backbone
    threads : int
        Threads of torch, all for one image.
    precision : {"f32", "bf16"}
        `bf16` by torch's autocast.
    notices : tuple of str
        Why this engine was taken, where it was not asked for.
    """

    def __init__(self, backbone: Backbone, *, threads: int, precision: str, notices: tuple[str, ...] = ()) -> None:
        self.view = backbone.view
        self.width = backbone.width
        self.notices = notices
        self._module = backbone.module
        self._threads = threads
        self._precision = precision

    def features(self, images: Iterable[Shown]) -> Generator[Row, None, None]:
        """As `Engine.features`."""
        for image in images:
            yield self._forward(image)

    def _forward(self, image: Shown) -> Row:
        import torch  # noqa: PLC0415 - heavy

        batch = torch.from_numpy(np.array(image)[np.newaxis])
        autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == "bf16")
        with torch_threads(self._threads), torch.inference_mode(), autocast:
            row: Row = self._module(batch)[0].to(torch.float32).numpy()
        return row
