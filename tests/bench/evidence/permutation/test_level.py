"""Level and power of the permutation test within patients, in simulated studies with labels of cells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bench.evidence.permutation.label_permutation import LabelPermutations
from bench.evidence.permutation.labels import CellLabels, permutable_labels
from bench.splits.folds import PatientKFold
from bench.statistics.permutation import permutation_p

Floats = npt.NDArray[np.float64]
PERMUTATIONS = 19


class _Study:
    """8 patients with positive and negative cells and 4 with negative ones only, 6 cells each.

    Features have a patient effect that is correlated with the share of positive cells, so that the score is above 0.5
    without any difference between the cells of a patient; `effect` is that difference.
    """

    def __init__(self, seed: int, effect: float) -> None:
        rng = np.random.default_rng(seed)
        shares = np.array([1, 1, 2, 2, 3, 4, 5, 5, 0, 0, 0, 0])
        self.unit_of = np.repeat(np.arange(12), 6)
        positive = np.concatenate([rng.permutation(np.arange(6) < share) for share in shares])
        own = rng.normal(size=(12, 3))
        own[:, 0] += shares / 2
        self.values = own[self.unit_of] + rng.normal(size=(72, 3))
        self.values[:, 1] += effect * positive
        self.positive = positive
        self.splits = list(PatientKFold(3, random_state=seed).split(positive, positive, self.unit_of))
        names = self.unit_of.astype(str)
        label = np.where(positive, "sick", "well")
        labels = permutable_labels(pd.DataFrame({"patient": names, "unit": names, "label": label}))
        assert isinstance(labels, CellLabels)
        assert (labels.moved, labels.fixed) == (8, 4)
        self.labels = labels

    def score(self, positive: npt.NDArray[np.bool_]) -> float:
        """Mean fold AUROC, patient-weighted, of the projection on the difference of class means."""
        scores = []
        for train, test in self.splits:
            x, y, sick = self.values[train], positive[train], positive[test]
            projected = self.values[test] @ (x[y].mean(axis=0) - x[~y].mean(axis=0))
            # Patients have equally many cells, so that their weights are equal.
            scores.append((projected[sick][:, None] > projected[~sick]).mean())
        return float(np.mean(scores))

    def within(self, seed: int) -> float:
        """P-value with labels permuted within patients."""
        rows = LabelPermutations(self.labels, PERMUTATIONS, seed)
        return self._p(row == "sick" for _, row in rows)

    def across(self, seed: int) -> float:
        """P-value with labels permuted between all cells, which is no valid test."""
        rng = np.random.default_rng(seed)
        return self._p(rng.permutation(self.positive) for _ in range(PERMUTATIONS))

    def _p(self, permuted: Iterable[npt.NDArray[np.bool_]]) -> float:
        null = [self.score(positive) for positive in permuted if self._has_both(positive)]
        return permutation_p(self.score(self.positive), null)

    def _has_both(self, positive: npt.NDArray[np.bool_]) -> bool:
        return all(0 < positive[rows].sum() < len(rows) for split in self.splits for rows in split)


@pytest.mark.parametrize("studies", [60, pytest.param(1000, marks=pytest.mark.study)])
def test_permutation_within_patients_keeps_its_level(studies: int) -> None:
    """Null studies: p is uniform on 1/20 ... 1, with mean 0.525 and SD 0.288, although the scores are above 0.5."""
    each = [_Study(seed, effect=0) for seed in range(studies)]
    p, naive = (
        np.array([getattr(study, how)(seed) for seed, study in enumerate(each)]) for how in ("within", "across")
    )
    observed = np.mean([study.score(study.positive) for study in each])
    print(  # noqa: T201
        f"{studies} studies with a mean score of {observed:.2f}: within patients rejects {(p <= 0.05).mean():.3f}, "
        f"between cells {(naive <= 0.05).mean():.3f}"
    )
    assert observed > 0.55
    assert p.mean() == pytest.approx(0.525, abs=3 * 0.288 / np.sqrt(studies))
    for level in (0.05, 0.25):
        assert (p <= level).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / studies))
    assert (naive <= 0.05).mean() > 0.15, "patients differ, so that cells of different patients are not exchangeable"


def test_permutation_within_patients_detects_a_difference_between_the_cells_of_a_patient() -> None:
    """Three standard deviations: at least 9 of 10 studies reach the floor of 1/20."""
    assert sum(_Study(seed, effect=3).within(seed) == 1 / 20 for seed in range(10)) >= 9
