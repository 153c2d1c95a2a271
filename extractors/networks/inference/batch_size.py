"""Largest batch that fits into the memory of a GPU, determined by halving."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from extractors.networks.inference.engine import InputImage

MAX_BATCH = 256
"""First batch size to try; larger batches are no faster."""

_sizes: dict[Hashable, int] = {}
_T = TypeVar("_T")


def batch_size(key: Hashable) -> int:
    """Return the largest batch size for `key` that has not failed in this process."""
    return _sizes.get(key, MAX_BATCH)


def in_batches(key: Hashable, images: Sequence[InputImage], launch: Callable[[Sequence[InputImage]], _T]) -> list[_T]:
    """Call `launch` on batches of the images, in order, halving batches that do not fit into memory.

    The batch size is stored for `key` until the process ends.

    Parameters
    ----------
    key : hashable
        The network with its precision and input size.
    images : sequence of ndarray
    launch : callable
        Raises `torch.OutOfMemoryError` for a batch that is too large.

    Returns
    -------
    list
        Return value of `launch` for each batch.

    Raises
    ------
    ValueError
        A single image does not fit.
    """
    pending, results = [images], []
    while pending:
        batch = pending.pop(0)
        size = batch_size(key)
        if len(batch) > size:
            pending[:0] = [batch[:size], batch[size:]]
            continue
        result = _try_launch(batch, launch)
        if result is None:
            _sizes[key] = max(len(batch) // 2, 1)
            pending.insert(0, batch)
        else:
            results.append(result[0])
    return results


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
