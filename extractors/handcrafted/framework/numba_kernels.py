"""Numba compilation with the settings that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

from extractors.handcrafted.framework.kernel_cache import kernel_cache

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_SETTINGS = ".numba_config.yaml"
"""A file of the current folder that Numba reads; it may have come with the data."""


def compiled(function: Kernel) -> Kernel:
    """Compile a function of arrays and numbers with Numba at its first call, and cache the machine code on disk.

    One thread and no reordered sums: the same arguments give the same bits. A compiled function may use compiled
    functions and constants of its own file only, because Numba's cache checks only that file for changes.

    Parameters
    ----------
    function : callable
        In the subset of Python that Numba compiles.

    Returns
    -------
    callable
        Same signature. Without a safe cache folder, or with a damaged cache file, it is compiled in each process.
    """
    return cast(Kernel, _Kernel(function))


class _Kernel:
    """A function that is compiled at its first call, so that naming an extractor does not import Numba."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """Compile the kernel and those of its file, which it may call, and call it."""
        names = self._function.__globals__
        for name, value in list(names.items()):
            if isinstance(value, _Kernel) and value._function.__globals__ is names:
                names[name] = value.dispatcher
        return self.dispatcher(*args)

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's function."""
        if Path(_SETTINGS).exists():
            raise ValueError(
                f"the current folder contains {_SETTINGS}, from which Numba takes settings such as the folder of its "
                "cache; remove it, or work in another folder"
            )
        import numba  # noqa: PLC0415 (0.2 s)

        dispatcher = numba.njit(nogil=True, fastmath=False, error_model="numpy")(self._function)
        if (kernels := kernel_cache(self._function)) is not None:
            dispatcher._cache = kernels  # what Numba's own `cache=True` sets
        return dispatcher
