"""Signals that stop a command: the first one stops it in order, the second one at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bench.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_REPEAT_S = 0.5
"""Seconds in which signals count as one: `timeout`, and programs that forward Ctrl-C, send each of them twice."""

_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def interrupting_signals() -> Iterator[None]:
    """Raise `Interrupted` in the block at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.

    Signals that are ignored, as `nohup` starts a command, stay ignored. A thread receives the second signal, because
    the main thread may be in a function that does not return to Python for a long time.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def restore() -> None:
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, before[number])

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in handled:
            signal.signal(other, _do_nothing)
        raise Interrupted(number)

    for number in handled:
        signal.signal(number, interrupt)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=restore)
    threading.Thread(target=_end_at_second, args=(reading,), daemon=True).start()
    try:
        yield
    finally:
        restore()
        os.close(writing)


def _end_at_second(reading: int) -> None:
    """End the process, without any clean-up, when a signal arrives after the first one; workers end by themselves."""
    first = None
    while data := os.read(reading, 1):
        if data[0] not in _SIGNALS:
            continue
        if first is None:
            first = time.monotonic()
        elif time.monotonic() - first > _REPEAT_S:
            if sys.stderr is not None and sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            os._exit(128 + data[0])
    os.close(reading)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Handle a signal that `_end_at_second` receives, too."""
