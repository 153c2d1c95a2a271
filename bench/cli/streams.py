"""Standard streams that are closed, full or without a reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

FAILED = 2
"""Exit code if the output cannot be written; click and rich exit with 1 if its reader has ended, as `head` does."""


@contextmanager
def checked_output() -> Iterator[None]:
    """End the process without a traceback if standard output or error cannot be written in the block or at its end.

    Closed ones are replaced by the null device, so that no file that is opened later takes their number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    try:
        yield
    except SystemExit:
        _check_streams()
        raise
    except OSError as error:
        if error.filename is None:  # perhaps of a stream; without a buffer, only another attempt shows it
            _check_streams("\n")
        raise
    _check_streams()


def _check_streams(text: str = "") -> None:
    """Write a text to standard error and output, or exit if that is impossible."""
    for stream, content in ((sys.stdout, ""), (sys.stderr, text), (sys.stdout, text)):
        error = _write(stream, content)
        if error is None:
            continue
        if stream is sys.stdout:
            _write(sys.stderr, f"Error: standard output cannot be written ({error.strerror})\n")
        sys.exit(FAILED)


def _write(stream: TextIO | None, text: str) -> OSError | None:
    """Write to a stream and flush it; after an error, it is the null device, so that the interpreter can flush it."""
    if stream is None:  # closed before the start
        return None
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        return error
    return None
