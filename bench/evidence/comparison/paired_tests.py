"""Paired tests of two pipelines: on folds, held-out patients, and decisions per patient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from bench.evidence.comparison.paired_scores import PairedDesign, PairedScores
from bench.scores.metrics import PRIMARY
from bench.statistics.arrays import Codes, Flags, Floats
from bench.statistics.auroc import Difference, kernel_of, patient_weighted_difference
from bench.statistics.bootstrap import percentile_interval
from bench.statistics.corrected_t import Posterior, corrected_t, correlated_posterior, posterior
from bench.statistics.permutation import sign_flip, swap_test

PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Outcome:
    """Result of a test of one pipeline against another.

    Parameters
    ----------
    difference : float
        Score of the first pipeline minus that of the second.
    p : float
        Two-sided p-value.
    low, high : float
        95 % interval of the difference; NaN where the test does not provide it.
    error, df : float
        Standard error of the difference and its degrees of freedom, infinite for a normal or permutation test.
    floor : float
        Smallest possible p-value.
    p_worse, p_equivalent, p_better : float
        Probability of a difference below, in and above the region of practical equivalence; NaN where the test does
        not provide it.
    """

    difference: float
    p: float
    low: float = float("nan")
    high: float = float("nan")
    error: float = float("nan")
    df: float = float("inf")
    floor: float = 0.0
    p_worse: float = float("nan")
    p_equivalent: float = float("nan")
    p_better: float = float("nan")


@dataclass(frozen=True)
class PairedTest:
    """A test and the description that is printed with its results.

    Parameters
    ----------
    name, unit, assumptions : str
        Name, independent unit and assumptions of the test.
    run : callable
        First and second pipeline -> outcome.
    """

    name: str
    unit: str
    assumptions: str
    run: Callable[[PairedScores, PairedScores], Outcome]


def choose_test(design: PairedDesign, *, rope: float, seed: int) -> PairedTest:
    """Choose the test for a paired design.

    Folds: the corrected t-test. One held-out set: the patient-swap permutation test. Folds without an AUROC, such as
    one patient each: `decision_test`.
    """
    if design.metric != PRIMARY:
        return decision_test(design, seed=seed)
    return _held_out_test(rope, seed, design) if design.held_out else _fold_test(rope, design)


def choose_second(design: PairedDesign, *, seed: int) -> PairedTest | None:
    """Choose a second test where the first one has a known weakness, else None.

    One repeat of folds: `decision_test`, because the corrected t-test of five folds has little power (.18, against .53
    with 25 folds). A held-out set: the paired U-test.
    """
    if design.metric != PRIMARY:
        return None
    if design.held_out:
        return _u_test(design)
    return decision_test(design, seed=seed) if design.repeats == 1 else None


def decision_test(design: PairedDesign, *, seed: int) -> PairedTest:
    """Test the patient-mean balanced accuracy by sign flips of the patients' contributions to the difference.

    `Outcome.low` and `high` are those of the paired patient bootstrap if this is the compared metric, else NaN.
    """
    n = len(design.units)

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        result = sign_flip(n * (ours.gains - theirs.gains), permutations=PERMUTATIONS, seed=seed)
        undefined = (math.nan, math.nan)
        low, high = undefined if design.metric == PRIMARY else percentile_interval(ours.drawn - theirs.drawn)
        error = float(np.std(n * (ours.gains - theirs.gains), ddof=1)) / math.sqrt(n) if n > 1 else math.nan
        return Outcome(result.value, result.p, low, high, error=error, floor=result.floor)

    return PairedTest(
        "patient sign-flip of the balanced accuracy",
        f"patient ({n} split units)",
        "conditional on the fitted models, so without the variation of training patients; under the null hypothesis "
        "both signs of each patient's difference are equally likely",
        run,
    )


def _fold_test(rope: float, design: PairedDesign) -> PairedTest:
    used = int(design.used.sum())

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        d = (ours.fold_scores - theirs.fold_scores)[design.used]
        result = corrected_t(d, ratio=design.ratio)
        share = correlated_posterior(d, ratio=design.ratio, rope=rope)
        outcome = Outcome(result.mean, result.p, result.low, result.high, error=result.error, df=result.df)
        return _with_posterior(outcome, share)

    return PairedTest(
        "Nadeau-Bengio corrected t, two-sided",
        f"fold of patients ({used} folds{_of_repeats(design.repeats)}, {_range(design.tested[design.used])} split "
        "units tested in each)",
        "fold differences are about normal, with the correlation of folds that share training patients (tested / "
        f"training split units = {design.ratio:.2f})",
        run,
    )


def _held_out_test(rope: float, seed: int, design: PairedDesign) -> PairedTest:
    n = len(design.units)

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        (scores, positive, groups), (other, _, _) = _scores(ours), _scores(theirs)
        swapped = swap_test(scores, other, positive, groups, permutations=PERMUTATIONS, seed=seed)
        d = _u_difference(ours, theirs)
        half = float(norm.ppf(0.975)) * d.error if d.error > 0 else math.nan
        share = posterior(d.value, d.error, rope, norm.cdf)
        outcome = Outcome(d.value, swapped.p, d.value - half, d.value + half, error=d.error, floor=swapped.floor)
        return _with_posterior(outcome, share)

    return PairedTest(
        "patient-swap permutation, two-sided",
        f"held-out patient ({n} split units)",
        "under the null hypothesis the two pipelines are exchangeable for each patient (scores as ranks within the "
        "pipeline); conditional on the two fitted models; the interval is that of the paired U-statistic over patients",
        run,
    )


def _u_test(design: PairedDesign) -> PairedTest:
    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        result = _u_difference(ours, theirs)
        return Outcome(result.value, result.p, error=result.error)

    return PairedTest(
        "paired U-test of the patient-weighted AUROC, two-sided",
        f"held-out patient ({len(design.units)} split units)",
        "the difference is about normal; conditional on the two fitted models",
        run,
    )


def _with_posterior(outcome: Outcome, share: Posterior) -> Outcome:
    return replace(outcome, p_worse=share.below, p_equivalent=share.inside, p_better=share.above)


def _scores(scores: PairedScores) -> tuple[Floats, Flags, Codes]:
    """Return the probability of the positive class, whether each cell is positive, and its unit."""
    cells = scores.cells
    if cells is None:
        raise ValueError("cells are available for a held-out set only")
    return cells.probabilities[:, cells.positive], cells.labels == cells.positive, cells.unit_of


def _u_difference(ours: PairedScores, theirs: PairedScores) -> Difference:
    return patient_weighted_difference(kernel_of(*_scores(ours)), kernel_of(*_scores(theirs)))


def _of_repeats(repeats: int) -> str:
    return "" if repeats == 1 else f" of {repeats} repeats"


def _range(counts: Codes) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low}-{high}"
