"""Paired tests of comparable pipelines from stored predictions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError, did_you_mean
from bench.evidence.comparison.comparable_groups import check_comparable, unique_names
from bench.evidence.comparison.paired_scores import PairedDesign, PairedScores, read_paired_scores
from bench.evidence.comparison.paired_tests import Outcome, PairedTest, choose_second, choose_test
from bench.evidence.text import LEVEL, count, json_value
from bench.experiments.records import ExperimentResult
from bench.scores.intervals import MIN_PATIENTS
from bench.scores.metrics import METRICS, PRIMARY
from bench.statistics.multiple import holm
from bench.statistics.power import detectable_difference
from bench.statistics.ranks import Friedman, friedman, nemenyi_difference, rank_distribution, win_rate

SURE = 0.95
"""Minimum probability for practical equality."""

DRAWS = 10_000

COLUMNS = (
    *(
        "pipeline",
        "against",
        "repeats",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "p_worse",
        "p_equivalent",
        "p_better",
    ),
    *("detectable", "win_rate", "effect_size", "test", "unit", "assumptions"),
    *("second_test", "second_unit", "second_assumptions", "second_difference", "second_p", "second_p_holm"),
)

STANDINGS = ("pipeline", "key", "flags", "repeats", "value", "low", "high", "rank", "rank_low", "rank_high", "p_best")


@dataclass(frozen=True)
class Comparison:
    """Result of comparing pipelines of one comparable group.

    Parameters
    ----------
    metric : str
        Name of the compared metric in `bench.scores.metrics.METRICS`.
    best : str
        Pipeline with the highest score.
    reference : str
        Pipeline that all others are compared with: the best or a named one.
    all_pairs : bool
        Whether all pairs are compared.
    rope : float
        Half width of the region of practical equivalence, in the unit of the metric.
    table : DataFrame
        One row per comparison: `pipeline`, `against`, `repeats` (common to both; the comparison is on these),
        `difference` (first minus second), `low`, `high` (95 %), `p`,
        `p_holm`, `p_worse`, `p_equivalent`, `p_better` (of `pipeline`), `detectable` (smallest true difference that
        the test detects with a power of .8 in the first step of Holm's method; infinite where the smallest possible p
        is too large), `win_rate` (share of patients with more
        correctly classified cells, ties counting half), `effect_size` (mean over SD of the patients' differences in the
        share of correct cells), `test`, `unit`, `assumptions`; `second_test`, `second_unit`, `second_assumptions`,
        `second_difference`, `second_p` and `second_p_holm` of a second test (None or NaN without one).
    standings : DataFrame
        One row per pipeline, the best first: `pipeline`, `key`, `flags` (tuple), `repeats` (its own), `value`, `low`,
        `high` (95 %) of the metric, `rank`, `rank_low`, `rank_high` (median and 95 % interval over bootstrap draws of
        patients) and `p_best` (share of draws in which it is the best, conditional on the fitted models).
    notes : tuple of str
        Limitations, in sentences.
    data, protocol : mapping
        Dataset and protocol, as in the experiment records.
    friedman : Friedman or None
        Test of equal shares of correctly classified cells per patient; its ranks are in the order of `standings`. None
        with fewer than three pipelines or two patients.
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
        """Title of the metric."""
        return METRICS[self.metric].title

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the compared experiments."""
        return frozenset(self.standings["key"])

    @property
    def family(self) -> str:
        """Description of the tests in Holm's correction."""
        kind = "all pairs" if self.all_pairs else f"all against {self.reference}"
        return f"{count(len(self.table), 'comparison')}, {kind}"

    @property
    def against_reference(self) -> pd.DataFrame:
        """Rows of `table` that involve the reference, with the other pipeline as `other`."""
        rows = self.table[(self.table["against"] == self.reference) | (self.table["pipeline"] == self.reference)]
        return rows.assign(other=rows["pipeline"].where(rows["pipeline"] != self.reference, rows["against"]))

    @property
    def indistinguishable(self) -> tuple[str, ...]:
        """Pipelines not distinguishable from the reference (Holm p above .05), in the order of the table."""
        rows = self.against_reference
        return tuple(rows.loc[~(rows["p_holm"] <= LEVEL), "other"])

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """Pipelines that one of two tests distinguishes from the reference and the other does not."""
        rows = self.against_reference[self.against_reference["second_p_holm"].notna()]
        return tuple(rows.loc[(rows["p_holm"] <= LEVEL) != (rows["second_p_holm"] <= LEVEL), "other"])

    @property
    def detectable(self) -> dict[int, float]:
        """Smallest detectable difference by number of common repeats, median over the comparisons; NaN if unknown."""
        rows = self.table[self.table["detectable"].notna()]
        return {int(str(n)): float(part.median()) for n, part in rows.groupby("repeats")["detectable"]}

    @property
    def practically_equal(self) -> tuple[str, ...]:
        """Pipelines practically equal to the reference with a probability of .95 or more."""
        rows = self.against_reference
        return tuple(rows.loc[rows["p_equivalent"] >= SURE, "other"])

    def record(self) -> dict[str, Any]:
        """Return all fields as JSON values: None for NaN, `"inf"` and `"-inf"` for infinity."""
        names = (
            "data",
            "protocol",
            "metric",
            "best",
            "reference",
            "all_pairs",
            "family",
            "rope",
            "notes",
            "detectable",
        )
        conclusions = ("indistinguishable", "disagreeing", "practically_equal")
        values = {name: getattr(self, name) for name in (*names, *conclusions)}
        tables = {"comparisons": self.table, "standings": self.standings}
        values |= {name: table.to_dict(orient="records") for name, table in tables.items()}
        record: dict[str, Any] = json_value({**values, "friedman": self._friedman()})
        return record

    def _friedman(self) -> dict[str, Any] | None:
        if (result := self.friedman) is None:
            return None
        ranks = dict(zip(self.standings["pipeline"], result.ranks.tolist(), strict=True))
        critical = nemenyi_difference(len(ranks), result.blocks, level=LEVEL)
        tested = {"patients": result.blocks, "chi2": result.chi2, "p": result.p}
        return {**tested, "mean_ranks": ranks, "critical_difference": critical}


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
    """Test pipelines against the best of them, against a named one, or all pairs.

    Folds: the patient-weighted AUROC of every fold of every repeat, with pairs of cells within the fold; the corrected
    t-test of Nadeau and Bengio on its differences, and the Bayesian correlated t-test with a region of practical
    equivalence. One held-out set: a permutation test that swaps the pipelines within patients; probabilities of the
    region are those of the normal distribution of the paired U-statistic. Folds without an AUROC (leave one patient
    out): sign flips of the patients' contributions to the balanced accuracy. P-values are adjusted by Holm's method.

    Parameters
    ----------
    experiments : sequence of ExperimentResult
        At least two experiments on the same cells and folds.
    against : str, optional
        Name, folder name or first digits of the key of the reference. Default: the best.
    all_pairs : bool
        Compare all pairs.
    rope : float
        Half width of the region of practical equivalence, in (0, 1).
    names : sequence of str, optional
        Unique names of the experiments. Default: extractor and classifier.
    draws, seed : int
        Bootstrap draws of patients for the ranks; seed of the draws and permutations.

    Raises
    ------
    BenchError
        The experiments cannot be compared (`bench.evidence.comparison.comparable_groups.check_comparable`), `against`
        is not one of them or is combined with `all_pairs`, the region is invalid, or predictions cannot be read.
    """
    if not 0 < rope < 1:
        raise BenchError(
            f"--rope {rope:g}: the half width of the region of practical equivalence must be between 0 and 1"
        )
    if against is not None and all_pairs:
        raise BenchError("--against and --all-pairs define two families of tests; choose one")
    check_comparable(experiments)
    pipeline_names = unique_names(experiments) if names is None else list(names)
    named = None if against is None else _find_reference(against, experiments, pipeline_names)
    design, scores = read_paired_scores(experiments, pipeline_names, draws=draws, seed=seed)
    undefined = [s.name for s in scores if not math.isfinite(s.value)]
    if undefined:
        title = METRICS[design.metric].title
        raise BenchError(f"{title}: undefined for {undefined[0]}, which therefore cannot be compared")
    scores.sort(key=lambda s: (-s.value, s.name))
    reference = next((s for s in scores if s.name == named), scores[0])
    others = [(score, reference) for score in scores if score is not reference]
    pairs = [(lower, higher) for higher, lower in itertools.combinations(scores, 2)] if all_pairs else others
    fewest = min(s.repeats for s in scores)
    right = np.stack([s.first(fewest).right for s in scores], axis=1)
    table = _table(pairs, _Tests(design, rope, seed))
    return Comparison(
        metric=design.metric,
        best=scores[0].name,
        reference=reference.name,
        all_pairs=all_pairs,
        rope=rope,
        table=table,
        standings=_standings(design, scores),
        notes=tuple(_notes(design, scores, reference, table)),
        data=scores[0].result.record["data"],
        protocol=scores[0].result.record["protocol"],
        friedman=friedman(right) if len(right) >= 2 and len(scores) >= 3 else None,
    )


def _find_reference(wanted: str, experiments: Sequence[ExperimentResult], names: Sequence[str]) -> str:
    plain = " ".join(wanted.split())
    last = Path(wanted).name
    matches = [
        name
        for name, e in zip(names, experiments, strict=True)
        if plain in (name, e.name) or last == e.folder.name or (len(plain) >= 6 and e.key.startswith(plain))
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise BenchError(
            f"--against {wanted}: matches {len(matches)} experiments ({', '.join(matches)}); use the folder"
        )
    raise BenchError(
        f"--against {wanted}: not one of the compared experiments.{did_you_mean(plain, names)} They are: "
        f"{', '.join(names)}"
    )


@dataclass(frozen=True)
class _Tests:
    """First and second test of a pair by its number of common repeats."""

    design: PairedDesign
    rope: float
    seed: int

    def of(self, repeats: int) -> tuple[PairedTest, PairedTest | None]:
        design = self.design.first(repeats)
        return choose_test(design, rope=self.rope, seed=self.seed), choose_second(design, seed=self.seed)


def _table(pairs: Sequence[tuple[PairedScores, PairedScores]], tests: _Tests) -> pd.DataFrame:
    rows = []
    for pair in pairs:
        repeats = min(scores.repeats for scores in pair)
        ours, theirs = (scores.first(repeats) for scores in pair)
        test, second = tests.of(repeats)
        rate, effect = _on_patients(ours, theirs)
        row = {"pipeline": ours.name, "against": theirs.name, "repeats": repeats, **_columns(test, ours, theirs)}
        row |= {f"second_{name}": value for name, value in _columns(second, ours, theirs).items()}
        detectable = _detectable(row["error"], row["df"], row["floor"], level=LEVEL / len(pairs))
        rows.append({**row, "detectable": detectable, "win_rate": rate, "effect_size": effect})
    table = pd.DataFrame(rows)
    adjusted = {"p_holm": holm(table["p"].to_numpy()), "second_p_holm": holm(table["second_p"].to_numpy())}
    return table.assign(**adjusted)[list(COLUMNS)]


def _columns(test: PairedTest | None, ours: PairedScores, theirs: PairedScores) -> dict[str, Any]:
    """Return the description and the outcome of a test; None and NaN without a test."""
    outcome = Outcome(math.nan, math.nan) if test is None else test.run(ours, theirs)
    described = {"test": test and test.name, "unit": test and test.unit, "assumptions": test and test.assumptions}
    return described | asdict(outcome)


def _detectable(error: float, df: float, floor: float, *, level: float) -> float:
    """Return the smallest detectable difference at a level; NaN for pipelines with equal predictions."""
    if not error > 0:
        return math.nan
    return math.inf if floor > level else detectable_difference(error, df, level=level)


def _on_patients(ours: PairedScores, theirs: PairedScores) -> tuple[float, float]:
    """Compute the win rate, and the effect size of the patients' differences in the share of correct cells."""
    d = ours.right - theirs.right
    spread = float(d.std(ddof=1)) if len(d) > 1 else math.nan
    mean = float(d.mean())
    return win_rate(d), mean / spread if spread > 0 else 0.0 if mean == 0 else math.copysign(math.inf, mean)


def _standings(design: PairedDesign, scores: Sequence[PairedScores]) -> pd.DataFrame:
    ranks = rank_distribution(np.stack([s.drawn for s in scores], axis=1))
    rows = []
    for pipeline, rank in zip(scores, ranks.to_dict(orient="records"), strict=True):
        score = pipeline.result.scores.set_index("metric").loc[design.metric].to_dict()
        identity = (pipeline.name, pipeline.result.key, pipeline.result.flags)
        value = (len(pipeline.fold_scores), pipeline.value, float(score["low"]), float(score["high"]))
        rows.append((*identity, *value, rank["median"], rank["low"], rank["high"], rank["best"]))
    return pd.DataFrame(rows, columns=list(STANDINGS))


def _notes(
    design: PairedDesign, scores: Sequence[PairedScores], reference: PairedScores, table: pd.DataFrame
) -> list[str]:
    notes = []
    if design.metric != PRIMARY:
        why = (
            "a held-out set with more than two classes, or with patients of several, has no paired test of the AUROC"
            if design.held_out
            else "the AUROC is undefined in these folds"
        )
        notes.append(f"The {METRICS[design.metric].title.lower()} is compared, because {why}.")
    if reference is scores[0]:
        notes.append(
            "The best pipeline was selected by the tested score, so its lead is slightly overestimated (winner's "
            "curse)."
        )
    if design.metric == PRIMARY and not design.held_out:
        left_out = int((~design.used).sum())
        if left_out:
            notes.append(f"{left_out} of {len(design.used)} folds have no AUROC and are omitted from the test.")
        once = int((table["repeats"] == 1).sum())
        if once:
            which = "" if once == len(table) else f" ({once} of {len(table)} comparisons)"
            notes.append(
                f"With one common repeat{which} this test has little power; use --repeats 5. The second test is "
                "conditional on the fitted models and rejects slightly too often."
            )
        if len({len(s.fold_scores) for s in scores}) > 1:
            notes.append("The pipelines have different numbers of repeats; each score is a mean over its own repeats.")
        notes.append("Differences are means over folds and may deviate slightly from the differences of the scores.")
    notes += _protocol_notes(scores)
    classes = np.zeros(len(design.units)) if design.class_of_unit is None else design.class_of_unit
    scarce = int(np.unique(classes, return_counts=True)[1].min())
    if scarce < MIN_PATIENTS:
        few = f"One class has {count(scarce, 'patient')}"
        notes.append(f"{few}: with fewer than {MIN_PATIENTS}, p-values and intervals are approximate.")
    return notes


def _protocol_notes(scores: Sequence[PairedScores]) -> list[str]:
    notes = []
    plurals = {"tune": "tuning trials", "inner_folds": "inner folds"}
    plurals |= {"calibrate": "calibrations", "threshold": "thresholds"}
    for option, what in plurals.items():
        values = {str(s.result.record["protocol"].get(option)) for s in scores}
        if len(values) > 1:
            notes.append(f"The pipelines had different {what} ({', '.join(sorted(values))}).")
    return notes
