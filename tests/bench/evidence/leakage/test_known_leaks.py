"""Simulated studies with known truth, through the engine's own folds and fits: identity leaks, and the chance test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from bench.evaluation.protocol import Protocol
from bench.evidence.permutation.label_permutation import LabelPermutations, permuted_label_scores, unit_labels
from bench.experiments import refit as refitting
from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan
from bench.experiments.refit import Study, refit
from bench.features.store.entry import Entry, write_entry
from bench.observer import Observer
from bench.options import make_options
from bench.plugins import registry
from bench.plugins.pipeline import Pipeline
from bench.plugins.registry import Plugin
from bench.scores.primary import primary_score
from bench.splits.outer_folds import draw_folds
from bench.statistics.permutation import permutation_p

Floats = npt.NDArray[np.float64]


class Means(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """The difference of the class means as a direction: so little work that thousands of fits are quick."""

    def fit(self, X: Floats, y: Any, groups: Any = None) -> Means:
        self.classes_ = np.unique(y)
        centres = [X[y == c].mean(axis=0) for c in self.classes_]
        self.direction_ = centres[0] - centres[1]
        self.middle_ = (centres[0] + centres[1]) / 2
        return self

    def predict_proba(self, X: Floats) -> Floats:
        p = 1 / (1 + np.exp(-((X - self.middle_) @ self.direction_).astype(np.float64)))
        return np.column_stack([p, 1 - p])


MEANS = Plugin("means", f"{__name__}:Means", {}, consumes="features")


class Inline:
    """A pool without processes: a task runs where it is submitted."""

    def submit(self, task: Callable[..., Any], *args: Any, timeout_s: float | None = None) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(task(*args))
        return future


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No processes are started for fits of milliseconds."""

    @contextmanager
    def pool(jobs: int, threads: int) -> Iterator[Inline]:
        yield Inline()

    monkeypatch.setattr(refitting, "local_pool", pool)


def _study(
    folder: Path, classifier: Plugin, *, patients: int, cells: int, features: int, icc: float, effect: float, seed: int
) -> Plan:
    """A plan on made-up features: patients of two classes that differ by `effect` in the first feature."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(patients), cells)
    label = np.where(unit % 2, "sick", "well")
    own = rng.normal(size=(patients, features))[unit]
    values = np.sqrt(icc) * own + np.sqrt(1 - icc) * rng.normal(size=own.shape)
    values[:, 0] += effect * (label == "sick")
    folder.mkdir(parents=True)
    write_entry(folder, values.astype(np.float32), [f"f{i}" for i in range(values.shape[1])])
    names = np.array([f"p{u:03d}" for u in unit])
    numbers = [f"c{i:05d}" for i in range(len(unit))]
    table = pd.DataFrame({"cell": numbers, "label": label, "patient": names, "unit": names}, dtype="str")
    dataset = SimpleNamespace(table=table, positive="sick", classes=("sick", "well"))
    protocol = Protocol(split="patient", folds=3, inner_folds=2, seed=seed)
    experiment = Experiment(Pipeline("none", None, classifier), {}, Entry(folder, {}))
    folds = draw_folds(table, split="patient", folds=3, seed=seed)
    return Plan(make_options({}), cast(Any, SimpleNamespace(dataset=dataset)), folds, protocol, (experiment,))


def _auroc(plan: Plan, split: str) -> float:
    table = plan.opened.dataset.table
    protocol = Protocol(split=split, folds=3, inner_folds=2, seed=plan.protocol.seed)
    folds = draw_folds(table, split=split, folds=3, seed=plan.protocol.seed)
    again = Plan(plan.options, plan.opened, folds, protocol, plan.experiments)
    study = Study(split, table["label"].to_numpy().astype(str), folds)
    ((_, predictions),) = refit(again, [study], jobs=1, observer=Observer())
    return primary_score(predictions, classes=("sick", "well"), positive="sick")


def _p(plan: Plan, permutations: int, kept: Path) -> float:
    wanted = LabelPermutations(unit_labels(plan.opened.dataset.table), permutations, plan.protocol.seed)
    null = permuted_label_scores(plan, wanted, scores_file=kept, jobs=1, observer=Observer())
    return permutation_p(_auroc(plan, "patient"), list(null.values()))


@pytest.mark.slow
def test_a_forest_reads_identity_out_of_features_without_signal(tmp_path: Path) -> None:
    """EVALUATION 12: no signal, ICC 0.8, 40 patients x 40 cells x 20 features: by image > .95, by patient .3-.7."""
    forest = registry.classifier("sklearn.ensemble.RandomForestClassifier[n_estimators=60]")
    shape = {"patients": 40, "cells": 40, "features": 20, "effect": 0.0, "seed": 1}
    plan = _study(tmp_path / "leak", forest, icc=0.8, **shape)
    assert _auroc(plan, "image") > 0.95
    assert 0.3 < _auroc(plan, "patient") < 0.7
    without = _study(tmp_path / "clean", forest, icc=0.0, **shape)
    assert 0.4 < _auroc(without, "image") < 0.6


@pytest.mark.slow
def test_permutation_test_keeps_its_level(tmp_path: Path) -> None:
    """60 null studies, 19 permutations: p is uniform on 1/20 ... 1.

    Rejections at 0.05 are binomial (60, 0.05): at most 8 with probability 0.995; the mean p is 0.525 with a standard
    error of 0.037, three of which make 0.11.
    """
    shape = {"patients": 16, "cells": 4, "features": 3, "icc": 0.5, "effect": 0.0}
    p = [_p(_study(tmp_path / str(s), MEANS, seed=s, **shape), 19, tmp_path / f"{s}.jsonl") for s in range(60)]
    assert sum(x <= 0.05 for x in p) <= 8
    assert np.mean(p) == pytest.approx(0.525, abs=0.11)
    assert 4 <= sum(x <= 0.25 for x in p) <= 26, "binomial (60, 0.25): beyond with probability 0.001 on each side"


@pytest.mark.slow
def test_permutation_test_detects_a_strong_effect(tmp_path: Path) -> None:
    """Two standard deviations between 8 and 8 patients: 9 of 10 studies at least reach the floor of 1/20."""
    shape = {"patients": 16, "cells": 4, "features": 3, "icc": 0.3, "effect": 2.0}
    p = [_p(_study(tmp_path / str(s), MEANS, seed=s, **shape), 19, tmp_path / f"{s}.jsonl") for s in range(10)]
    assert sum(x == 1 / 20 for x in p) >= 9
