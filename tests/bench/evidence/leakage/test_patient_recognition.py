"""The probe recognises patients as far as their cells are alike, and no further."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import norm

from bench.evidence.leakage.patient_recognition import (
    Recognition,
    recognisable_text,
    recognise_patients,
    recognition_of,
)


def _cells(icc: float, *, patients: int = 20, cells: int = 30, features: int = 32, seed: int = 0):  # type: ignore[no-untyped-def]  # arrays
    rng = np.random.default_rng(seed)
    units = np.repeat([f"p{i:02d}" for i in range(patients)], cells)
    own = np.repeat(rng.normal(size=(patients, features)), cells, axis=0)
    values = np.sqrt(icc) * own + np.sqrt(1 - icc) * rng.normal(size=own.shape)
    return values.astype(np.float32), np.full(len(units), "sick"), units


@pytest.mark.parametrize(
    ("icc", "accuracy", "within"), [(0, 0.05, 0.02), (0.1, 0.37, 0.1), (0.3, 0.82, 0.1), (0.6, 1.0, 0.01)]
)
def test_accuracy_follows_the_correlation_within_patients(icc: float, accuracy: float, within: float) -> None:
    """EVALUATION 4.4, measured there with 20 patients and 32 features: 0.05, 0.37, 0.82, 1.00."""
    values, labels, units = _cells(icc)
    (result,) = recognise_patients(values, labels, units)
    assert result.accuracy == pytest.approx(accuracy, abs=within)
    assert (result.patients, result.cells, result.chance) == (20, 600, pytest.approx(0.05))
    assert result.recognisable == result.significant == (icc > 0)


def test_each_class_is_probed_by_itself() -> None:
    """A class difference alone does not recognise patients, because the probe is within classes."""
    values, _, units = _cells(0)
    labels = np.where(units < "p10", "healthy", "sick")
    values[labels == "sick"] += 100
    result = recognise_patients(values, labels, units)
    assert [f.label for f in result] == ["healthy", "sick"]
    assert all(f.patients == 10 and abs(f.accuracy - 0.1) < 0.06 and not f.significant for f in result)


def test_missing_values_and_constant_features_are_coped_with() -> None:
    values, labels, units = _cells(0.6)
    values[::3, 0] = np.nan
    values[:, 1] = np.nan
    values[:, 2] = 7
    (result,) = recognise_patients(values, labels, units)
    assert result.accuracy > 0.97


def test_a_class_without_any_value_is_left_out() -> None:
    values, labels, units = _cells(0.6)
    values = np.concatenate([values, np.full_like(values, np.nan)])
    labels = np.concatenate([labels, np.full_like(labels, "none")])
    (result,) = recognise_patients(values, labels, np.concatenate([units, units]))
    assert result.label != "none"


def test_few_cells_and_lone_patients_are_left_out() -> None:
    values, labels, units = _cells(0.6, patients=4)
    units = units.copy()
    units[:28] = "x"  # two cells of p00 are left, too few for three folds
    (result,) = recognise_patients(values, labels, units)
    assert result.patients == 4
    assert result.cells == 118
    lone = recognise_patients(values, np.where(np.arange(len(units)) < 28, "lone", "sick"), units)
    assert [f.label for f in lone] == ["sick"]


def test_at_most_so_many_cells_are_probed_the_same_ones_each_time() -> None:
    values, labels, units = _cells(0.3)
    first, again = (recognise_patients(values, labels, units, max_cells=300, seed=4) for _ in range(2))
    assert first == again
    assert 280 <= first[0].cells <= 300


def _null_variance(true: list[str], predicted: list[str]) -> tuple[float, float]:
    """Mean and variance of the hits over all assignments of the predictions to the cells."""
    hits = [sum(t == q for t, q in zip(true, order, strict=True)) for order in permutations(predicted)]
    return float(np.mean(hits)), float(np.var(hits))


@pytest.mark.parametrize(
    ("true", "predicted"),
    [("aabbcc", "aabbcc"), ("aaabbc", "abcabc"), ("aaaaab", "aaaaab"), ("abcabc", "ddabab"), ("aaabbb", "bbbaaa")],
)
def test_p_is_the_normal_tail_of_the_exact_moments(true: str, predicted: str) -> None:
    """Moments from all 720 assignments of six predictions."""
    mean, variance = _null_variance(list(true), list(predicted))
    hits = sum(t == q for t, q in zip(true, predicted, strict=True))
    result = recognition_of("sick", np.array(list(true)), np.array(list(predicted)))
    assert (result.accuracy, result.cells, result.patients) == (hits / 6, 6, len(set(true)))
    assert result.chance == pytest.approx(mean / 6)
    assert result.p == pytest.approx(norm.sf((hits - mean - 0.5) / np.sqrt(variance)))


def test_constant_prediction_is_chance() -> None:
    """The largest patient for every cell: 90 % right, none of it beyond chance."""
    result = recognition_of("sick", np.repeat(["a", "b"], [90, 10]), np.repeat(["a"], 100))
    assert (result.accuracy, result.chance, result.beyond_chance, result.p) == (0.9, 0.9, 0, 1)
    assert not result.recognisable


def test_predictions_that_do_not_depend_on_the_cells_are_chance() -> None:
    """Unequal patients and predictions, paired at random: p at most 0.05 in 5 % of 2000 studies."""
    rng = np.random.default_rng(0)
    true, predicted = (rng.choice(list("abcdef"), 200, p=shares) for shares in ([0.4, 0.2, *[0.1] * 4], [1 / 6] * 6))
    p = np.array([recognition_of("sick", true, rng.permutation(predicted)).p for _ in range(2000)])
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 2000))


@pytest.mark.study
def test_probe_keeps_its_level() -> None:
    """Patients with 3 to 40 cells whose features do not differ: p at most 0.05 in 5 % of the studies."""
    p = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        units = np.repeat([f"p{i}" for i in range(6)], rng.integers(3, 41, size=6))
        (result,) = recognise_patients(rng.normal(size=(len(units), 4)), np.full(len(units), "sick"), units, seed=seed)
        p.append(result.p)
    rate = float(np.mean(np.array(p) <= 0.05))
    print(f"{len(p)} studies: probe rejects {rate:.3f}")  # noqa: T201
    assert rate == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / len(p)))


def test_significance_and_size_are_both_needed() -> None:
    """(accuracy - chance) / (1 - chance) of at least 0.05, and p at most 0.05."""
    assert Recognition("sick", 30, 1500, 0.38, 0.03, 0.001).recognisable
    assert Recognition("sick", 20, 1500, 0.0975, 0.05, 0.05).recognisable
    assert not Recognition("sick", 20, 1500, 0.097, 0.05, 0.001).recognisable
    assert not Recognition("sick", 30, 20, 0.38, 0.03, 0.06).recognisable


def test_text_names_the_classes_above_chance() -> None:
    known, chance = Recognition("sick", 30, 1500, 0.38, 0.03, 0.001), Recognition("well", 25, 1500, 0.05, 0.04, 0.2)
    assert recognisable_text([known, chance]) == (
        "patients can be recognised from the features "
        "(right patient for 38% of the cells of sick, where 3.0% is chance)"
    )
    assert recognisable_text([chance]) == recognisable_text([]) == ""
