"""Inference on a GPU with torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.engine import InputImage, Row

if TYPE_CHECKING:
    import torch


MAX_BATCH = 256
"""First batch size to try; larger batches are no faster."""

_T = TypeVar("_T")


class _Launched(NamedTuple):
    """A batch in progress: the host tensor of its rows, and the event that marks its completion."""

    rows: torch.Tensor
    finished: torch.cuda.Event | None


class CudaEngine:
    """Engine with the largest batches that fit; the next batch is collected and copied on a separate stream meanwhile.

    Parameters
    ----------
    backbone : Backbone
        Unchanged: the GPU gets a copy.
    precision : {"f32", "bf16"}
        `f32` is single precision without TF32; `bf16` uses torch's autocast.
    device : str
        `"cuda"`. `"cpu"` computes the same batches without streams and pinned memory, for tests.
    """

    notices: tuple[str, ...] = ()
    weights_sha256: str | None = None
    config_sha256: str | None = None

    def __init__(self, backbone: Backbone, *, precision: str, device: str = "cuda") -> None:
        import torch  # noqa: PLC0415 - heavy

        self.transform = backbone.transform
        self.width = backbone.width
        self._batch_size = MAX_BATCH
        self._precision = precision
        self._device = torch.device(device)
        self._pinned = self._device.type == "cuda"
        streams: Any = torch.cuda
        self._copying = streams.Stream(self._device) if self._pinned else None
        self._module = copy.deepcopy(backbone.module).to(memory_format=torch.channels_last).to(self._device)

    def features(self, images: Iterable[InputImage]) -> Generator[Row, None, None]:
        """Compute features; see `Engine.features`. The last bits may depend on the batch size."""
        remaining = iter(images)
        running: list[_Launched] = []
        while batch := list(islice(remaining, self._batch_size)):
            launched, self._batch_size = in_batches(batch, self._batch_size, self._launch)
            yield from _rows(running)
            running = launched
        yield from _rows(running)

    def _launch(self, images: Sequence[InputImage]) -> _Launched:
        import torch  # noqa: PLC0415 - heavy

        host = torch.empty((len(images), *self.transform.size, 3), dtype=torch.uint8, pin_memory=self._pinned)
        np.stack(images, out=host.numpy())
        batch = self._copied(host)
        with torch.inference_mode(), self._arithmetic():
            features = self._module(batch).to(torch.float32)
            rows = torch.empty(features.shape, dtype=torch.float32, pin_memory=self._pinned)
            rows.copy_(features, non_blocking=True)
        if not self._pinned:
            return _Launched(rows, None)
        events: Any = torch.cuda
        finished = events.Event()
        finished.record(torch.cuda.current_stream(self._device))
        return _Launched(rows, finished)

    def _copied(self, host: torch.Tensor) -> torch.Tensor:
        import torch  # noqa: PLC0415 - heavy

        if self._copying is None:
            return host
        with torch.cuda.stream(self._copying):
            batch = host.to(self._device, non_blocking=True)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._copying)
        batch.record_stream(computing)
        return batch

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        """Set the precision: bf16 by autocast, or single precision without TF32."""
        import torch  # noqa: PLC0415 - heavy

        if self._precision == "bf16":
            with torch.autocast(self._device.type, dtype=torch.bfloat16):
                yield
            return
        backends: Any = torch.backends
        settings = (backends.cuda.matmul, backends.cudnn.conv)
        before = [setting.fp32_precision for setting in settings]
        for setting in settings:
            setting.fp32_precision = "ieee"
        try:
            yield
        finally:
            for setting, precision in zip(settings, before, strict=True):
                setting.fp32_precision = precision


def in_batches(
    images: Sequence[InputImage], size: int, launch: Callable[[Sequence[InputImage]], _T]
) -> tuple[list[_T], int]:
    """Call `launch` on batches of the images, in order, halving batches that do not fit into memory.

    Parameters
    ----------
    images : sequence of ndarray
    size : int
        Largest size of a batch.
    launch : callable
        Raises `torch.OutOfMemoryError` for a batch that is too large.

    Returns
    -------
    results : list
        Return value of `launch` for each batch.
    size : int
        Largest size of a batch that fits.

    Raises
    ------
    ValueError
        A single image does not fit.
    """
    pending, results = [images], []
    while pending:
        batch = pending.pop(0)
        if len(batch) > size:
            pending[:0] = [batch[:size], batch[size:]]
            continue
        result = _try_launch(batch, launch)
        if result is None:
            size = max(len(batch) // 2, 1)
            pending.insert(0, batch)
        else:
            results.append(result[0])
    return results, size


def _try_launch(batch: Sequence[InputImage], launch: Callable[[Sequence[InputImage]], _T]) -> tuple[_T] | None:
    """Launch a batch; None if memory is exhausted. A failed batch is released on return, before the next one."""
    import torch  # noqa: PLC0415 - heavy

    try:
        return (launch(batch),)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise ValueError(
                "one image through the network does not fit into the GPU's memory; other processes may use it: try "
                "fewer --jobs, a smaller size=, or --device cpu"
            ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _rows(launched: list[_Launched]) -> Iterator[Row]:
    for rows, finished in launched:
        if finished is not None:
            finished.synchronize()
        for row in rows.numpy():
            yield row.copy()
