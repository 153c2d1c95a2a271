"""The epochs of one fit, written by a Lightning logger in the process that trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from extractors.networks.training.logger_spec import LoggerSpec, Scalar

METRICS = ("training_loss", "validation_loss", "validation_auroc", "learning_rate", "seconds")
"""Columns of the curves that are logged; the step is the number of the epoch over all stages."""


class EpochLog:
    """Write one row per epoch.

    The logger is built for the first row, so that a fit that trains no epoch changes no file. Its version names the
    first epoch unless that is 0: rows of a training that resumes stand beside those of the interrupted one.

    A context manager, whose end closes the logger.

    Parameters
    ----------
    spec : LoggerSpec
        The logger.
    options : mapping of str to bool, int, float, str or None
        Logged as hyperparameters, beside those of the fit.
    """

    def __init__(self, spec: LoggerSpec, options: Mapping[str, Scalar]) -> None:
        self._spec, self._options = spec, dict(options)
        self._logger: Any = None

    def write(self, row: Mapping[str, Any]) -> None:
        """Log an epoch, and flush.

        Parameters
        ----------
        row : mapping
            A row of the curves.

        Raises
        ------
        ValueError
            The logger raised an exception.
        """
        self._called(lambda: self._write(row))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Close the logger; the error of a training that has failed is raised, whatever the logger raises."""
        if kind is None:
            self.close()
        elif self._logger is not None:
            with suppress(Exception):
                self._logger.finalize("failed")

    def close(self) -> None:
        """Close the logger of a finished training; raises as `write`."""
        if self._logger is not None:
            self._called(lambda: self._logger.finalize("success"))
            self._logger = None

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._logger is None:
            self._logger = self._spec.build(epoch=row["epoch"])
            self._logger.log_hyperparams({**self._options, **self._spec.hyperparameters})
        self._logger.log_metrics({name: float(row[name]) for name in METRICS}, step=row["epoch"])
        self._logger.save()

    def _called(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the logger of a third party may raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(
                f"the logger {self._spec.path} failed ({reason}); the training stopped, because its epochs cannot be "
                "logged"
            ) from error
