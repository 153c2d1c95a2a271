"""Imputation, scaling and selection of `select` are fitted on the training cells of the fold alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from bench.evaluation.fold import Fold, evaluate_fold
from bench.evaluation.inputs import FeatureArray
from bench.evaluation.protocol import Protocol
from bench.plugins.registry import classifier

PATIENTS, CELLS = 24, 4
UNITS = np.repeat([f"p{number:02d}" for number in range(PATIENTS)], CELLS)
LABELS = np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "well"), CELLS)
ROWS = np.arange(len(UNITS))
TRAIN, TEST = ROWS[:64], ROWS[64:]
STEPS = (SimpleImputer, StandardScaler, SelectKBest, PCA, RandomForestClassifier)


def _features() -> Any:
    """Return the row number, and noise of which the second column gives away the class in test patients only."""
    values = np.random.default_rng(0).normal(size=(len(ROWS), 12))
    values[:, 0] = ROWS
    values[TEST, 1] += 50 * (LABELS[TEST] == "sick")
    return values.astype(np.float32)


def _fold(text: str) -> Fold:
    return Fold(
        extractor=None,
        classifier=classifier(text),
        protocol=Protocol(folds=3, inner_folds=2),
        positive="sick",
        labels=LABELS,
        units=UNITS,
        repeat=0,
        fold=2,
        train=TRAIN,
        test=TEST,
    )


@pytest.mark.parametrize("by", ["anova,k=3", "pca,k=3", "rf,k=3,n_estimators=5"])
def test_every_step_sees_the_rows_of_its_fit_alone(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuple[str, Any]] = []
    for cls in STEPS:

        def spied(self: Any, X: Any, *rest: Any, _fit: Any = cls.fit, **more: Any) -> Any:
            fits.append((type(self).__name__, np.asarray(X)[:, 0].copy()))
            return _fit(self, X, *rest, **more)

        monkeypatch.setattr(cls, "fit", spied)
    result = evaluate_fold(
        _fold(f"select[by={by},classifier=sklearn.tree.DecisionTreeClassifier]"),
        lambda *_: FeatureArray(_features(), tuple(f"f{number}" for number in range(12))),
    )
    assert sorted(result.predictions["row"]) == TEST.tolist()
    # Two inner fits and the outer one. The nested adapter imputes and scales the selected columns again.
    steps = ["SimpleImputer", "StandardScaler", fits[2][0], "SimpleImputer", "StandardScaler"]
    assert [name for name, _ in fits] == steps * 3
    for first in range(0, len(fits), len(steps)):
        rows, (_, scaled), (_, selected) = fits[first][1], fits[first + 1], fits[first + 2]
        assert set(UNITS[rows.astype(int)]).isdisjoint(UNITS[TEST])
        np.testing.assert_array_equal(scaled, rows)
        np.testing.assert_allclose(selected, (rows - rows.mean()) / rows.std(), atol=1e-6)
    assert sorted(fits[-len(steps)][1]) == TRAIN.tolist()


@pytest.mark.parametrize("by", ["anova,k=1", "rf,k=1,n_estimators=20"])
def test_a_column_that_separates_only_the_test_patients_is_not_selected(by: str) -> None:
    values = _features()
    values[TRAIN, 5] += 2 * (LABELS[TRAIN] == "sick")
    fold = _fold(f"select[by={by},classifier=naive_bayes]")
    result = evaluate_fold(fold, lambda *_: FeatureArray(values, tuple(f"f{number}" for number in range(12))))
    importances = result.importances.set_index("feature")["importance"]
    assert importances[importances > 0].to_dict() == {"f5": 1.0}
