"""Temporary silencing of the loggers of libraries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LIGHTNING = ("pytorch_lightning", "lightning_fabric")
"""Loggers of Lightning."""


@contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Suppress messages below errors; restore the levels afterwards."""
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
