"""Built-in plugins satisfy the contract; third-party plugins are checked by name; `bench check` reports the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.contract.checking import find_subject, network_cost, steps_of
from bench.contract.classifiers import check_scikit_learn
from bench.contract.outcomes import NotApplicable, outcome_of
from bench.errors import BenchError
from bench.plugins.importing import installed

SCIKIT_LEARN = "scikit-learn's check_estimator"

BRIEF = {
    "rf_svm": "rf_svm[n_estimators=5]",
    "cnn": "cnn[epochs=2,size=16]",
    "finetune": "finetune[backbone=small,epochs=2,size=16]",
    "embedding": "resnet10t[weights=random]",
    "raw": "raw[size=8]",
    "dct": "dct[size=32,k=8]",
    "ensemble": "ensemble[members=naive_bayes+naive_bayes[balance=cells],rule=stack]",
    "bagging": "bagging[of=naive_bayes,n=2]",
    "select": "select[classifier=naive_bayes,n_estimators=5]",
}
"""Selectors of slow plugins with parameters that are fast to check."""

CLASSIFIERS = [BRIEF.get(name, name) for name in installed("classifiers")]
EXTRACTORS = [BRIEF.get(name, name) for name in installed("extractors")]
SPLITS = "internal splits do not separate cells of a patient"
CALIBRATED = "sklearn.calibration.CalibratedClassifierCV"


def test_the_checked_plugins_include_the_built_in_ones() -> None:
    assert {"knn", "svm", "naive_bayes", "xgboost", "lightgbm", *BRIEF.values()} <= {*CLASSIFIERS, *EXTRACTORS}
    assert {"handcrafted", "size", "glcm"} <= set(EXTRACTORS)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *EXTRACTORS, CALIBRATED])
def test_every_plugin_satisfies_the_contract(name: str) -> None:
    """Without `check_estimator`, which the tests of the classifiers run."""
    with steps_of(find_subject(name)) as steps:
        checks = [outcome_of(step) for step in steps if step.name != SCIKIT_LEARN]
    assert {c.name: c.detail for c in checks if c.outcome == "failed"} == {}
    assert sum(c.outcome == "passed" for c in checks) >= 7
    splits = {"svm": "1 call of cv.split", CALIBRATED: "1 call of cv.split", "knn": "none observed"}
    assert name not in splits or splits[name] == next(c.detail for c in checks if c.name == SPLITS)


def test_synthetic_cells_are_removed_after_the_checks() -> None:
    with steps_of(find_subject("size")) as steps:
        folder = steps[1].run.__self__.folder  # type: ignore[attr-defined]  # a bound method
        outcome_of(steps[1])
        assert any(folder.iterdir())
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("svm[C=10]", "classifier"),
        ("handcrafted[families=size]", "extractor"),
        ("resnet18", "extractor"),
        ("resnet18.a1_in1k", "extractor"),
        ("sklearn.linear_model.LogisticRegression[C=0.1]", "classifier"),
    ],
)
def test_the_kind_follows_from_the_name(name: str, kind: str) -> None:
    assert find_subject(name).kind == kind


def test_notes_list_differences_from_the_requested_plugin() -> None:
    assert find_subject("svm").notes == ()
    brief = find_subject("cnn")
    assert brief.plugin.params["epochs"] == 2
    assert brief.notes == ("the checks use epochs=2 to save time",)
    requested = find_subject("cnn[epochs=3]")
    assert (requested.plugin.params["epochs"], requested.notes) == (3, ())
    without = find_subject("resnet10t")
    assert without.plugin.random_weights
    assert without.notes == ("the checks use weights=random, since no weights are available",)
    assert find_subject("resnet10t[weights=random]").notes == ()


def test_available_weights_are_used(shared: Path) -> None:
    subject = find_subject("mobilenetv2_100", weights_dir=shared / "weights")
    assert (subject.plugin.random_weights, subject.notes) == (False, ())


def test_check_estimator_is_skipped_for_a_classifier_of_cells() -> None:
    with pytest.raises(NotApplicable, match="it consumes cells; these checks use arrays"):
        check_scikit_learn(object(), "cells")


def test_only_a_network_has_a_cost() -> None:
    assert str(network_cost(find_subject("resnet18[weights=random]"))).endswith("3.6 GFLOP a cell at 224 x 224")
    assert network_cost(find_subject("size")) is None
    assert network_cost(find_subject("svm")) is None


THEIRS = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold


class Nearest(ClassifierMixin, BaseEstimator):
    """The class whose mean is nearest."""

    consumes = "features"

    def __init__(self, *, sharpness=1.0):
        self.sharpness = sharpness

    def fit(self, X, y, groups=None):
        X = np.nan_to_num(X)
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        near = np.exp(-self.sharpness * ((np.nan_to_num(X)[:, None] - self.means_) ** 2).mean(axis=2)) + 1e-9
        return near / near.sum(axis=1, keepdims=True)

    def search_space(self, trial):
        return {"sharpness": trial.suggest_float("sharpness", 0.1, 10)}


class Peeking(Nearest):
    """Splits its training cells without groups."""

    def fit(self, X, y, groups=None):
        for train, _ in StratifiedKFold(2).split(X, y):
            super().fit(X[train], y[train])
        return super().fit(X, y)
'''


@pytest.fixture
def their_lab(install: Callable[[str, str, str], None]) -> None:
    """A distribution of two classifiers, and an extractor with the name of one of them."""
    install(
        "their_lab",
        THEIRS,
        "[bench.classifiers]\nnearest = their_lab:Nearest\npeeking = their_lab:Peeking\ntwofold = their_lab:Nearest\n"
        "[bench.extractors]\ntwofold = extractors.handcrafted.catalogue:Size\n",
    )


def _shown(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["check", *arguments])
    return ended.exit_code, ended.output


def test_a_violation_of_a_third_party_plugin_is_reported_with_exit_code_1(their_lab: None) -> None:
    code, shown = _shown("peeking")
    assert code == 1
    assert shown.startswith("peeking, classifier\n")
    lines = shown.splitlines()
    at = lines.index(next(line for line in lines if line.startswith(f"failed  {SPLITS}")))
    assert "its StratifiedKFold puts cells of one patient on both sides" in lines[at + 1]
    assert "add a parameter cv" in " ".join(lines[at + 1 : at + 3])
    assert "passed  a fit does not depend on earlier fits" in shown
    assert f"failed  {SCIKIT_LEARN}" in shown


def test_one_name_for_two_kinds_needs_the_kind(their_lab: None) -> None:
    with pytest.raises(BenchError, match="choose one with --kind classifier or --kind extractor"):
        find_subject("twofold")
    code, shown = _shown("twofold", "--kind", "extractor")
    assert code == 0
    assert shown.startswith("twofold, extractor\n")
    assert "8 passed, 1 skipped" in shown


def test_an_unknown_name() -> None:
    with pytest.raises(BenchError, match=r"no extractor or classifier is called 'svmm'\. Did you mean svm"):
        find_subject("svmm")
    with pytest.raises(BenchError, match="cannot be imported"):
        find_subject("sklearn.linear_model.Logistic")


def test_the_checks_of_a_network_end_with_its_cost() -> None:
    code, shown = _shown("resnet10t[weights=random]")
    assert code == 0, shown
    cost, counts = shown.splitlines()[-2:]
    assert cost == "cost: 4.9 M parameters, 1.4 GFLOP a cell at 176 x 176"
    assert counts == "8 passed, 1 skipped"
