"""Cache of compiled kernels in a folder that only the user can write to, because its files are pickles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from extractors.files.cache_folder import cache_folder
from extractors.files.private_folder import check_private_folder

_notices: list[str] = []


def kernel_cache(function: Callable[..., Any]) -> Any:
    """Return Numba's cache of a kernel; None without a folder that is safe, with a notice in `cache_notices`."""
    with suppress(RuntimeError):  # no locator has a folder
        kernels = _tolerant_cache()(function)
        # `NUMBA_CACHE_LOCATOR_CLASSES` may select another locator, which does not check its folder.
        return kernels if isinstance(kernels._impl.locator, _checked_locator()) else None
    return None


def cache_notices() -> tuple[str, ...]:
    """Message for the user if compiled kernels are not cached; the first reason only."""
    return tuple(_notices[:1])


def _folders(file: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders for the kernels of a source file, the preferred one first, and the mode of new ones.

    `NUMBA_CACHE_DIR`, if it is set; otherwise the folder of Python's compiled modules beside the file, and the user's
    cache.
    """
    import numba  # noqa: PLC0415 (0.2 s)

    name = f"{file.parent.name}_{hashlib.sha256(str(file.parent).encode()).hexdigest()[:16]}"
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR) / name, 0o700
        return
    yield file.parent / "__pycache__", 0o755
    yield cache_folder() / "numba" / name, 0o700


@cache
def _checked_locator() -> Any:
    from numba.core.caching import InTreeCacheLocator  # noqa: PLC0415 (as above)

    class CheckedLocator(InTreeCacheLocator):  # type: ignore[misc]  # Numba has no types
        """The first of `_folders` that passes `check_private_folder`."""

        def __init__(self, function: Any, file: str, folder: Path) -> None:
            super().__init__(function, file)
            self._cache_path = str(folder)

        @classmethod
        def from_function(cls, py_func: Any, py_file: str) -> CheckedLocator | None:
            """Return the locator of a kernel; None without a safe folder."""
            if not Path(py_file).is_file():
                return None
            for folder, mode in _folders(Path(py_file).absolute()):
                try:
                    check_private_folder(folder, mode=mode)
                except OSError as error:
                    reason = f"{folder}: {error.strerror or error}"
                else:
                    return cls(py_func, py_file, folder)
            _notices.append(f"compiled kernels are not cached, so each process compiles them ({reason})")
            return None

    return CheckedLocator


@cache
def _tolerant_cache() -> Any:
    from numba.core.caching import CompileResultCacheImpl, FunctionCache  # noqa: PLC0415 (as above)

    class CheckedImplementation(CompileResultCacheImpl):  # type: ignore[misc]  # Numba has no types
        """Numba's files in a checked folder."""

        _locator_classes = [_checked_locator()]  # noqa: RUF012 (as Numba declares it)

    class TolerantCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
        """Numba's cache of compiled code; a damaged or missing file or a full disk only costs compile time."""

        _impl_class = CheckedImplementation

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
