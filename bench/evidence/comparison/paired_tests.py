"""Tests of two pipelines on the same patients: on folds, on held-out patients, on the decisions for each patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from bench.evidence.comparison.paired_scores import PairedDesign, PairedScores
from bench.scores.metrics import PRIMARY
from bench.statistics.auroc import Kernel, kernel_of, patient_weighted, patient_weighted_difference
from bench.statistics.bootstrap import percentile_interval
from bench.statistics.corrected_t import corrected_t, correlated_posterior
from bench.statistics.permutation import sign_flip, swap_test

Floats = npt.NDArray[np.float64]

PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Outcome:
    """What a test says of a pipeline against another.

    Parameters
    ----------
    difference : float
        Score of the pipeline minus that of the other.
    low, high : float
        95 % interval of the difference.
    p : float
        Two-sided.
    worse, equivalent, better : float
        Probability that the difference lies below, in and above the region of practical equivalence; NaN where the
        test has no such reading.
    """

    difference: float
    low: float
    high: float
    p: float
    worse: float = float("nan")
    equivalent: float = float("nan")
    better: float = float("nan")


@dataclass(frozen=True)
class PairedTest:
    """A test with the words that stand beside every number that it gives.

    Parameters
    ----------
    name, unit, assumptions : str
        What it is called, what counts once in it, and what it takes for granted.
    run : callable
        Pipeline and the other one -> outcome.
    """

    name: str
    unit: str
    assumptions: str
    run: Callable[[PairedScores, PairedScores], Outcome]


def choose_test(ground: PairedDesign, *, rope: float, seed: int) -> PairedTest:
    """The test that fits how the experiments were evaluated.

    Folds: the corrected t-test. One held-out set: the patient swap. Folds without an AUROC, such as one patient each:
    `decision_test`.
    """
    if ground.metric != PRIMARY:
        return decision_test(ground, seed=seed)
    return _held_out_test(rope, seed, ground) if ground.held_out else _fold_test(rope, ground)


def choose_second(ground: PairedDesign, *, repeats: int, seed: int) -> PairedTest | None:
    """A second opinion where the chosen test has a known weakness; else None.

    One repeat of folds: `decision_test`, since the corrected t-test of five folds finds a real difference seldom (power
    .18 where 25 folds have .53). A held-out set: the paired U-test.
    """
    if ground.metric != PRIMARY:
        return None
    if ground.held_out:
        return _u_test(ground)
    return decision_test(ground, seed=seed) if repeats == 1 else None


def decision_test(ground: PairedDesign, *, seed: int) -> PairedTest:
    """Sign flips of what each patient adds to the difference of the patient-mean balanced accuracies.

    `Outcome.low` and `high` are those of the paired patient bootstrap where this is the compared metric; else NaN.
    """
    n = len(ground.units)

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        found = sign_flip(n * (ours.gains - theirs.gains), permutations=PERMUTATIONS, seed=seed)
        low, high = float("nan"), float("nan")
        if ground.metric != PRIMARY:
            low, high = percentile_interval(ours.drawn - theirs.drawn)
        return Outcome(found.value, low, high, found.p)

    return PairedTest(
        "patient sign-flip of the balanced accuracy",
        f"patient ({n} split units)",
        "conditional on the fitted models: how they would differ with other training patients is not in it; without a "
        "difference, each patient's could as well have the opposite sign",
        run,
    )


def _fold_test(rope: float, ground: PairedDesign) -> PairedTest:
    used = int(ground.used.sum())

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        d = (ours.folds - theirs.folds)[ground.used]
        found = corrected_t(d, ratio=ground.ratio)
        share = correlated_posterior(d, ratio=ground.ratio, rope=rope)
        return Outcome(found.mean, found.low, found.high, found.p, share.below, share.inside, share.above)

    return PairedTest(
        "Nadeau-Bengio corrected t, two-sided",
        f"fold of patients ({used} folds, {_range(ground.tested[ground.used])} split units tested in each)",
        "fold differences are about normal, and correlated as folds are that share training patients (tested / "
        f"training split units = {ground.ratio:.2f})",
        run,
    )


def _held_out_test(rope: float, seed: int, ground: PairedDesign) -> PairedTest:
    n = len(ground.units)

    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        first, second = _kernel(ours), _kernel(theirs)
        (scores, positive, groups), (other, _, _) = _scores(ours), _scores(theirs)
        p = swap_test(scores, other, positive, groups, permutations=PERMUTATIONS, seed=seed).p
        delta = Kernel(first.share - second.share, first.positive_cells, first.negative_cells)
        found = patient_weighted(delta)
        error = float(np.sqrt(found.variance))
        half = float(norm.ppf(0.975)) * error
        worse, equivalent, better = _normal_shares(found.auroc, error, rope)
        return Outcome(found.auroc, found.auroc - half, found.auroc + half, p, worse, equivalent, better)

    return PairedTest(
        "patient-swap permutation, two-sided",
        f"held-out patient ({n} split units)",
        "without a difference, each patient's scores (as ranks within the pipeline) could as well come from the other "
        "pipeline; conditional on the two fitted models; the interval is that of the paired U-statistic over patients",
        run,
    )


def _u_test(ground: PairedDesign) -> PairedTest:
    def run(ours: PairedScores, theirs: PairedScores) -> Outcome:
        found = patient_weighted_difference(_kernel(ours), _kernel(theirs))
        return Outcome(found.value, float("nan"), float("nan"), found.p)

    return PairedTest(
        "paired U-test of the patient-weighted AUROC, two-sided",
        f"held-out patient ({len(ground.units)} split units)",
        "the difference is about normal; conditional on the two fitted models",
        run,
    )


def _kernel(standing: PairedScores) -> Kernel:
    return kernel_of(*_scores(standing))


def _scores(standing: PairedScores) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Probability of the positive class, whether a cell is of it, and its unit."""
    cells = standing.cells
    if cells is None:
        raise ValueError("only the cells of a held-out set are kept")
    return cells.probabilities[:, cells.positive], cells.labels == cells.positive, cells.unit_of


def _normal_shares(mean: float, error: float, rope: float) -> tuple[float, float, float]:
    if np.isnan(error):
        return error, error, error
    if error == 0:
        return float(mean < -rope), float(abs(mean) <= rope), float(mean > rope)
    below, up_to = norm.cdf([-rope, rope], loc=mean, scale=error)
    return float(below), float(up_to - below), float(1 - up_to)


def _range(counts: npt.NDArray[np.intp]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low}-{high}"
