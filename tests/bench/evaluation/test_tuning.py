"""Tuning: reproducible search of the estimator's space, pruning, and failures that stop the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from bench.errors import BenchError
from bench.evaluation.tuning import FitAndScore, tune
from extractors.epoch_scores import OnEpoch


class Parabola(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Best where x is 3 and kind is "good"."""

    def __init__(self, x: float = 0.0, kind: str = "bad") -> None:
        self.x = x
        self.kind = kind

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0, 10), "kind": trial.suggest_categorical("kind", ["bad", "good"])}


def _evaluate(estimator: Any, trial: int) -> list[FitAndScore]:
    value = -((estimator.x - 3) ** 2) + (estimator.kind == "good")
    return [lambda _: value - 1, lambda _: value + 1]


def test_the_parameters_are_those_of_the_best_trial() -> None:
    tuned = tune(Parabola(), _evaluate, trials=40, seed=0)
    best = tuned.trials.loc[tuned.trials["value"].idxmax()]
    assert abs(tuned.params["x"] - 3) < 0.5
    assert tuned.params["kind"] == "good"
    assert best["param_x"] == str(tuned.params["x"])
    assert best["value"] == pytest.approx(-((tuned.params["x"] - 3) ** 2) + 1)
    assert len(tuned.trials) == 40
    assert set(tuned.trials["state"]) <= {"complete", "pruned"}


def test_a_seed_determines_the_study() -> None:
    one, again, other = (tune(Parabola(), _evaluate, trials=12, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.trials, again.trials)
    assert one.params == again.params
    assert list(one.trials["param_x"]) != list(other.trials["param_x"])


def test_each_trial_gets_a_clone() -> None:
    estimator, seen = Parabola(), []

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        seen.append(candidate)
        return _evaluate(candidate, trial)

    tune(estimator, evaluate, trials=3, seed=0)
    assert (estimator.x, estimator.kind) == (0.0, "bad")
    assert len({id(c) for c in seen}) == 3
    assert all(c is not estimator for c in seen)


def test_poor_trials_are_pruned() -> None:
    calls: list[int] = []

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        calls.append(0)

        def fold(on_epoch: OnEpoch) -> float:
            calls[-1] += 1
            return float(-((candidate.x - 3) ** 2))

        return [fold, fold, fold]

    tuned = tune(Parabola(), evaluate, trials=30, seed=0)
    assert "pruned" in set(tuned.trials["state"])
    assert [c < 3 for c in calls] == list(tuned.trials["state"] == "pruned")


@pytest.mark.parametrize("when", ["fit", "score"])
def test_a_trial_that_fails_names_its_parameters(when: str) -> None:
    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        def fold(on_epoch: OnEpoch) -> float:
            if when == "score":
                return float("nan")
            raise ValueError("singular")

        return [fold]

    with pytest.raises(
        BenchError, match=r"tuning trial 0 with \{'x': .*'kind': .*\} failed: (singular|the score is nan)"
    ):
        tune(Parabola(), evaluate, trials=3, seed=0)


def test_an_unknown_parameter_names_the_trial() -> None:
    class Wrong(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {"y": trial.suggest_float("y", 0, 1)}

    with pytest.raises(BenchError, match=r"tuning trial 0 with \{'y': .*Invalid parameter 'y'"):
        tune(Wrong(), _evaluate, trials=3, seed=0)


def test_nothing_to_tune_is_an_error() -> None:
    from sklearn.dummy import DummyClassifier  # noqa: PLC0415

    class Fixed(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {}

    with pytest.raises(BenchError, match=r"DummyClassifier has no search space.*leave out --tune"):
        tune(DummyClassifier(), _evaluate, trials=3, seed=0)
    with pytest.raises(BenchError, match="Fixed has nothing to tune; leave out --tune"):
        tune(Fixed(), _evaluate, trials=3, seed=0)


def test_the_verbosity_of_optuna_is_restored() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tune(Parabola(), _evaluate, trials=2, seed=0)
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING


def test_a_trial_below_the_median_is_pruned_after_its_first_fold() -> None:
    """Six trials of scores 1..6, then a worse and a better one: the median of the first folds decides, by hand."""
    scores = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.5, 7.0, 3.4, 4.1]
    calls = [0] * len(scores)

    class Numbered(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {"x": trial.number}

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        def fold(on_epoch: OnEpoch) -> float:
            calls[candidate.x] += 1
            return scores[candidate.x]

        return [fold, fold, fold]

    tuned = tune(Numbered(), evaluate, trials=len(scores), seed=0)
    # Before trial 6 the median of the complete ones is 3.5, before trials 7 to 9 it is 3.5, 4 and 4.
    assert calls == [3, 3, 3, 3, 3, 3, 1, 3, 1, 3]
    assert tuned.trials.loc[tuned.trials["state"] == "pruned", "trial"].tolist() == [6, 8]
    assert tuned.trials["value"].tolist() == scores
    assert tuned.params == {"x": 7}


def test_a_failure_that_optuna_search_cv_ignores_stops_the_run() -> None:
    """A group splitter without groups fails every trial; OptunaSearchCV then returns an untuned model."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    started: list[float] = []

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        started.append(candidate.C)
        return [lambda _: float(cross_val_score(candidate, X, y, cv=GroupKFold(3), error_score="raise").mean())]

    class Tunable(LogisticRegression):  # type: ignore[misc]  # scikit-learn is untyped
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {"C": trial.suggest_float("C", 1e-3, 1e3, log=True)}

    with pytest.raises(
        BenchError, match=r"tuning trial 0 with \{'C': .*\} failed: The 'groups' parameter should not be"
    ):
        tune(Tunable(), evaluate, trials=8, seed=0)
    assert len(started) == 1, "the run stops at once"


def test_a_space_that_prunes_every_trial_is_an_error() -> None:
    class Picky(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            raise optuna.TrialPruned

    with pytest.raises(BenchError, match="none of 7 tuning trials was completed"):
        tune(Picky(), _evaluate, trials=7, seed=0)


def test_a_space_may_prune_some_trials() -> None:
    class Picky(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            params = super().search_space(trial)
            if params["kind"] == "good":
                raise optuna.TrialPruned
            return params

    tuned = tune(Picky(), _evaluate, trials=20, seed=0)
    pruned = tuned.trials["value"].isna()
    assert 0 < pruned.sum() < 20
    assert set(tuned.trials.loc[pruned, "state"]) == {"pruned"}
    assert tuned.params["kind"] == "bad"


def test_pruning_raised_by_a_fit_is_a_failure() -> None:
    """Otherwise a plugin could skip inner folds with low scores."""

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        def fold(on_epoch: OnEpoch) -> float:
            raise optuna.TrialPruned("too hard")

        return [fold]

    with pytest.raises(BenchError, match=r"tuning trial 0 with .* failed: too hard"):
        tune(Parabola(), evaluate, trials=3, seed=0)


def test_a_failing_search_space_is_an_error() -> None:
    class Upside(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {"x": trial.suggest_float("x", 5, 1)}

    with pytest.raises(BenchError, match=r"tuning trial 0: the search space failed: .*low.*high"):
        tune(Upside(), _evaluate, trials=3, seed=0)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_stops_the_run(score: float) -> None:
    """Optuna would continue after the failed trial, or select infinity as the best score."""
    seen: list[int] = []

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        seen.append(0)
        return [lambda _: 0.5, lambda _: score if len(seen) == 4 else 0.5]

    with pytest.raises(BenchError, match=rf"tuning trial 3 with .* failed: the score is {score}"):
        tune(Parabola(), evaluate, trials=9, seed=0)
    assert len(seen) == 4


def test_the_same_number_of_trials_for_every_estimator() -> None:
    class Wide(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            return {"x": trial.suggest_float("x", -1e9, 1e9), "kind": trial.suggest_categorical("kind", list("abcdef"))}

    assert [len(tune(e, _evaluate, trials=13, seed=0).trials) for e in (Parabola(), Wide())] == [13, 13]


def test_a_study_that_ends_early_is_an_error() -> None:
    """A plugin that stops its study would have a smaller budget than others."""

    class Stopping(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            trial.study.stop()
            return super().search_space(trial)

    with pytest.raises(BenchError, match="the study has 1 trials instead of 5, 0 of them neither complete nor pruned"):
        tune(Stopping(), _evaluate, trials=5, seed=0)


def test_an_unfinished_trial_is_an_error() -> None:
    class Asking(Parabola):
        def search_space(self, trial: Any) -> dict[str, Any]:
            if trial.number == 0:
                trial.study.ask()
            return super().search_space(trial)

    with pytest.raises(BenchError, match="the study has 6 trials instead of 5, 1 of them neither complete nor pruned"):
        tune(Asking(), _evaluate, trials=5, seed=0)
