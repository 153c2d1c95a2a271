"""KeyboardInterrupt under Lightning, which turns it into SystemExit and ignores further ones."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Run a Lightning training in the block so that Ctrl-C raises KeyboardInterrupt, and the handler is restored."""
    on_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if on_main_thread:
            signal.signal(signal.SIGINT, handler)
