"""Inference on the CPU with OpenVINO."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from extractors.networks.inference.conversion import MODEL, conversion_error
from extractors.networks.inference.engine import InputImage, Row
from extractors.networks.inference.network_cache import ConvertedNetwork
from extractors.networks.inference.openvino_runtime import compile_model, core, has_native_bf16

AHEAD = 2
"""Requests per thread, so that no thread waits for the consumer of the rows."""


class OpenVINOEngine:
    """Engine with one image per request and one thread per image: features do not depend on other images or `threads`.

    Parameters
    ----------
    network : ConvertedNetwork
        A supported network.
    threads : int
        Number of images computed in parallel.
    precision : {"f32", "bf16"}

    Raises
    ------
    UnconvertibleError
        OpenVINO does not support the network on this CPU.
    MemoryError
        Not enough free memory.
    """

    weights_sha256: str | None = None
    config_sha256: str | None = None

    def __init__(self, network: ConvertedNetwork, *, threads: int, precision: str) -> None:
        self.transform = network.transform
        self.width = network.width
        self._ahead = AHEAD * threads
        try:
            model = core().read_model(str(network.folder / MODEL))
            self._compiled = compile_model(model, threads=threads, precision=precision)
        except RuntimeError as error:
            raise conversion_error(error) from error
        self.notices: tuple[str, ...] = ()
        if precision == "bf16" and not has_native_bf16():
            self.notices = (
                "precision=bf16: this CPU has no bf16 instructions, so OpenVINO emulates them, slower than f32",
            )

    def features(self, images: Iterable[InputImage]) -> Generator[Row, None, None]:
        """Compute features; see `Engine.features`."""
        free: list[Any] = [self._compiled.create_infer_request() for _ in range(self._ahead)]
        running: deque[Any] = deque()
        try:
            for image in images:
                row = None
                if not free:
                    row = _row(running[0])
                    free.append(running.popleft())
                request = free.pop()
                request.start_async({0: image[np.newaxis]})
                running.append(request)
                if row is not None:
                    yield row
            while running:
                yield _row(running[0])
                running.popleft()
        finally:
            for request in running:  # an image must outlive its computation
                request.wait()


def _row(request: Any) -> Row:
    request.wait()
    row: Row = request.get_output_tensor(0).data[0].copy()
    return row
