"""Simulated studies with known truth: an image split leaks identity, and the permutation test keeps its level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from bench.evidence.permutation.label_permutation import LabelPermutations
from bench.evidence.permutation.labels import UnitLabels
from bench.scores.metrics import weighted_auroc
from bench.splits.folds import PatientKFold
from bench.statistics.permutation import permutation_p

Floats = npt.NDArray[np.float64]
FOLDS = 3


@dataclass(frozen=True)
class Study:
    """Features of patients of two classes that differ by `effect` in the first feature."""

    values: Floats
    units: UnitLabels
    seed: int


def _study(*, patients: int, cells: int, features: int, icc: float, effect: float, seed: int) -> Study:
    rng = np.random.default_rng(seed)
    unit_of = np.repeat(np.arange(patients), cells)
    labels = np.where(np.arange(patients) % 2, "sick", "well")
    own = rng.normal(size=(patients, features))[unit_of]
    values = np.sqrt(icc) * own + np.sqrt(1 - icc) * rng.normal(size=own.shape)
    values[:, 0] += effect * (labels[unit_of] == "sick")
    return Study(values, UnitLabels(np.arange(patients).astype(str), labels, unit_of, patients), seed)


def _class_means_score(study: Study, labels: npt.NDArray[np.str_]) -> float:
    """Mean fold AUROC, by patient, of the projection on the difference of class means."""
    y = labels[study.units.unit_of] == "sick"
    aurocs = []
    for train, test in PatientKFold(FOLDS, random_state=study.seed).split(study.values, y, study.units.unit_of):
        x = study.values[train]
        ranks = rankdata(study.values[test] @ (x[y[train]].mean(axis=0) - x[~y[train]].mean(axis=0)))
        p, n = y[test].sum(), (~y[test]).sum()
        aurocs.append((ranks[y[test]].sum() - p * (p + 1) / 2) / (p * n))
    return float(np.mean(aurocs))


def _p(study: Study) -> float:
    permutations = LabelPermutations(study.units, 19, study.seed)
    null = [_class_means_score(study, labels) for _, labels in permutations]
    return permutation_p(_class_means_score(study, study.units.labels), null)


def _forest_auroc(study: Study, split: str) -> float:
    """Mean patient-weighted fold AUROC of a random forest."""
    y, units = study.units.labels[study.units.unit_of] == "sick", study.units.unit_of
    by_image = StratifiedKFold(FOLDS, shuffle=True, random_state=study.seed)
    splitter = by_image if split == "image" else PatientKFold(FOLDS, random_state=study.seed)
    aurocs = []
    for train, test in splitter.split(study.values, y, *([] if split == "image" else [units])):
        forest = RandomForestClassifier(60, random_state=study.seed).fit(study.values[train], y[train])
        aurocs.append(weighted_auroc(forest.predict_proba(study.values[test])[:, 1], y[test], units[test]))
    return float(np.mean(aurocs))


def test_image_split_scores_identity_in_features_without_signal() -> None:
    """No signal, ICC 0.8, 40 patients x 40 cells x 20 features: by image > .95, by patient .3-.7."""
    shape = {"patients": 40, "cells": 40, "features": 20, "effect": 0.0, "seed": 1}
    leaky = _study(icc=0.8, **shape)
    assert _forest_auroc(leaky, "image") > 0.95
    assert 0.3 < _forest_auroc(leaky, "patient") < 0.7
    assert 0.4 < _forest_auroc(_study(icc=0.0, **shape), "image") < 0.6


@pytest.mark.parametrize("studies", [60, pytest.param(1000, marks=pytest.mark.study)])
def test_permutation_test_keeps_its_level(studies: int) -> None:
    """Null studies with 19 permutations: p is uniform on 1/20 ... 1, with mean 0.525 and SD 0.288."""
    shape = {"patients": 16, "cells": 4, "features": 3, "icc": 0.5, "effect": 0.0}
    p = np.array([_p(_study(seed=seed, **shape)) for seed in range(studies)])
    assert p.mean() == pytest.approx(0.525, abs=3 * 0.288 / np.sqrt(studies))
    for level in (0.05, 0.25):
        error = np.sqrt(level * (1 - level) / studies)
        assert (p <= level).mean() == pytest.approx(level, abs=3 * error)


def test_permutation_test_detects_a_strong_effect() -> None:
    """Two standard deviations between 8 and 8 patients: at least 9 of 10 studies reach the floor of 1/20."""
    shape = {"patients": 16, "cells": 4, "features": 3, "icc": 0.3, "effect": 2.0}
    assert sum(_p(_study(seed=seed, **shape)) == 1 / 20 for seed in range(10)) >= 9
