"""The probe recognises patients as far as their cells are alike, and no further."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evidence.leakage.patient_recognition import Recognition, recognise_patients


def _cells(icc: float, *, patients: int = 20, cells: int = 30, features: int = 32, seed: int = 0):  # type: ignore[no-untyped-def]  # arrays
    rng = np.random.default_rng(seed)
    units = np.repeat([f"p{i:02d}" for i in range(patients)], cells)
    own = np.repeat(rng.normal(size=(patients, features)), cells, axis=0)
    values = np.sqrt(icc) * own + np.sqrt(1 - icc) * rng.normal(size=own.shape)
    return values.astype(np.float32), np.full(len(units), "sick"), units


def _above_chance(result: Recognition) -> bool:
    """Whether the accuracy exceeds that of a constant prediction by more than three standard errors."""
    baseline = max(result.chance, result.majority)
    return bool(result.accuracy > baseline + 3 * np.sqrt(baseline * (1 - baseline) / result.cells))


@pytest.mark.parametrize(
    ("icc", "accuracy", "within"), [(0, 0.05, 0.02), (0.1, 0.37, 0.1), (0.3, 0.82, 0.1), (0.6, 1.0, 0.01)]
)
def test_accuracy_follows_the_correlation_within_patients(icc: float, accuracy: float, within: float) -> None:
    """EVALUATION 4.4, measured there with 20 patients and 32 features: 0.05, 0.37, 0.82, 1.00."""
    values, labels, units = _cells(icc)
    (result,) = recognise_patients(values, labels, units)
    assert result.accuracy == pytest.approx(accuracy, abs=within)
    assert (result.patients, result.cells, result.chance, result.majority) == (20, 600, 0.05, 0.05)
    assert _above_chance(result) == (icc > 0)


def test_each_class_is_probed_by_itself() -> None:
    """A class difference alone does not recognise patients, because the probe is within classes."""
    values, _, units = _cells(0)
    labels = np.where(units < "p10", "healthy", "sick")
    values[labels == "sick"] += 100
    result = recognise_patients(values, labels, units)
    assert [f.label for f in result] == ["healthy", "sick"]
    assert all(f.patients == 10 and abs(f.accuracy - 0.1) < 0.06 and not _above_chance(f) for f in result)


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
