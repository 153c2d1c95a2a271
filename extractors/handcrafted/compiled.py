"""How a loop is compiled: one place for the settings that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_SETTINGS = {"nogil": True, "fastmath": False, "error_model": "numpy"}


def compiled(function: Kernel) -> Kernel:
    """Compile a function of arrays and numbers with Numba when it is first called, and keep it for the next process.

    One thread, no re-ordered sums: the same arguments give the same bits. A compiled function may call compiled
    functions of its own file only, since Numba's cache looks no further for changes.

    Parameters
    ----------
    function : callable
        In the part of Python that Numba compiles.

    Returns
    -------
    callable
        Of the same signature. Where no folder for the compiled code can be written, it is compiled anew by each
        process.
    """
    try:
        kernel: Kernel = numba.njit(cache=True, **_SETTINGS)(function)
    except RuntimeError:
        kernel = numba.njit(**_SETTINGS)(function)
    return kernel
