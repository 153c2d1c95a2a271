"""Prefetching: threads compute results a bounded number of items ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetched(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    ahead: int,
    initializer: Callable[[], object] | None = None,
) -> Generator[R]:
    """Yield `function(item)` for each item, in order, computed by threads.

    Close an iterator that is not exhausted (`contextlib.closing`): its threads then finish their current item and stop.

    Parameters
    ----------
    function : callable
        Called in a thread.
    items : iterable
        Iterated in the thread of the consumer.
    threads : int
        Number of threads.
    ahead : int
        Largest number of results that are ready or in progress, at least 1: the bound of the memory.
    initializer : callable, optional
        Called by each thread first.
    """
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch", initializer=initializer)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        # A consumer that knows the number of items does not ask for the end, so the threads end without it.
        pool.shutdown(wait=False)
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
