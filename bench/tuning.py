"""Optuna inside the training patients: a fresh seeded study for each outer fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from bench.errors import BenchError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Parameters
    ----------
    params : mapping
        Parameters of the best trial.
    trials : DataFrame
        One row a trial: `trial`, `state`, `value` (mean over the inner folds), `seconds` left out, and a column
        `param_<name>` for each parameter, as text.
    """

    params: Mapping[str, Any]
    trials: pd.DataFrame


def tune(
    estimator: Any,
    evaluate: Callable[[Any], list[Callable[[], float]]],
    *,
    trials: int,
    seed: int,
) -> Tuned:
    """Search the estimator's own space for the highest mean score over the inner folds.

    Parameters
    ----------
    estimator : scikit-learn classifier with `search_space(trial) -> dict`
        Cloned for each trial.
    evaluate : callable
        Gives, for a configured estimator, one function an inner fold that fits and scores it.
    trials : int
        Number of trials.
    seed : int
        Seed of the TPE sampler.

    Raises
    ------
    BenchError
        The estimator has no search space, or a trial failed.
    """
    import optuna  # noqa: PLC0415 (only a tuned run pays for the import)

    if not hasattr(estimator, "search_space"):
        raise BenchError(f"{type(estimator).__name__} has no search space, so it cannot be tuned; leave out --tune")

    def objective(trial: optuna.Trial) -> float:
        params = estimator.search_space(trial)
        if not params:
            raise BenchError(f"{type(estimator).__name__} has nothing to tune; leave out --tune")
        trial.set_user_attr("params", params)
        scores: list[float] = []
        try:
            steps = evaluate(clone(estimator).set_params(**params))
            for step, fit_and_score in enumerate(steps):
                scores.append(_finite(fit_and_score()))
                trial.report(float(np.mean(scores)), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        except optuna.TrialPruned:
            raise
        except Exception as error:
            raise BenchError(f"tuning trial {trial.number} with {params} failed: {error}") from error
        return float(np.mean(scores))

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        )
        study.optimize(objective, n_trials=trials, n_jobs=1)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return Tuned(study.best_trial.user_attrs["params"], _table(study.trials))


def _finite(score: float) -> float:
    """The score; Optuna would pass over one that is not finite."""
    if not np.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score


def _table(trials: list[Any]) -> pd.DataFrame:
    rows = [
        {
            "trial": t.number,
            "state": t.state.name.lower(),
            "value": float("nan") if t.value is None else float(t.value),
            **{f"param_{k}": str(v) for k, v in sorted(t.user_attrs["params"].items())},
        }
        for t in trials
    ]
    return pd.DataFrame(rows)
