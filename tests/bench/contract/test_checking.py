"""Every plugin keeps to the contract; a third party's is found and checked by name; what is checked is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.contract.checking import check, find_subject, network_cost, steps_of
from bench.contract.outcomes import outcomes
from bench.errors import BenchError
from bench.plugins.registry import installed

SCIKIT_LEARN = "scikit-learn's check_estimator"

BRIEF = {"rf_svm": "rf_svm[n_estimators=5]", "cnn": "cnn[width=4,size=32]", "embedding": "resnet10t[weights=random]"}
"""What takes long is checked with less of it."""

CLASSIFIERS = [BRIEF.get(name, name) for name in installed("classifiers")]
EXTRACTORS = [BRIEF.get(name, name) for name in installed("extractors")]
PATHS = [
    "sklearn.linear_model.LogisticRegression",
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.linear_model.LogisticRegressionCV[use_legacy_attributes=false]",
]


def test_the_installed_plugins_are_those_that_are_checked() -> None:
    assert {"knn", "svm", "naive_bayes", "xgboost", "lightgbm", *BRIEF.values()} <= {*CLASSIFIERS, *EXTRACTORS}
    assert {"handcrafted", "size", "glcm"} <= set(EXTRACTORS)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *EXTRACTORS, *PATHS])
def test_every_plugin_keeps_to_the_contract(name: str) -> None:
    """Without scikit-learn's own checks, which tests/classifiers/test_contract.py runs."""
    with steps_of(find_subject(name)) as steps:
        found = list(outcomes(step for step in steps if step.name != SCIKIT_LEARN))
    assert {c.name: c.detail for c in found if c.outcome == "failed"} == {}
    assert sum(c.outcome == "passed" for c in found) >= 7


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CLASSIFIERS, *PATHS])
def test_every_classifier_of_features_passes_scikit_learns_checks(name: str) -> None:
    found = {c.name: c for c in check(name)}
    if find_subject(name).plugin.consumes == "cells":
        assert found[SCIKIT_LEARN].outcome == "skipped"
        assert name.startswith(("cnn", "prior"))
    else:
        assert found[SCIKIT_LEARN].outcome == "passed", found[SCIKIT_LEARN].detail
        assert int(found[SCIKIT_LEARN].detail.split()[0]) > 40


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("svm", "asks cv 1 time"),
        ("sklearn.calibration.CalibratedClassifierCV", "asks cv 1 time"),
        ("knn", "makes none that can be seen"),
    ],
)
def test_who_splits_is_told(name: str, asked: str) -> None:
    with steps_of(find_subject(name)) as steps:
        (step,) = (s for s in steps if s.name == "its own splits keep patients whole")
        assert step.run() == asked


def test_made_up_cells_vanish_with_the_checks() -> None:
    with steps_of(find_subject("cnn")) as steps:
        folder = steps[1].run.__self__.folder  # type: ignore[attr-defined]  # a bound method
        next(iter(outcomes(steps[1:2])))
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
def test_a_name_tells_its_kind(name: str, kind: str) -> None:
    assert find_subject(name).kind == kind


def test_what_differs_from_the_plugin_that_was_asked_for_is_said() -> None:
    assert find_subject("svm").notes == ()
    brief = find_subject("cnn")
    assert brief.plugin.params["epochs"] == 2
    assert brief.notes == ("epochs=2 in these checks, so that they end soon",)
    asked = find_subject("cnn[epochs=3]")
    assert (asked.plugin.params["epochs"], asked.notes) == (3, ())
    without = find_subject("resnet10t")
    assert without.plugin.random_weights
    assert without.notes == ("weights=random in these checks, since no weights are to be had here",)
    assert find_subject("resnet10t[weights=random]").notes == ()


def test_weights_that_are_there_are_taken(shared: Path) -> None:
    subject = find_subject("mobilenetv2_100", weights_dir=shared / "weights")
    assert (subject.plugin.random_weights, subject.notes) == (False, ())


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
    """Chooses its sharpness on cells of patients that it has seen."""

    def fit(self, X, y, groups=None):
        for train, _ in StratifiedKFold(2).split(X, y):
            super().fit(X[train], y[train])
        return super().fit(X, y)
'''


@pytest.fixture
def their_lab(install: Callable[[str, str, str], None]) -> None:
    """A distribution with two classifiers, and an extractor that is called like one of them."""
    install(
        "their_lab",
        THEIRS,
        "[bench.classifiers]\nnearest = their_lab:Nearest\npeeking = their_lab:Peeking\ntwofold = their_lab:Nearest\n"
        "[bench.extractors]\ntwofold = extractors.handcrafted.catalogue:Size\n",
    )


def _shown(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["check", *arguments])
    return ended.exit_code, ended.output


def test_a_third_partys_cheat_is_found_told_and_ends_with_1(their_lab: None) -> None:
    code, shown = _shown("peeking")
    assert code == 1
    assert shown.startswith("peeking, classifier\n")
    lines = shown.splitlines()
    at = lines.index(next(line for line in lines if line.startswith("failed  its own splits keep patients whole")))
    assert "its StratifiedKFold puts cells of one patient on both sides" in lines[at + 1]
    assert "take a parameter cv" in " ".join(lines[at + 1 : at + 3])
    assert "passed  a fit begins anew, whatever was fitted before" in shown


def test_one_name_for_two_kinds_needs_the_kind(their_lab: None) -> None:
    with pytest.raises(BenchError, match="say which: --kind classifier or --kind extractor"):
        find_subject("twofold")
    code, shown = _shown("twofold", "--kind", "extractor")
    assert code == 0
    assert shown.startswith("twofold, extractor\n")
    assert "8 passed, 1 skipped" in shown


def test_a_name_that_nothing_has() -> None:
    with pytest.raises(BenchError, match=r"no extractor or classifier is called 'svmm'\. Did you mean svm"):
        find_subject("svmm")
    with pytest.raises(BenchError, match="cannot be imported"):
        find_subject("sklearn.linear_model.Logistic")


def test_a_networks_checks_end_with_its_cost() -> None:
    code, shown = _shown("resnet10t[weights=random]")
    assert code == 0, shown
    cost, counts = shown.splitlines()[-2:]
    assert cost == "cost: 4.9 M parameters, 1.4 GFLOP a cell at 176 x 176"
    assert counts == "8 passed, 1 skipped"
