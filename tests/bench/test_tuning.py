"""A study searches the estimator's own space, the same way each time, and never goes on after a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from bench.errors import BenchError
from bench.tuning import tune


class Parabola(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Best where x is 3 and kind is "good"."""

    def __init__(self, x: float = 0.0, kind: str = "bad") -> None:
        self.x = x
        self.kind = kind

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0, 10), "kind": trial.suggest_categorical("kind", ["bad", "good"])}


def _evaluate(estimator: Any) -> list[Callable[[], float]]:
    value = -((estimator.x - 3) ** 2) + (estimator.kind == "good")
    return [lambda: value - 1, lambda: value + 1]


def test_the_best_trial_wins_and_its_parameters_are_those_of_its_row() -> None:
    found = tune(Parabola(), _evaluate, trials=40, seed=0)
    best = found.trials.loc[found.trials["value"].idxmax()]
    assert abs(found.params["x"] - 3) < 0.5
    assert found.params["kind"] == "good"
    assert best["param_x"] == str(found.params["x"])
    assert best["value"] == pytest.approx(-((found.params["x"] - 3) ** 2) + 1)
    assert len(found.trials) == 40
    assert set(found.trials["state"]) <= {"complete", "pruned"}


def test_one_seed_gives_one_study() -> None:
    one, again, other = (tune(Parabola(), _evaluate, trials=12, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.trials, again.trials)
    assert one.params == again.params
    assert list(one.trials["param_x"]) != list(other.trials["param_x"])


def test_each_trial_gets_a_clone() -> None:
    estimator, seen = Parabola(), []

    def evaluate(candidate: Any) -> list[Callable[[], float]]:
        seen.append(candidate)
        return _evaluate(candidate)

    tune(estimator, evaluate, trials=3, seed=0)
    assert (estimator.x, estimator.kind) == (0.0, "bad")
    assert len({id(c) for c in seen}) == 3
    assert all(c is not estimator for c in seen)


def test_poor_trials_stop_after_their_first_fold() -> None:
    calls: list[int] = []

    def evaluate(candidate: Any) -> list[Callable[[], float]]:
        calls.append(0)

        def fold() -> float:
            calls[-1] += 1
            return float(-((candidate.x - 3) ** 2))

        return [fold, fold, fold]

    found = tune(Parabola(), evaluate, trials=30, seed=0)
    assert "pruned" in set(found.trials["state"])
    assert [c < 3 for c in calls] == list(found.trials["state"] == "pruned")


@pytest.mark.parametrize("when", ["fit", "score"])
def test_a_trial_that_fails_names_its_parameters(when: str) -> None:
    def evaluate(candidate: Any) -> list[Callable[[], float]]:
        def fold() -> float:
            if when == "score":
                return float("nan")
            raise ValueError("singular")

        return [fold]

    with pytest.raises(
        BenchError, match=r"tuning trial 0 with \{'x': .*'kind': .*\} failed: (singular|the score is nan)"
    ):
        tune(Parabola(), evaluate, trials=3, seed=0)


def test_parameters_that_the_estimator_does_not_have_name_the_trial() -> None:
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


def test_what_optuna_prints_is_left_as_it_was() -> None:
    import optuna  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tune(Parabola(), _evaluate, trials=2, seed=0)
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
