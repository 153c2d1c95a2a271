"""Choice of the executor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.executors.executor import Executor


@dataclass(frozen=True)
class ExecutorOptions:
    """Options of an executor.

    Parameters
    ----------
    jobs : int
        Tasks that run at the same time.
    threads : int
        Threads of a task.
    timeout_s : float or None
        Time limit of the tasks that will be submitted, in seconds; None for no limit.
    """

    jobs: int
    threads: int
    timeout_s: float | None = None


@contextmanager
def open_executor(options: ExecutorOptions) -> Iterator[Executor]:
    """Yield an executor and stop it at the end of the block.

    One job without a time limit runs in this process; anything else runs in a pool of local worker processes.
    """
    if options.jobs == 1 and options.timeout_s is None:
        from bench.executors.inline import inline_executor  # noqa: PLC0415 (only the used executor is imported)

        with inline_executor(options.threads) as executor:
            yield executor
    else:
        from bench.executors.local_pool import local_pool  # noqa: PLC0415

        with local_pool(options.jobs, options.threads) as pool:
            yield pool
