"""Validation scores of epochs, reported while a network is trained, and the end of a fit by their receiver."""

from __future__ import annotations

from collections.abc import Callable

OnEpoch = Callable[[int, float], None]
"""Called after each complete epoch with its number, from 0 over all stages, and its validation score; higher is better.

It is not called for an epoch without a score. It may raise `EndFit`.
"""


class EndFit(BaseException):
    """Raised by `OnEpoch` to end a fit.

    Not an `Exception`, so that classifiers that catch the errors of the classifiers in them do not change it.
    """
