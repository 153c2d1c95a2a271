"""Inference on the CPU with torch: the reference, and the fallback where OpenVINO does not support a network."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np

from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.engine import InputImage, Row
from extractors.networks.training.threads import torch_threads


class TorchEngine:
    """Engine that computes one image at a time, so that features depend on `threads` but not on other images.

    Parameters
    ----------
    backbone : Backbone
    threads : int
        Threads of torch, all for one image.
    precision : {"f32", "bf16"}
        `bf16` uses torch's autocast.
    notices : tuple of str
        Reasons for the fallback to this engine.
    """

    weights_sha256: str | None = None
    config_sha256: str | None = None

    def __init__(self, backbone: Backbone, *, threads: int, precision: str, notices: tuple[str, ...] = ()) -> None:
        self.transform = backbone.transform
        self.width = backbone.width
        self.notices = notices
        self._module = backbone.module
        self._threads = threads
        self._precision = precision

    def features(self, images: Iterable[InputImage]) -> Generator[Row, None, None]:
        """Compute features; see `Engine.features`."""
        import torch  # noqa: PLC0415 - heavy

        for image in images:
            batch = torch.from_numpy(np.array(image)[np.newaxis])
            autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == "bf16")
            with torch_threads(self._threads), torch.inference_mode(), autocast:
                row: Row = self._module(batch)[0].to(torch.float32).numpy()
            yield row
