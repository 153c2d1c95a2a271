"""Samplers of the tuning, and the grid of a search space."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sklearn.base import BaseEstimator

from bench.errors import BenchError
from bench.evaluation.protocol import tuning_budget
from bench.evaluation.samplers import grid_of
from bench.evaluation.tuning import FitAndScore, Tuned, tune


class Spaced(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A search space of every kind of parameter."""

    def __init__(self, rate: float = 1.0, depth: int = 1, kernel: str = "rbf", share: float = 0.0) -> None:
        self.rate = rate
        self.depth = depth
        self.kernel = kernel
        self.share = share

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {
            "rate": trial.suggest_float("rate", 1e-4, 1e-2, log=True),
            "depth": trial.suggest_int("depth", 1, 4),
            "kernel": trial.suggest_categorical("kernel", ["rbf", "linear"]),
            "share": trial.suggest_float("share", 0.0, 0.5, step=0.25),
        }


class Conditional(Spaced):
    """Its search space depends on a drawn value."""

    def search_space(self, trial: Any) -> dict[str, Any]:
        kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
        return {"kernel": kernel, **({"depth": trial.suggest_int("depth", 1, 4)} if kernel == "rbf" else {})}


def _evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
    value = candidate.depth - abs(candidate.share - 0.25) - 100 * abs(candidate.rate - 1e-3)
    return [lambda _: value + (candidate.kernel == "linear")]


def _drawn(tuned: Tuned) -> list[tuple[str, ...]]:
    parameters = [c for c in tuned.trials.columns if c.startswith("param_")]
    return list(tuned.trials[parameters].itertuples(index=False, name=None))


def test_a_grid_has_as_many_values_of_each_number_as_the_trials_allow() -> None:
    two = {"rate": [1e-4, 1e-2], "depth": [1, 4], "kernel": ["rbf", "linear"], "share": [0.0, 0.5]}
    assert grid_of(Spaced(), trials=16) == two
    assert grid_of(Spaced(), trials=53) == two, "three values of each number are 54 points"
    three = grid_of(Spaced(), trials=54)
    assert three["rate"] == pytest.approx([1e-4, 1e-3, 1e-2])
    assert (three["depth"], three["share"]) == ([1, 3, 4], [0.0, 0.25, 0.5])
    assert grid_of(Spaced(), trials=4 * 4 * 2 * 3)["depth"] == [1, 2, 3, 4]
    assert grid_of(Spaced(), trials=200)["share"] == [0.0, 0.25, 0.5], "the step allows no more"


def test_a_grid_that_is_too_large_or_conditional_is_refused() -> None:
    with pytest.raises(BenchError, match=r"smallest grid of Spaced \(rate, depth, kernel, share\) has 16 points, more"):
        grid_of(Spaced(), trials=15)
    with pytest.raises(BenchError, match="the search space of Conditional depends on drawn values"):
        grid_of(Conditional(), trials=100)


def test_a_grid_is_tried_in_full(capfd: pytest.CaptureFixture[str]) -> None:
    tuned = tune(Spaced(), _evaluate, trials=53, seed=0, sampler="grid")
    assert len(tuned.trials) == len(set(_drawn(tuned))) == 16
    assert tuned.params["depth"] == 4
    assert tuned.params["kernel"] == "linear"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random", "grid"])
def test_the_seed_determines_the_trials_of_each_sampler(sampler: str) -> None:
    one, again, other = (tune(Spaced(), _evaluate, trials=16, seed=seed, sampler=sampler) for seed in (1, 1, 2))
    assert one.trials.equals(again.trials)
    assert _drawn(one) != _drawn(other)


def test_the_samplers_differ() -> None:
    """The Gaussian process draws at random until ten trials are complete."""
    drawn = [tuple(_drawn(tune(Spaced(), _evaluate, trials=40, seed=1, sampler=s))) for s in ("tpe", "gp", "random")]
    assert len(set(drawn)) == 3


def test_no_trial_begins_after_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial takes 40 ms of a budget of 0.2 s."""

    def slow(candidate: Any, trial: int) -> list[FitAndScore]:
        time.sleep(0.04)
        return _evaluate(candidate, trial)

    limited = tune(Spaced(), slow, trials=0, seed=0, hours=0.2 / 3600)
    assert 1 <= len(limited.trials) <= 6
    whole = tune(Spaced(), _evaluate, trials=len(limited.trials), seed=0)
    assert limited.trials.equals(whole.trials), "the number of trials determines the study"
    assert len(tune(Spaced(), _evaluate, trials=2, seed=0, hours=1.0).trials) == 2


@pytest.mark.parametrize(
    ("tune", "hours", "sampler", "text"),
    [
        (0, 0.0, "tpe", ""),
        (1, 0.0, "tpe", "1 trial"),
        (50, 0.0, "gp", "50 trials (sampler gp)"),
        (0, 2.0, "tpe", "at most 2 hours"),
        (50, 1.0, "random", "50 trials, at most 1 hour (sampler random)"),
    ],
)
def test_the_budget_as_text(tune: int, hours: float, sampler: str, text: str) -> None:
    assert tuning_budget({"tune": tune, "tune_hours": hours, "sampler": sampler}) == text
