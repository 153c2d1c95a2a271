"""Baselines are added once; the scores of the prior equal the known answers of the protocol, section 12."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.plugins import registry
from bench.plugins.baselines import BASELINES, is_baseline, with_baselines
from bench.plugins.pipeline import PipelineSpec
from bench.plugins.plugin import PIXELS
from bench.scores.metrics import score
from classifiers.prior import Prior

CELLS = {"ALL": (7272, 47), "HEM": (3389, 26)}
"""Cells and patients of each class in the training set of C-NMC."""


def _pipeline(prepare: str, extractor: str, classifier: str) -> PipelineSpec:
    plugin = None if extractor == PIXELS else registry.extractor(extractor)
    return PipelineSpec(prepare, plugin, registry.classifier(classifier))


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    """Cells of C-NMC, distributed evenly over the patients."""
    parts = []
    for label, (cells, patients) in CELLS.items():
        unit = [f"{label}{i % patients:02d}" for i in range(cells)]
        parts.append(pd.DataFrame({"label": label, "unit": unit, "repeat": 0, "fold": 0}))
    return pd.concat(parts, ignore_index=True)


def _scores(cohort: pd.DataFrame, groups: np.ndarray | None) -> dict[str, float]:
    labels = cohort["label"].to_numpy().astype(str)
    p = Prior().fit(labels, labels, groups=groups).predict_proba(labels)
    thresholds = {"threshold": 0.5, "patient_threshold": 0.5}
    predictions = cohort.assign(p_ALL=p[:, 0], p_HEM=p[:, 1], **thresholds)
    table = score(predictions, classes=["ALL", "HEM"], positive="ALL", draws=50)
    return dict(zip(table["metric"], table["value"], strict=True))


def test_class_frequencies_of_cells_have_the_closed_form_scores(cohort: pd.DataFrame) -> None:
    """pi = 7272/10661: Brier pi (1 - pi) = .21684, log loss .62527, the constant's F1 2 pi^2/(1 + pi) = .5532."""
    scores, pi = _scores(cohort, groups=None), 7272 / 10661
    assert scores["brier_cell"] == pytest.approx(pi * (1 - pi), abs=1e-9)
    assert scores["brier_cell"] == pytest.approx(0.21684, abs=5e-6)
    assert scores["log_loss_cell"] == pytest.approx(0.62527, abs=5e-6)
    assert scores["weighted_f1_cell"] == pytest.approx(0.5532, abs=5e-5)
    assert scores["auroc_patient"] == 0.5


def test_class_frequencies_of_patients_are_the_best_constant_for_equal_weights(cohort: pd.DataFrame) -> None:
    """pi = 47/73: Brier pi (1 - pi) and the entropy, which no other constant undercuts."""
    scores, pi = _scores(cohort, groups=cohort["unit"].to_numpy()), 47 / 73
    assert scores["brier_patient"] == pytest.approx(pi * (1 - pi), abs=1e-9)
    assert scores["log_loss_patient"] == pytest.approx(-pi * np.log(pi) - (1 - pi) * np.log(1 - pi), abs=1e-9)
    assert scores["brier_patient"] < _scores(cohort, groups=None)["brier_patient"]
    assert scores["balanced_accuracy_patient"] == 0.5


def test_baselines_come_last_and_once() -> None:
    requested, other = _pipeline("none", "size", "lightgbm"), _pipeline("none", "color", "knn")
    names = [one.name for one in with_baselines([other, requested])]
    assert names == ["color x knn", "size x lightgbm", "pixels x prior", "stain x lightgbm"]
    assert with_baselines(with_baselines([other, requested])) == with_baselines([other, requested])


def test_baselines_use_unprepared_cells() -> None:
    """A preparation must not lower the baselines that it is compared with."""
    requested = _pipeline("macenko", "stain", "lightgbm")
    names = [one.name for one in with_baselines([requested])]
    assert names == ["macenko > stain x lightgbm", "pixels x prior", "stain x lightgbm", "size x lightgbm"]
    assert not is_baseline(requested)


def test_a_baseline_is_known_by_its_selectors() -> None:
    assert all(is_baseline(_pipeline("none", *names)) for names in BASELINES)
    assert not is_baseline(_pipeline("none", "size", "lightgbm[n_estimators=50]"))
    assert not is_baseline(_pipeline("none", "color", "lightgbm"))
