"""A check of a plugin: what is run, and how it came out."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Step:
    """A check that is still to be run.

    Parameters
    ----------
    name : str
        What must hold, in a few words.
    run : callable
        Gives a remark, or None; raises `Broken` where it does not hold and `NotApplicable` where it cannot be asked.
    """

    name: str
    run: Callable[[], str | None]


@dataclass(frozen=True)
class Check:
    """A check that was run.

    Parameters
    ----------
    name : str
        What must hold, in a few words.
    outcome : {"passed", "failed", "skipped"}
        How it came out.
    detail : str
        Of a failed one what was seen and what to do, of a skipped one why; else a remark or nothing.
    """

    name: str
    outcome: Outcome
    detail: str = ""


class Broken(Exception):  # noqa: N818 (it is a finding, not a fault of ours)
    """What must hold does not: the message says what was seen and what to do."""


class NotApplicable(Exception):  # noqa: N818 (nothing went wrong)
    """The check does not concern this plugin: the message says why."""


def outcomes(steps: Iterable[Step]) -> Iterator[Check]:
    """Run the steps one by one; whatever a plugin raises, the next one is run."""
    for step in steps:
        yield outcome_of(step)


def outcome_of(step: Step) -> Check:
    """Run a step. An exception of the plugin's own is a failure, told with the line that raised it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Check(step.name, "passed", step.run() or "")
    except NotApplicable as reason:
        return Check(step.name, "skipped", str(reason))
    except Broken as finding:
        return Check(step.name, "failed", str(finding))
    except (Exception, SystemExit) as error:  # a plugin may raise anything, and what it raises is the finding
        return Check(step.name, "failed", _told(error))


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
