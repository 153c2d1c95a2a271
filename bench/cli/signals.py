"""Signals that stop a command: the first one stops it in order, the second one at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

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
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}

    is_interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal is_interrupted
        is_interrupted = True
        for other in before:
            signal.signal(other, _do_nothing)
        raise Interrupted(number)

    for number in before:
        signal.signal(number, interrupt)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_end_at_second, args=(reading,), daemon=True).start()
    _replaced.update(before)
    try:
        yield
    finally:
        if not is_interrupted:  # otherwise the process ends, and a signal that is sent twice must not change how
            _restore()
            os.close(writing)


_replaced: dict[signal.Signals, Any] = {}
"""Handlers that are replaced while a command runs."""


def _restore() -> None:
    """Restore the handlers that were replaced."""
    if _replaced:
        signal.set_wakeup_fd(-1)
    while _replaced:
        signal.signal(*_replaced.popitem())


def _block() -> None:
    """Block the signals until a forked process has restored the handlers, so that it is not ended too early to be."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _replaced)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _replaced)


def _restore_in_child() -> None:
    blocked = tuple(_replaced)
    _restore()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)


os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_restore_in_child)


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


@atexit.register
def _ignore_late_signals() -> None:
    """Ignore the repetition of a signal that arrives while Python shuts down, which would change the exit code."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _do_nothing:
            signal.signal(number, signal.SIG_IGN)
