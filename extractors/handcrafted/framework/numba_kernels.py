"""How a loop is compiled: one place for the settings that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a function of arrays and numbers with Numba when it is first called, and keep it for the next process.

    One thread, no re-ordered sums: the same arguments give the same bits. A compiled function may use compiled
    functions and constants of its own file only, since Numba's cache looks no further for changes.

    Parameters
    ----------
    function : callable
        In the part of Python that Numba compiles.

    Returns
    -------
    callable
        Of the same signature. Where no folder for the compiled code can be written, or what lies in it is damaged, it
        is compiled anew.
    """
    kernel: Any = numba.njit(nogil=True, fastmath=False, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder can be written
        kernel._cache = _Kept(function)  # what Numba's own `cache=True` sets
    kept: Kernel = kernel
    return kept


class _Kept(FunctionCache):  # type: ignore[misc]  # Numba has no types
    """Numba's files of compiled code; one that is damaged, lost or full costs the time to compile, not the run."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code kept for a signature; None where there is none that can be read."""
        try:
            found = super().load_overload(sig, target_context)
        except Exception:
            with suppress(OSError):
                self.flush()
            return None
        # Two processes that compile two signatures at once may give both one file.
        return found if found is None or found.signature.args == tuple(sig) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code where that is possible."""
        with suppress(OSError):
            super().save_overload(sig, data)
