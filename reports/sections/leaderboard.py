"""Results become tracks: experiments that may stand in one table, the best first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.errors import BenchError
from bench.evidence.comparison.comparable_groups import SHORT_KEY, by_comparable_group, shared_by_group
from bench.experiments.records import BASELINE, LEAKY, ExperimentResult
from bench.experiments.results import Results
from bench.plugins.pipeline import NO_PREPARATION, pipeline_name
from bench.scores.group_statistics import CELL, PATIENT, PER_PATIENT
from bench.scores.metrics import BOOTSTRAP, METRICS, PRIMARY, Metric
from bench.storage.fingerprints import digest


@dataclass(frozen=True)
class Score:
    """One metric of one experiment with its 95 % interval; NaN where it is undefined.

    Parameters
    ----------
    value, low, high : float
        Estimate and ends of the interval.
    repeat_sd : float
        Standard deviation between repeats; NaN with one.
    method : str
        How the interval came about.
    n : int
        Patients that the value is a share of; 0 where it is none.
    """

    value: float
    low: float
    high: float
    repeat_sd: float = math.nan
    method: str = BOOTSTRAP
    n: int = 0

    @property
    def defined(self) -> bool:
        """Whether value and interval are numbers."""
        return math.isfinite(self.value) and math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def interval(self) -> str:
        """The interval as a person reads it: two decimals, since no data set of patients carries more."""
        return f"[{self.low:.2f}, {self.high:.2f}]"

    @property
    def share(self) -> str:
        """Patients decided rightly of all, such as `25/28`; empty where that is no whole number, as over repeats."""
        hits = self.value * self.n
        whole = self.n > 0 and self.defined and abs(hits - round(hits)) < 1e-6
        return f"{round(hits)}/{self.n}" if whole else ""

    def __str__(self) -> str:
        return f"{self.value:.2f} {self.interval}" if self.defined else "undefined"


LEVEL_NAMES: Mapping[str, str] = {PATIENT: "Patient-weighted", CELL: "Cell level", PER_PATIENT: "Per patient"}
"""The levels of `bench.scores.metrics.LEVELS`, in words and in the order of the report."""

UNDEFINED = Score(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Row:
    """One experiment in its track.

    Parameters
    ----------
    result : ExperimentResult
        What was kept of it.
    scores : mapping of str to Score
        By metric.
    seconds : float
        Wall time of tuning, fits and predictions of all folds; NaN where it was not kept.
    namesake : bool
        Another row of the track is the same pipeline (run with other code, weights or libraries).
    """

    result: ExperimentResult
    scores: Mapping[str, Score]
    seconds: float
    namesake: bool = False

    @property
    def prepare(self) -> str:
        """How the cells were prepared; `none` where they were taken as they are."""
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
    def prepare_in_full(self) -> str:
        """The steps of the cells' preparation with all their parameters."""
        return str(self._features.get("prepare", self.prepare))

    @property
    def extractor_in_full(self) -> str:
        """The extractor with all its parameters."""
        return str(self._features.get("extractor", self.extractor))

    @property
    def classifier_in_full(self) -> str:
        """The classifier with all its parameters."""
        return str(self.result.record["components"].get("classifier", self.classifier))

    @property
    def _features(self) -> Mapping[str, Any]:
        features: Mapping[str, Any] = self.result.record["components"].get("features", {})
        return features

    @property
    def mark(self) -> str:
        """The first digits of the key where a namesake has to be told apart; else empty."""
        return self.result.key[:SHORT_KEY] if self.namesake else ""

    @property
    def name(self) -> str:
        """The pipeline as a person writes it."""
        name = pipeline_name(self.prepare, self.extractor, self.classifier, cross="×")
        return name + (f" ({self.mark})" if self.mark else "")

    @property
    def badges(self) -> tuple[str, ...]:
        """The experiment's flags."""
        return self.result.flags

    @property
    def baseline(self) -> bool:
        """Whether it is there to be compared with."""
        return BASELINE in self.badges

    @property
    def warnings(self) -> tuple[str, ...]:
        """The flags that speak against the score."""
        return tuple(badge for badge in self.badges if badge != BASELINE)

    @property
    def primary(self) -> Score:
        """The score that orders the table."""
        return self.scores[PRIMARY]


@dataclass(frozen=True)
class ComparableGroup:
    """Experiments on the same cells, protocol and folds; only these are ever put in one order.

    Parameters
    ----------
    rows : tuple of Row
        At least one; the highest primary score first, undefined ones last.
    """

    rows: tuple[Row, ...]

    @property
    def record(self) -> Mapping[str, Any]:
        """The record of the first experiment; what a track shares is the same in all."""
        return self.rows[0].result.record

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data set."""
        return dict(self.record["data"])

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How the experiments were evaluated."""
        return dict(self.record["protocol"])

    @property
    def classes(self) -> list[str]:
        """Labels in sort order."""
        return [str(c) for c in self.data["classes"]]

    @property
    def leaky(self) -> bool:
        """Whether patients lie on both sides of the folds."""
        return LEAKY in self.record["flags"]

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The columns: every metric that some row has."""
        return tuple(m for m in METRICS.values() if any(m.name in row.scores for row in self.rows))

    @property
    def prepared(self) -> bool:
        """Whether the cells were prepared for some row, so that the table has to say for which."""
        return any(row.prepare != NO_PREPARATION for row in self.rows)

    @property
    def headline(self) -> tuple[Metric, ...]:
        """The columns of the leaderboard."""
        return tuple(m for m in self.metrics if m.headline)

    @property
    def levels(self) -> dict[str, tuple[Metric, ...]]:
        """Every metric that some row has, by level in words."""
        found = {text: tuple(m for m in self.metrics if m.level == level) for level, text in LEVEL_NAMES.items()}
        return {text: metrics for text, metrics in found.items() if metrics}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """The flags that speak against a score, each once."""
        return tuple(dict.fromkeys(badge for row in self.rows for badge in row.warnings))

    @cached_property
    def baselines(self) -> tuple[Row, ...]:
        """The rows that are there to be compared with, the best first."""
        return tuple(row for row in self.rows if row.baseline)

    @property
    def best(self) -> Row | None:
        """The row with the highest primary score; None where it is defined for none."""
        return self.rows[0] if self.rows[0].primary.defined else None


def tracks(results: Results) -> list[ComparableGroup]:
    """The tracks of a results folder: those on unseen patients first, then the leaky ones, each kind by data set.

    Raises
    ------
    BenchError
        The scores of an experiment cannot be read.
    """
    found = [
        ComparableGroup(_ordered([_row(result) for result in track]))
        for track in by_comparable_group(results.current()[0])
    ]
    return sorted(found, key=lambda t: (t.leaky, str(t.data["name"]), digest(shared_by_group(t.record))))


def _row(result: ExperimentResult) -> Row:
    try:
        lines = result.scores.to_dict(orient="records")
    except (OSError, ValueError) as error:
        raise BenchError(
            f"{result.folder}: the scores cannot be read ({error}); delete this folder and run the matrix again"
        ) from error
    scores = {str(line["metric"]): _score(line) for line in lines}
    return Row(result, {PRIMARY: UNDEFINED, **scores}, _seconds(result))


def _score(line: Mapping[Any, Any]) -> Score:
    value, low, high, repeat_sd = (float(line[k]) for k in ("value", "low", "high", "repeat_sd"))
    return Score(value, low, high, repeat_sd, str(line["method"]), int(line["n"]))


def _seconds(result: ExperimentResult) -> float:
    try:
        folds = [fold for fold in result.timing.values() if isinstance(fold, Mapping)]
    except BenchError:
        return math.nan
    return sum(float(s) for fold in folds for s in fold.values()) if folds else math.nan


def _ordered(rows: Sequence[Row]) -> tuple[Row, ...]:
    names = Counter(r.name for r in rows)
    marked = [Row(r.result, r.scores, r.seconds, names[r.name] > 1) for r in rows]
    return tuple(sorted(marked, key=_order))


def _order(row: Row) -> tuple[float, str, str, str, str]:
    score = -row.primary.value if row.primary.defined else math.inf
    return (score, row.prepare, row.extractor, row.classifier, row.result.key)
