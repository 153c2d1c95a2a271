"""Numba compilation with the settings that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


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
        Same signature. Without a writable cache folder, or with a damaged cache file, it is compiled in each process.
    """
    kernel: Any = numba.njit(nogil=True, fastmath=False, error_model="numpy")(function)
    with suppress(RuntimeError):  # no cache folder is writable
        kernel._cache = _TolerantCache(function)  # what Numba's own `cache=True` sets
    wrapped: Kernel = kernel
    return wrapped


class _TolerantCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
    """Numba's cache of compiled code; a damaged or missing file or a full disk only costs compile time."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the code of a signature; None if there is no readable file."""
        try:
            overload = super().load_overload(sig, target_context)
        except Exception:
            with suppress(OSError):
                self.flush()
            return None
        # Two processes that compile two signatures at the same time may write both to one file.
        return overload if overload is None or overload.signature.args == tuple(sig) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the code if possible."""
        with suppress(OSError):
            super().save_overload(sig, data)
