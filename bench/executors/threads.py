"""Environment of tasks, and limits on the threads of numeric libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@contextmanager
def task_environment(threads: int) -> Iterator[None]:
    """Set the environment variables that libraries read when they are loaded, and new Python processes at their start.

    Python processes that a task or a library starts do not import modules from the current folder.
    """
    values = {**dict.fromkeys(_THREAD_VARIABLES, str(threads)), "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Limit the threads of the libraries that this process has loaded, while the block runs."""
    import cv2  # noqa: PLC0415 (only a process that computes pays for the imports)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        cv2.setNumThreads(before)
