"""As many images at a time as a GPU's memory takes, found by halving."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from extractors.networks.inference.engine import Shown

LARGEST = 256
"""Images that are tried first; larger batches are no faster."""

_found: dict[Hashable, int] = {}
_T = TypeVar("_T")


def batch_size(key: Hashable) -> int:
    """The largest batch that is still worth trying for `key` in this process."""
    return _found.get(key, LARGEST)


def in_batches(key: Hashable, images: Sequence[Shown], launch: Callable[[Sequence[Shown]], _T]) -> list[_T]:
    """What `launch` gives for each batch of the images, in order; batches that the memory does not take are halved.

    The size that was found is remembered for `key` as long as the process lives.

    Parameters
    ----------
    key : hashable
        The network with its precision and input size.
    images : sequence of ndarray
    launch : callable
        Raises `torch.OutOfMemoryError` for a batch that is too large.

    Raises
    ------
    ValueError
        Not even one image fits.
    """
    waiting, done = [images], []
    while waiting:
        piece = waiting.pop(0)
        size = batch_size(key)
        if len(piece) > size:
            waiting[:0] = [piece[:size], piece[size:]]
            continue
        launched = _launched(piece, launch)
        if launched is None:
            _found[key] = max(len(piece) // 2, 1)
            waiting.insert(0, piece)
        else:
            done.append(launched[0])
    return done


def _launched(piece: Sequence[Shown], launch: Callable[[Sequence[Shown]], _T]) -> tuple[_T] | None:
    """What was launched; None where the memory did not do. The failed batch is let go on return, before the next."""
    import torch  # noqa: PLC0415 - heavy

    try:
        return (launch(piece),)
    except torch.OutOfMemoryError as error:
        if len(piece) == 1:
            raise ValueError(
                "the GPU's memory does not take one image through the network; other processes may hold it: try fewer "
                "--jobs, a smaller size=, or --device cpu"
            ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
