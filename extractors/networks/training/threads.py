"""Temporary setting of torch's number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run the block with `threads` torch threads, because results depend on their number; restore it afterwards.

    Raises
    ------
    ValueError
        `threads` is below 1.
    """
    import torch  # noqa: PLC0415 - heavy

    if threads < 1:
        raise ValueError(f"threads must be at least 1; it is {threads}")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
