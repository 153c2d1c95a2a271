"""A leaking engine is detected by the spies, without the guards of the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from bench.contract.engine import EngineChecks
from bench.contract.outcomes import Check, outcome_of
from bench.evaluation import fold
from bench.experiments import worker
from bench.plugins.registry import classifier

FITS = "in the engine, no fit sees a test patient"
LABELS = "labels of test patients have no effect"
OTHER_CELLS = "other cells of test patients have no effect on the rest"

EVERY = np.arange(108)

Fold = fold._FoldFit


def _checks(folder: Path) -> dict[str, Check]:
    return {c.name: c for c in map(outcome_of, EngineChecks(None, classifier("naive_bayes"), folder).steps())}


def _failed(folder: Path) -> dict[str, str]:
    return {name: c.detail for name, c in _checks(folder).items() if c.outcome == "failed"}


@pytest.fixture(autouse=True)
def no_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "check_disjoint", lambda *args, **kwargs: None)


def test_the_engine_does_not_leak(tmp_path: Path) -> None:
    assert _failed(tmp_path) == {}


def test_a_fit_on_all_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Fold._fit
    monkeypatch.setattr(
        Fold,
        "_fit",
        lambda self, estimator, split, *trial: original(self, estimator, replace(split, train=EVERY), *trial),
    )
    failed = _failed(tmp_path)
    assert "the classifier is fitted on cells of patient 0" in failed[FITS]
    assert "a test patient" in failed[FITS]
    assert "change when the test patients have other labels" in failed[LABELS]


def test_tuning_on_the_test_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score of a trial is that of the outer test cells."""
    original = Fold._auroc
    monkeypatch.setattr(
        Fold, "_auroc", lambda self, fitted, split: original(self, fitted, replace(split, predicted=self.job.test))
    )
    failed = _failed(tmp_path)
    assert failed[LABELS] == "tuning trials change when the test patients have other labels"
    assert failed[OTHER_CELLS] == "tuning trials change when other test patients have other cells"


def test_inner_folds_through_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ByCell:
        def __init__(self, n_splits: int, *, random_state: int) -> None:
            self.n_splits = n_splits

        def split(self, X: Any, y: Any, groups: Any) -> Any:
            return KFold(self.n_splits).split(X)

    monkeypatch.setattr(fold, "PatientKFold", ByCell)
    failed = _failed(tmp_path)
    assert "are predicted by a model that was fitted on this patient" in failed[FITS]


def test_a_threshold_fitted_on_the_test_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Fold._fit_decision

    def peeking(self: Any, inner: pd.DataFrame) -> Any:
        test = self._open_splits()[-1]
        outer = self._predict(self._fit(self._classifier(), test), test)
        return original(self, pd.concat([inner, outer.assign(inner_fold=0)], ignore_index=True))

    monkeypatch.setattr(Fold, "_fit_decision", peeking)
    failed = _failed(tmp_path)
    assert failed[LABELS] == "predictions change when the test patients have other labels"
    assert failed[OTHER_CELLS] == "predictions change when other test patients have other cells"


def test_labels_of_other_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = worker._open_shared

    def backwards(job: Any, *split: object) -> Any:
        inputs = original(job, *split)
        return SimpleNamespace(take=lambda rows: inputs.take(rows[::-1]))

    monkeypatch.setattr(worker, "_open_shared", backwards)
    assert "the classifier is fitted with labels of other cells" in _failed(tmp_path)[FITS]
