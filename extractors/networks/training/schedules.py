"""Schedules of the learning rate and the momentum over the steps of a training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from extractors.component import Component, number_field


@dataclass(frozen=True)
class Schedule(Component, ABC):
    """Base class: learning rate and momentum as functions of the step.

    The unit of `step` and `total` is the caller's: updates of the weights, or epochs.
    """

    def rate_factor(self, step: int, total: int) -> float:
        """Return the learning rate of a step relative to the maximal rate.

        Parameters
        ----------
        step : int
            Index of the step, 0 <= step < total.
        total : int
            Number of steps.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        ValueError
            `step` is outside its range.
        """
        _check_step(step, total)
        return self._factor(step, total)

    def momentum(self, step: int, total: int, default: float) -> float:
        """Return the momentum of a step; `default` unless the schedule varies it. Parameters as `rate_factor`."""
        _check_step(step, total)
        return default

    @abstractmethod
    def _factor(self, step: int, total: int) -> float: ...


@dataclass(frozen=True)
class Constant(Schedule):
    """The maximal rate in every step."""

    name: ClassVar[str] = "constant"

    def _factor(self, step: int, total: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half cosine (1 + cos(pi k / n)) / 2 in step k of n (Loshchilov & Hutter 2017, without restarts).

    Parameters
    ----------
    warmup : float
        Share w of the steps, 0 to 1, in which the rate increases linearly: step k < w n has the factor
        (k + 1) / ceil(w n). The cosine of all n steps takes over at the step where the linear part ends.
    """

    name: ClassVar[str] = "cosine"
    warmup: float = number_field(0.0, low=0.0, high=1.0)

    def _factor(self, step: int, total: int) -> float:
        rising = math.ceil(self.warmup * total - 1e-9)  # 0.07 * 100 exceeds 7 in floating point
        return (step + 1) / rising if step < rising else _cosine(1.0, 0.0, step / total)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """The 1cycle schedule of fastai 1 (Smith 2018), with a half cosine in both phases.

    In the first int(start n) of n steps, at least one, the rate increases from 1 / div to the maximum while the
    momentum decreases; in the remaining steps the rate decreases towards 1 / (div final) and the momentum increases
    back. The end of the second phase is reached after the last step, not in it. Source: `OneCycleScheduler` and
    `Scheduler` of fastai 1.0.

    Parameters
    ----------
    start : float
        Share of the steps in the first phase.
    div : float
        The maximal rate divided by the first one.
    final : float
        The first rate divided by the last one.
    momentum_high, momentum_low : float
        Momentum (beta 1 of Adam) at both ends and at the maximal rate.
    """

    name: ClassVar[str] = "one_cycle"
    start: float = number_field(0.3, low=0.0, high=1.0)
    div: float = number_field(25.0, low=1.0, high=1e6)
    final: float = number_field(1e4, low=1.0, high=1e9)
    momentum_high: float = number_field(0.95, low=0.0, high=0.9999)
    momentum_low: float = number_field(0.85, low=0.0, high=0.9999)

    def momentum(self, step: int, total: int, default: float) -> float:
        """Return the momentum of a step; `default` is not used. Parameters as `rate_factor`."""
        _check_step(step, total)
        return self._cycle(step, total, self.momentum_high, self.momentum_low, self.momentum_high)

    def _factor(self, step: int, total: int) -> float:
        return self._cycle(step, total, 1 / self.div, 1.0, 1 / (self.div * self.final))

    def _cycle(self, step: int, total: int, first: float, middle: float, last: float) -> float:
        rising = int(total * self.start)
        # A phase without steps still takes one step in fastai, and does not shorten the other phase.
        length = max(1, rising)
        if step < length:
            return _cosine(first, middle, step / length)
        return _cosine(middle, last, (step - length) / max(1, total - rising))


@dataclass(frozen=True)
class Steps(Schedule):
    """Multiply the rate by `factor` between equal parts of the training.

    Step k of n is in part floor(parts k / n), counted from 0. A drop every 30 of 90 epochs is `parts=3`.

    Parameters
    ----------
    parts : int
        Number of parts, at least 2.
    factor : float
        Ratio of the rates of successive parts.
    """

    name: ClassVar[str] = "steps"
    parts: int = number_field(3, low=2, high=1000)
    factor: float = number_field(0.1, low=1e-9, high=1.0)

    def _factor(self, step: int, total: int) -> float:
        return float(self.factor ** (self.parts * step // total))


SCHEDULES: Mapping[str, type[Schedule]] = {kind.name: kind for kind in (Constant, Cosine, OneCycle, Steps)}
"""Schedules by name."""


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _check_step(step: int, total: int) -> None:
    if not 0 <= step < total:
        raise ValueError(f"step {step} is not one of the {total} steps of the schedule")
