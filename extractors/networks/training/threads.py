"""Number of threads of torch, for a block or for the current thread."""

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


def use_one_thread() -> None:
    """Let torch compute in the current thread alone, without effect on other threads of the process."""
    import torch  # noqa: PLC0415 - heavy
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - heavy

    # In a new thread torch sets the number of OpenMP threads at its first use, which would undo an earlier limit.
    # `torch.set_num_threads` would also change the default of later threads.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
