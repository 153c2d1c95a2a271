"""An engine that leaks is caught by the spies themselves, with the engine's own guards taken away."""

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
from bench.contract.outcomes import Check, outcomes
from bench.evaluation import fold
from bench.experiments import worker
from bench.plugins.registry import classifier

FITS = "at work in the engine, no fit sees a tested patient"
LABELS = "labels of tested patients change nothing"
OTHER_CELLS = "other cells of tested patients change nothing else"

EVERY = np.arange(108)

Fold = fold._FoldFit


def _checks(folder: Path) -> dict[str, Check]:
    return {c.name: c for c in outcomes(EngineChecks(None, classifier("naive_bayes"), folder).steps())}


def _failed(folder: Path) -> dict[str, str]:
    return {name: c.detail for name, c in _checks(folder).items() if c.outcome == "failed"}


@pytest.fixture(autouse=True)
def no_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "check_disjoint", lambda *args, **kwargs: None)


def test_the_engine_as_it_is_leaks_nothing(tmp_path: Path) -> None:
    assert _failed(tmp_path) == {}


def test_a_fit_on_all_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Fold._fit
    monkeypatch.setattr(
        Fold, "_fit", lambda self, estimator, split: honest(self, estimator, replace(split, train=EVERY))
    )
    found = _failed(tmp_path)
    assert "the classifier is fitted on cells of patient 0" in found[FITS]
    assert "who is tested" in found[FITS]
    assert "change when the tested patients have other labels" in found[LABELS]


def test_tuning_on_the_tested_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score that a trial is chosen by is that of the outer test cells."""
    honest = Fold._auroc
    monkeypatch.setattr(
        Fold, "_auroc", lambda self, fitted, split: honest(self, fitted, replace(split, predicted=self.job.test))
    )
    found = _failed(tmp_path)
    assert found[LABELS] == "tuning trials change when the tested patients have other labels"
    assert found[OTHER_CELLS] == "tuning trials change when other tested patients have other cells"


def test_inner_folds_through_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ByCell:
        def __init__(self, n_splits: int, *, random_state: int) -> None:
            self.n_splits = n_splits

        def split(self, X: Any, y: Any, groups: Any) -> Any:
            return KFold(self.n_splits).split(X)

    monkeypatch.setattr(fold, "PatientKFold", ByCell)
    found = _failed(tmp_path)
    assert "are predicted by a model that was fitted on this patient" in found[FITS]


def test_a_threshold_learned_on_the_tested_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Fold._decided

    def peeking(self: Any, outer: pd.DataFrame, inner: pd.DataFrame) -> pd.DataFrame:
        return honest(self, outer, pd.concat([inner, outer.assign(inner_fold=0)], ignore_index=True))

    monkeypatch.setattr(Fold, "_decided", peeking)
    found = _failed(tmp_path)
    assert found[LABELS] == "predictions change when the tested patients have other labels"
    assert found[OTHER_CELLS] == "predictions change when other tested patients have other cells"


def test_labels_of_other_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = worker._open_shared

    def backwards(job: Any, *split: object) -> Any:
        inputs = honest(job, *split)
        return SimpleNamespace(take=lambda rows: inputs.take(rows[::-1]))

    monkeypatch.setattr(worker, "_open_shared", backwards)
    assert "the classifier is fitted with other labels than its cells have" in _failed(tmp_path)[FITS]
