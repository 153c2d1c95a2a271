"""Coverage of intervals and level of tests in seeded simulations: short ones, and full-size ones marked `study`."""

import numpy as np
import pytest
from reference.delong import delong
from scipy.stats import norm, rankdata, ttest_1samp

from bench.splits.folds import PatientKFold
from bench.statistics.auroc import (
    PairsInFolds,
    concordance,
    kernel_of,
    logit_interval,
    patient_weighted,
    patient_weighted_in_folds,
)
from bench.statistics.bootstrap import patient_draws, percentile_interval
from bench.statistics.boundary import lower_bound_at_one
from bench.statistics.corrected_t import corrected_t
from bench.statistics.permutation import swap_test

SHIFT = 1.5278  # two unit normals that far apart have an AUROC of 0.86
TRUTH = norm.cdf(SHIFT / np.sqrt(2))


def study(rng, patients, *, models=1, correlation=0.5, median=30.0):
    """Scores of cells with a patient effect: total variance 1, of which `correlation` lies between patients."""
    n = sum(patients)
    cells = np.maximum(2, rng.lognormal(np.log(median), 0.7, size=n).round().astype(int))
    units = np.repeat(np.arange(n), cells)
    positive = units < patients[0]
    scores = SHIFT * positive + np.sqrt(correlation) * rng.normal(size=(models, n))[:, units]
    return scores + np.sqrt(1 - correlation) * rng.normal(size=(models, len(units))), positive, units


def sized(short, full):
    """Parametrise a simulation by its number of studies."""
    return pytest.mark.parametrize("studies", [short, pytest.param(full, marks=pytest.mark.study)])


def tolerance(rate, studies, *, full):
    """0.02 at full size; three standard errors in addition for fewer studies."""
    return 0.02 + (0 if studies >= full else 3 * np.sqrt(rate * (1 - rate) / studies))


@sized(60, 1500)
def test_intervals_cover_the_truth_at_47_and_26_patients(studies):
    rng = np.random.default_rng(1)
    draws = patient_draws(np.repeat([0, 1], [47, 26]), 1000, 0)
    logit, bootstrap, naive = 0, 0, 0
    for _ in range(studies):
        (scores,), positive, units = study(rng, (47, 26))
        kernel = kernel_of(scores, positive, units)
        low, high = logit_interval(patient_weighted(kernel))
        logit += low <= TRUTH <= high
        drawn = ((draws[:, :47] @ kernel.share) * draws[:, 47:]).sum(axis=1) / (47 * 26)
        low, high = percentile_interval(drawn)
        bootstrap += low <= TRUTH <= high
        low, high = logit_interval(delong(scores, positive))
        naive += low <= TRUTH <= high
    print(f"coverage: logit {logit / studies}, patient bootstrap {bootstrap / studies}, DeLong {naive / studies}")  # noqa: T201
    margin = tolerance(0.95, studies, full=1500)
    assert logit / studies == pytest.approx(0.95, abs=margin)
    assert bootstrap / studies == pytest.approx(0.95, abs=margin)
    assert naive / studies < 0.4


@sized(60, 1000)
@pytest.mark.parametrize("patients", [(13, 15), (47, 26)])
def test_the_swap_test_keeps_its_level(patients, studies):
    rng = np.random.default_rng(2)
    rejected = 0
    for number in range(studies):
        (first, second), positive, units = study(rng, patients, models=2, median=12.0)
        rejected += swap_test(first, second, positive, units, permutations=999, seed=number).p <= 0.05
    print(f"swap test at {patients}: rejects {rejected / studies}")  # noqa: T201
    assert rejected / studies == pytest.approx(0.05, abs=tolerance(0.05, studies, full=1000))


def ridge_auroc_differences(rng, *, patients=60, cells=8, features=8, repeats=5, folds=5):
    """Fold differences in AUROC of two ridge models, each on its own half of features that are exchangeable."""
    units = np.repeat(np.arange(patients), cells)
    label = (np.arange(patients) < patients // 2).astype(float)
    y = np.where(label[units] > 0, 1.0, -1.0)
    halves = [
        0.25 * y[:, None]
        + 0.7 * rng.normal(size=(patients, features))[units]
        + 0.7 * rng.normal(size=(len(y), features))
        for _ in range(2)
    ]
    gram = [np.einsum("pci,pcj->pij", *[x.reshape(patients, cells, features)] * 2) for x in halves]
    moment = [(x * y[:, None]).reshape(patients, cells, features).sum(axis=1) for x in halves]
    result = []
    for _ in range(repeats):
        fold_of = PatientKFold(folds, random_state=int(rng.integers(2**31))).assign(label, np.arange(patients))
        for fold in range(folds):
            train, test = fold_of != fold, np.isin(units, np.flatnonzero(fold_of == fold))
            positive = y[test] > 0
            p, q = positive.sum(), (~positive).sum()
            scores = []
            for x, g, m in zip(halves, gram, moment, strict=True):
                weights = np.linalg.solve(g[train].sum(axis=0) + np.eye(features), m[train].sum(axis=0))
                scores.append((rankdata(x[test] @ weights)[positive].sum() - p * (p + 1) / 2) / (p * q))
            result.append(scores[0] - scores[1])
    return np.array(result)


@sized(40, 1000)
def test_corrected_t_keeps_its_level_and_the_naive_one_does_not(studies):
    rng = np.random.default_rng(3)
    corrected, naive = 0, 0
    for _ in range(studies):
        differences = ridge_auroc_differences(rng)
        corrected += corrected_t(differences, ratio=1 / 4).p <= 0.05
        naive += ttest_1samp(differences, 0).pvalue <= 0.05
    print(f"corrected t rejects {corrected / studies}, naive t {naive / studies}")  # noqa: T201
    assert corrected / studies == pytest.approx(0.05, abs=tolerance(0.05, studies, full=1000))
    assert naive / studies > 0.3 - (tolerance(0.3, studies, full=1000) - 0.02)


def cross_validated(rng, patients, auroc, *, correlation, repeats, features=4, folds=5):
    """Pairs and true AUROC of linear models that are fitted on patient means; `repeats` 0: one fixed model.

    The features of a cell are normal around those of its patient; the classes differ in the first one, by so much that
    the best linear model has the stated AUROC. A model with weights w has the AUROC Phi(w.d / (|w| sqrt 2)).
    """
    n = 2 * patients
    shift = np.zeros(features)
    shift[0] = norm.ppf(auroc) * np.sqrt(2)
    positive = np.arange(n) < patients
    cells = np.maximum(2, rng.lognormal(np.log(20.0), 0.6, size=n).round().astype(int))
    units = np.repeat(np.arange(n), cells)
    centre = np.sqrt(correlation) * rng.normal(size=(n, features)) + positive[:, None] * shift
    x = centre[units] + np.sqrt(1 - correlation) * rng.normal(size=(len(units), features))
    mean = np.stack([np.bincount(units, x[:, k]) / cells for k in range(features)], axis=1)
    sizes = np.outer(cells[positive], cells[~positive])
    pairs, truths = [], []
    for _ in range(max(repeats, 1)):
        fold_of = np.zeros(n, dtype=int)
        if repeats:
            fold_of = np.concatenate([rng.permutation(patients) % folds for _ in range(2)])
        concordant, comparable, truth = np.zeros_like(sizes, dtype=float), np.zeros_like(sizes, dtype=float), 0.0
        for fold in np.unique(fold_of):
            tested = fold_of == fold
            train = ~tested
            weights = mean[train & positive].mean(axis=0) - mean[train & ~positive].mean(axis=0) if repeats else shift
            score, here = x @ weights, tested[units]
            ours, theirs = here & positive[units], here & ~positive[units]
            counts = concordance(
                score[ours], score[theirs], rows=units[ours], columns=units[theirs] - patients, shape=sizes.shape
            )
            same = np.outer(tested[positive], tested[~positive])
            concordant += counts / sizes
            comparable += same
            truth += same.sum() * norm.cdf(weights @ shift / np.linalg.norm(weights) / np.sqrt(2))
        pairs.append(PairsInFolds(np.arange(patients), np.arange(patients, n), concordant, comparable, n))
        truths.append(truth / comparable.sum())
    return pairs, float(np.mean(truths))


COVERAGE = [
    *((patients, repeats, 20) for patients, repeats in [(10, 0), (10, 1), (20, 1)]),
    *(
        pytest.param(patients, repeats, 400, marks=pytest.mark.study)
        for patients in (10, 15, 20, 30, 50)
        for repeats in (0, 1, 5)
    ),
]
"""Patients of a class, repeats of five folds (0: one fixed model) and studies of each AUROC and correlation."""


@pytest.mark.parametrize(("patients", "repeats", "studies"), COVERAGE)
def test_intervals_cover_the_true_auroc_of_the_fitted_models(patients, repeats, studies):
    """92-97 % for 10 to 50 patients of a class, over three AUROCs and two correlations within patients."""
    rng = np.random.default_rng([patients, repeats])
    covered = []
    for auroc in (0.75, 0.86, 0.95):
        for correlation in (0.2, 0.5):
            inside = 0
            for _ in range(studies):
                pairs, truth = cross_validated(rng, patients, auroc, correlation=correlation, repeats=repeats)
                estimate = patient_weighted_in_folds(pairs)
                perfect = estimate.auroc == 1
                low, high = (lower_bound_at_one(patients), 1) if perfect else logit_interval(estimate, df=patients - 1)
                inside += low <= truth <= high
            covered.append(inside / studies)
    print(f"{patients} patients of a class, {repeats or 'no'} repeats: {np.mean(covered):.3f} {covered}")  # noqa: T201
    number = 6 * studies
    margin = 0.0 if studies == 400 else 3 * np.sqrt(0.05 / number)
    assert 0.92 - margin <= np.mean(covered) <= 0.97 + margin


@pytest.mark.parametrize(("auroc", "rate"), [(0.70, 0.0282), (0.741, 0.0499), (0.78, 0.0834)])
def test_the_bound_of_a_perfect_auroc_covers_95_percent_and_not_much_more(auroc, rate):
    """A positive patient scores above all ten negative ones with the AUROC as probability, else below: .95 at .741."""
    rng = np.random.default_rng(4)
    above = rng.random((4000, 10)) < auroc
    perfect = 0
    for positive in above:
        scores = np.concatenate([np.where(positive, 1.0, 0.0), np.full(10, 0.5)])
        perfect += patient_weighted(kernel_of(scores, np.arange(20) < 10, np.arange(20))).auroc == 1
    assert perfect / 4000 == pytest.approx(rate, abs=0.014)
    assert (lower_bound_at_one(10) > auroc) == (rate < 0.05)
