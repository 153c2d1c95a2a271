"""Which pipelines differ: paired tests of one track, from kept predictions alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError, did_you_mean
from bench.evidence.comparison.comparable_groups import check_comparable, unique_names
from bench.evidence.comparison.paired_scores import PairedDesign, PairedScores, read_paired_scores
from bench.evidence.comparison.paired_tests import Outcome, PairedTest, choose_second, choose_test
from bench.experiments.records import ExperimentResult
from bench.scores.metrics import METRICS, PRIMARY
from bench.statistics.multiple import holm
from bench.statistics.ranks import Friedman, friedman, nemenyi_difference, rank_distribution, win_rate

LEVEL = 0.05
"""Adjusted p-values above it do not tell two pipelines apart."""

SURE = 0.95
"""Probability from which on two pipelines are called practically equal."""

FEW = 10
"""Patients of a class below which a comparison is said to be approximate."""

DRAWS = 10_000

_COLUMNS = (
    *("pipeline", "against", "difference", "low", "high", "p", "p_holm", "p_worse", "p_equivalent", "p_better"),
    *("win_rate", "effect_size", "test", "unit", "assumptions"),
    *("second_test", "second_unit", "second_assumptions", "second_difference", "second_p", "second_p_holm"),
)


@dataclass(frozen=True)
class Comparison:
    """Pipelines of one track held against each other.

    Parameters
    ----------
    metric : str
        Name of what was compared, in `bench.scores.metrics.METRICS`.
    best : str
        The pipeline with the highest score.
    reference : str
        The pipeline that all others are held against; the best one, or the one that was named.
    all_pairs : bool
        Whether the family is every pair.
    rope : float
        Half width of the region of practical equivalence, in the unit of the metric.
    table : DataFrame
        One row a comparison: `pipeline`, `against`, `difference` (of the first minus of the second), `low`, `high`
        (95 %), `p`, `p_holm`, `p_worse`, `p_equivalent`, `p_better` (of `pipeline`), `win_rate` (share of the patients
        with more cells decided rightly, ties counting half), `effect_size` (mean over SD of the patients' differences
        of that share), `test`, `unit`, `assumptions`; `second_test`, `second_unit`, `second_assumptions`,
        `second_difference`, `second_p` and `second_p_holm` of a second opinion (None or NaN where there is none).
    standings : DataFrame
        One row a pipeline, the best first: `pipeline`, `key`, `flags` (tuple), `value`, `low`, `high` (95 %) of the
        metric, `rank`, `rank_low`, `rank_high` (median and 95 % interval over bootstrap draws of the patients) and
        `p_best` (share of the draws in which it is the best).
    notes : tuple of str
        What a reader must hold against it.
    data, protocol : mapping
        What the pipelines were evaluated on, and how, as their records have it.
    friedman : Friedman or None
        Test that all are alike in the share of each patient's cells that they decide rightly; its ranks are in the
        order of `standings`. None with fewer than three pipelines or two patients.
    """

    metric: str
    best: str
    reference: str
    all_pairs: bool
    rope: float
    table: pd.DataFrame
    standings: pd.DataFrame
    notes: tuple[str, ...]
    data: Mapping[str, Any]
    protocol: Mapping[str, Any]
    friedman: Friedman | None = None

    @property
    def title(self) -> str:
        """The metric in words."""
        return METRICS[self.metric].title

    @property
    def family(self) -> str:
        """The tests that Holm's correction is over, in words."""
        n = len(self.table)
        kind = "all pairs" if self.all_pairs else f"all against {self.reference}"
        return f"{n} {'comparison' if n == 1 else 'comparisons'}, {kind}"

    @property
    def against_reference(self) -> pd.DataFrame:
        """The rows of `table` in which the reference takes part, the other pipeline as `other`."""
        held = self.table[(self.table["against"] == self.reference) | (self.table["pipeline"] == self.reference)]
        return held.assign(other=held["pipeline"].where(held["pipeline"] != self.reference, held["against"]))

    @property
    def indistinguishable(self) -> tuple[str, ...]:
        """Pipelines that the test does not tell from the reference (Holm p above .05), in the order of the table."""
        held = self.against_reference
        return tuple(held.loc[~(held["p_holm"] <= LEVEL), "other"])

    @property
    def practically_equal(self) -> tuple[str, ...]:
        """Pipelines whose difference to the reference lies inside the region with a probability of .95 or more."""
        held = self.against_reference
        return tuple(held.loc[held["p_equivalent"] >= SURE, "other"])

    def record(self) -> dict[str, Any]:
        """All of it as JSON values; NaN becomes None."""
        return {
            "data": {what: self.data[what] for what in ("name", "cells", "patients", "split_units")},
            **{what: self.protocol[what] for what in ("split", "folds", "repeats")},
            "metric": self.metric,
            "best": self.best,
            "reference": self.reference,
            "family": self.family,
            "rope": self.rope,
            "indistinguishable": list(self.indistinguishable),
            "practically_equal": list(self.practically_equal),
            "comparisons": _records(self.table),
            "standings": _records(self.standings),
            "friedman": self._friedman(),
            "notes": list(self.notes),
        }

    def _friedman(self) -> dict[str, Any] | None:
        if (found := self.friedman) is None:
            return None
        ranks = dict(zip(self.standings["pipeline"], found.ranks.tolist(), strict=True))
        critical = nemenyi_difference(len(ranks), found.blocks, level=LEVEL)
        told = {"patients": found.blocks, "chi2": found.chi2_ties, "p": found.p_ties}
        return {**told, "mean_ranks": ranks, "critical_difference": critical}


def compare(
    experiments: Sequence[ExperimentResult],
    *,
    against: str | None = None,
    all_pairs: bool = False,
    rope: float = 0.01,
    names: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Test pipelines against the best of them, against a named one, or each against each.

    Folds: the patient-weighted AUROC in every fold of every repeat, pairs of cells within the fold; the corrected
    t-test of Nadeau and Bengio on its differences, and the Bayesian correlated t-test with a region of practical
    equivalence. One held-out set: patients swap the pipelines that scored them; the region's probabilities are those of
    the normal distribution of the paired U-statistic. Folds without an AUROC (leave one patient out): sign flips of the
    patients' shares in the balanced accuracy. P-values are adjusted by Holm's method over the family.

    Parameters
    ----------
    experiments : sequence of ExperimentResult
        At least two, on the same cells and folds.
    against : str, optional
        Name, folder name or beginning of the key of the experiment that all are held against. Default: the best.
    all_pairs : bool
        The family is every pair.
    rope : float
        Half width of the region of practical equivalence, in (0, 1).
    names : sequence of str, optional
        How the experiments are called, each otherwise. Default: extractor and classifier.
    draws, seed : int
        Bootstrap draws of the patients, behind the ranks; the seed of these and of the permutations.

    Raises
    ------
    BenchError
        The experiments cannot be compared (`bench.evidence.comparison.comparable_groups.check_comparable`), `against`
        is none of them or is combined with `all_pairs`, the region is invalid, or predictions cannot be read.
    """
    if not 0 < rope < 1:
        raise BenchError(f"--rope {rope:g}: the region of practical equivalence is a difference between 0 and 1")
    if against is not None and all_pairs:
        raise BenchError("--against and --all-pairs declare two families of tests; choose one")
    check_comparable(experiments)
    called = unique_names(experiments) if names is None else list(names)
    named = None if against is None else _find(against, experiments, called)
    ground, standings = read_paired_scores(experiments, called, draws=draws, seed=seed)
    undefined = [s.name for s in standings if not math.isfinite(s.value)]
    if undefined:
        raise BenchError(f"{METRICS[ground.metric].title}: is undefined for {undefined[0]}, so it cannot be compared")
    standings.sort(key=lambda s: (-s.value, s.name))
    reference = next((s for s in standings if s.name == named), standings[0])
    pairs = _family(standings, reference, all_pairs=all_pairs)
    repeats = int(experiments[0].record["protocol"]["repeats"])
    table = _table(pairs, choose_test(ground, rope=rope, seed=seed), choose_second(ground, repeats=repeats, seed=seed))
    return Comparison(
        metric=ground.metric,
        best=standings[0].name,
        reference=reference.name,
        all_pairs=all_pairs,
        rope=rope,
        table=table,
        standings=_standings(ground, standings),
        notes=tuple(_notes(ground, standings, reference, repeats=repeats)),
        data=standings[0].result.record["data"],
        protocol=standings[0].result.record["protocol"],
        friedman=_alike(standings),
    )


def _find(wanted: str, experiments: Sequence[ExperimentResult], names: Sequence[str]) -> str:
    plain = " ".join(wanted.split())
    last = Path(wanted).name
    found = [
        name
        for name, e in zip(names, experiments, strict=True)
        if plain in (name, e.name) or last == e.folder.name or (len(plain) >= 6 and e.key.startswith(plain))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise BenchError(f"--against {wanted}: means {len(found)} experiments ({', '.join(found)}); give its folder")
    raise BenchError(
        f"--against {wanted}: is none of the compared experiments.{did_you_mean(plain, names)} They are: "
        f"{', '.join(names)}"
    )


def _family(
    standings: Sequence[PairedScores], reference: PairedScores, *, all_pairs: bool
) -> list[tuple[PairedScores, PairedScores]]:
    if all_pairs:
        return [(lower, higher) for higher, lower in itertools.combinations(standings, 2)]
    return [(s, reference) for s in standings if s is not reference]


def _table(
    pairs: Sequence[tuple[PairedScores, PairedScores]], test: PairedTest, second: PairedTest | None
) -> pd.DataFrame:
    rows = []
    for ours, theirs in pairs:
        found = test.run(ours, theirs)
        also = Outcome(*[math.nan] * 4) if second is None else second.run(ours, theirs)
        rate, effect = _on_patients(ours, theirs)
        rows.append(
            {
                "pipeline": ours.name,
                "against": theirs.name,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "p_worse": found.worse,
                "p_equivalent": found.equivalent,
                "p_better": found.better,
                "win_rate": rate,
                "effect_size": effect,
                "test": test.name,
                "unit": test.unit,
                "assumptions": test.assumptions,
                "second_test": second.name if second else None,
                "second_unit": second.unit if second else None,
                "second_assumptions": second.assumptions if second else None,
                "second_difference": also.difference,
                "second_p": also.p,
            }
        )
    table = pd.DataFrame(rows)
    adjusted = {"p_holm": holm(table["p"].to_numpy()), "second_p_holm": holm(table["second_p"].to_numpy())}
    return table.assign(**adjusted)[list(_COLUMNS)]


def _alike(standings: Sequence[PairedScores]) -> Friedman | None:
    right = np.stack([s.right for s in standings], axis=1)
    return friedman(right) if right.shape[0] >= 2 and right.shape[1] >= 3 else None


def _on_patients(ours: PairedScores, theirs: PairedScores) -> tuple[float, float]:
    """Win rate, and mean over SD of the patients' differences in the share of cells decided rightly."""
    d = ours.right - theirs.right
    spread = float(d.std(ddof=1)) if len(d) > 1 else math.nan
    mean = float(d.mean())
    return win_rate(d), mean / spread if spread > 0 else 0.0 if mean == 0 else math.copysign(math.inf, mean)


def _standings(ground: PairedDesign, standings: Sequence[PairedScores]) -> pd.DataFrame:
    ranks = rank_distribution(np.stack([s.drawn for s in standings], axis=1))
    rows = []
    for standing, rank in zip(standings, ranks.to_dict(orient="records"), strict=True):
        score = standing.result.scores.set_index("metric").loc[ground.metric].to_dict()
        rows.append(
            {
                "pipeline": standing.name,
                "key": standing.result.key,
                "flags": standing.result.flags,
                "value": standing.value,
                "low": float(score["low"]),
                "high": float(score["high"]),
                "rank": rank["median"],
                "rank_low": rank["low"],
                "rank_high": rank["high"],
                "p_best": rank["best"],
            }
        )
    return pd.DataFrame(rows)


def _notes(
    ground: PairedDesign, standings: Sequence[PairedScores], reference: PairedScores, *, repeats: int
) -> list[str]:
    found = []
    if ground.metric != PRIMARY:
        why = (
            "a held-out set of several classes, or of patients with cells of several, has no paired test of the AUROC"
            if ground.held_out
            else "these folds have no AUROC each"
        )
        found.append(f"Compared is the {METRICS[ground.metric].title.lower()}, since {why}.")
    if reference is standings[0]:
        found.append(
            "The best one was picked by the very score that is tested, so its lead looks a little larger than it is "
            "(winner's curse)."
        )
    if ground.metric == PRIMARY and not ground.held_out:
        left_out = int((~ground.used).sum())
        if left_out:
            found.append(f"{left_out} of {len(ground.used)} folds have no AUROC and are left out of the test.")
        if repeats == 1:
            found.append(
                "With one repeat this test seldom finds a real difference: --repeats 5 gives it the power that it has. "
                "The second test is conditional on the fitted models, and rejects a little too often."
            )
        found.append("Differences are means over the folds, so they may differ a little from those of the scores.")
    found += _differing_protocols(standings)
    scarce = _scarcest(ground)
    if scarce < FEW:
        patients = "1 patient" if scarce == 1 else f"{scarce} patients"
        found.append(f"One class has {patients}: with fewer than {FEW}, p-values and intervals are approximate.")
    return found


def _differing_protocols(standings: Sequence[PairedScores]) -> list[str]:
    found = []
    for option, what in (
        ("tune", "tuning trials"),
        ("inner_folds", "inner folds"),
        ("calibrate", "calibrations"),
        ("threshold", "thresholds"),
    ):
        values = {str(s.result.record["protocol"].get(option)) for s in standings}
        if len(values) > 1:
            found.append(f"The pipelines had different {what} ({', '.join(sorted(values))}).")
    return found


def _scarcest(ground: PairedDesign) -> int:
    if ground.class_of_unit is None:
        return len(ground.units)
    return int(np.unique(ground.class_of_unit, return_counts=True)[1].min())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _json(v) for k, v in row.items()} for row in table.to_dict(orient="records")]


def _json(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value
