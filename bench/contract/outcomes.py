"""Checks of a plugin and their outcomes."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Step:
    """A check to run.

    Parameters
    ----------
    name : str
        Requirement, in a few words.
    run : callable
        Returns a remark or None; raises `Violation`, or `NotApplicable` if the check does not apply.
    """

    name: str
    run: Callable[[], str | None]


@dataclass(frozen=True)
class Check:
    """Result of a check.

    Parameters
    ----------
    name : str
        Requirement, in a few words.
    outcome : {"passed", "failed", "skipped"}
        Outcome.
    detail : str
        Failed: the violation and how to fix it. Skipped: the reason. Passed: a remark or an empty string.
    """

    name: str
    outcome: Outcome
    detail: str = ""


class Violation(Exception):  # noqa: N818 (a result of a check, not an error of the toolkit)
    """A requirement is violated; the message states the violation and how to fix it."""


class NotApplicable(Exception):  # noqa: N818 (not an error)
    """The check does not apply to this plugin; the message states why."""


def outcome_of(step: Step) -> Check:
    """Run a step; an exception of the plugin is a failure with the line that raised it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return Check(step.name, "passed", step.run() or "")
    except NotApplicable as reason:
        return Check(step.name, "skipped", str(reason))
    except Violation as violation:
        return Check(step.name, "failed", str(violation))
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        return Check(step.name, "failed", _described(error))


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
