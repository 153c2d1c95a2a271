"""Rows of the leaderboard: one experiment and its scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from bench.evidence.comparison.comparable_groups import SHORT_KEY
from bench.experiments.records import BASELINE, ExperimentResult
from bench.plugins.pipeline import pipeline_name
from bench.scores.intervals import BOOTSTRAP, BRACKETS, interval_text
from bench.scores.metrics import PRIMARY


@dataclass(frozen=True)
class Score:
    """One metric of one experiment with its 95 % interval; NaN where it is undefined.

    Parameters
    ----------
    value, low, high : float
        Estimate and ends of the interval.
    repeat_sd : float
        Standard deviation between repeats; NaN with one repeat.
    method : str
        Method of the interval.
    n : int
        Number of patients, if the value is a share of patients; otherwise 0.
    """

    value: float
    low: float
    high: float
    repeat_sd: float = math.nan
    method: str = BOOTSTRAP
    n: int = 0

    @property
    def defined(self) -> bool:
        """Whether the value is finite; a score at its limit may have no interval."""
        return math.isfinite(self.value)

    @property
    def interval(self) -> str:
        """The interval with two decimals, or `(no interval)`."""
        return interval_text(self.low, self.high, form=BRACKETS)

    @property
    def share(self) -> str:
        """Correctly classified patients out of all, such as `25/28`; empty where the count is not an integer."""
        hits = self.value * self.n
        is_count = self.n > 0 and self.defined and abs(hits - round(hits)) < 1e-6
        return f"{round(hits)}/{self.n}" if is_count else ""

    def __str__(self) -> str:
        return f"{self.value:.2f} {self.interval}" if self.defined else "undefined"


UNDEFINED = Score(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Row:
    """One experiment of a comparable group.

    Parameters
    ----------
    result : ExperimentResult
        The stored experiment.
    scores : mapping of str to Score
        By metric.
    seconds : float
        Wall time of tuning, fits and predictions of all folds; NaN where it was not stored.
    ambiguous : bool
        Whether another row of the group has the same name (other code, weights or libraries).
    """

    result: ExperimentResult
    scores: Mapping[str, Score]
    seconds: float
    ambiguous: bool = False

    @property
    def prepare(self) -> str:
        """Preparation of the cells, or `none`."""
        return str(self.result.record["prepare"])

    @property
    def extractor(self) -> str:
        """The extractor's selector."""
        return str(self.result.record["extractor"])

    @property
    def classifier(self) -> str:
        """The classifier's selector."""
        return str(self.result.record["classifier"])

    @property
    def repeats(self) -> int:
        """Number of repeats of the outer folds."""
        return int(self.result.record["protocol"]["repeats"])

    @property
    def full(self) -> dict[str, str]:
        """Preparation (`prepare`), extractor and classifier with all parameters."""
        record = self.result.record
        components = record["components"]
        described = {**components.get("features", {}), "classifier": components.get("classifier", self.classifier)}
        return {name: str(described.get(name, record[name])) for name in ("prepare", "extractor", "classifier")}

    @property
    def short_key(self) -> str:
        """First digits of the key if the name is ambiguous; otherwise empty."""
        return self.result.key[:SHORT_KEY] if self.ambiguous else ""

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        name = pipeline_name(self.prepare, self.extractor, self.classifier, cross="×")
        return name + (f" ({self.short_key})" if self.short_key else "")

    @property
    def baseline(self) -> bool:
        """Whether the row is a baseline."""
        return BASELINE in self.result.flags

    @property
    def warnings(self) -> tuple[str, ...]:
        """Flags that call the score into question."""
        return tuple(flag for flag in self.result.flags if flag != BASELINE)

    @property
    def primary(self) -> Score:
        """Score by which the table is ordered."""
        return self.scores[PRIMARY]


def read_row(result: ExperimentResult) -> Row:
    """Read the scores and times of one experiment.

    Raises
    ------
    BenchError
        The scores cannot be read.
    """
    lines = result.scores.to_dict(orient="records")
    scores = {str(line["metric"]): Score(*(line[field.name] for field in fields(Score))) for line in lines}
    return Row(result, {PRIMARY: UNDEFINED, **scores}, _seconds(result))


def _seconds(result: ExperimentResult) -> float:
    folds = [fold for fold in result.timing.values() if isinstance(fold, Mapping)]
    return sum(float(s) for fold in folds for s in fold.values()) if folds else math.nan
