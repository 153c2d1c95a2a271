"""Numba compilation with the settings that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property, update_wrapper
from typing import Any, TypeVar, cast

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
        import numba  # noqa: PLC0415 (0.2 s)

        dispatcher = numba.njit(nogil=True, fastmath=False, error_model="numpy")(self._function)
        with suppress(RuntimeError):  # no cache folder is writable
            dispatcher._cache = _tolerant_cache()(self._function)  # what Numba's own `cache=True` sets
        return dispatcher


@cache
def _tolerant_cache() -> Any:
    from numba.core.caching import FunctionCache  # noqa: PLC0415 (as above)

    class TolerantCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
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

    return TolerantCache
