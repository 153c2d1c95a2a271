"""A converted network on the processor by OpenVINO."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from extractors.networks.inference.conversion import MODEL, refusal
from extractors.networks.inference.engine import Row, Shown
from extractors.networks.inference.network_cache import ConvertedNetwork
from extractors.networks.inference.openvino_runtime import compiled, computes_bf16, core

AHEAD = 2
"""Images that wait or are computed for each thread: none waits for the one that asks for rows."""


class OpenVINOEngine:
    """One image a request and one thread an image: bits depend neither on other images nor on `threads`.

    Parameters
    ----------
    network : ConvertedNetwork
        Without a refusal.
    threads : int
        Images that are computed at a time.
    precision : {"f32", "bf16"}

    Raises
    ------
    UnconvertibleError
        OpenVINO cannot run the network on this processor.
    MemoryError
        There is not enough memory now.
    """

    def __init__(self, network: ConvertedNetwork, *, threads: int, precision: str) -> None:
        self.view = network.view
        self.width = network.width
        self._ahead = AHEAD * threads
        try:
            model = core().read_model(str(network.folder / MODEL))
            self._compiled = compiled(model, threads=threads, precision=precision)
        except RuntimeError as error:
            raise refusal(error) from error
        self.notices: tuple[str, ...] = ()
        if precision == "bf16" and not computes_bf16():
            self.notices = (
                "precision=bf16: this processor has no units for it, so OpenVINO emulates it, slower than f32",
            )

    def features(self, images: Iterable[Shown]) -> Generator[Row, None, None]:
        """As `Engine.features`."""
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
