"""Tune a classifier with Optuna on the training patients: one new seeded study per outer fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from sklearn.base import clone

from bench.errors import BenchError
from bench.evaluation.epoch_pruning import STARTUP_TRIALS, PrunedByEpochs, epoch_rule
from bench.evaluation.samplers import make_sampler
from extractors.epoch_scores import EndFit, OnEpoch
from extractors.quiet_loggers import quiet_loggers

T = TypeVar("T")

FitAndScore = Callable[[OnEpoch], float]
"""Fits and scores an estimator in an inner fold; a fit by epochs calls the argument after each of them."""

OpenStudy = Callable[..., AbstractContextManager[Any]]
"""Called with the keyword arguments of `optuna.create_study`; returns a context manager that gives the study."""


@contextmanager
def study_in_memory(**settings: Any) -> Iterator[Any]:
    """Create a study that lives as long as the block."""
    import optuna  # noqa: PLC0415 (only a tuned run pays for the import)

    yield optuna.create_study(**settings)


@dataclass(frozen=True)
class Tuned:
    """Result of a study.

    Parameters
    ----------
    params : mapping
        Parameters of the best trial.
    trials : DataFrame
        One row per trial: `trial`, `state` ("complete" or "pruned"), `value` (mean score over the inner folds; for a
        pruned trial, over the complete ones; NaN if there is none, because the search space or an epoch of the first
        inner fold pruned it), and a column `param_<name>` per parameter, as text. Without times, so that equal runs
        give equal tables.
    """

    params: Mapping[str, Any]
    trials: pd.DataFrame


def tune(
    estimator: Any,
    evaluate: Callable[[Any, int], list[FitAndScore]],
    *,
    trials: int,
    seed: int,
    sampler: str = "tpe",
    hours: float = 0.0,
    open_study: OpenStudy = study_in_memory,
) -> Tuned:
    """Maximise the mean score over the inner folds in the search space of an estimator.

    From the sixth trial on, a trial is pruned when its mean over the inner folds so far is below the median of the
    complete trials at the same fold, and a network also in an epoch (`bench.evaluation.epoch_pruning`). Trials run
    sequentially, because parallel ones are not reproducible in Optuna.

    Parameters
    ----------
    estimator : scikit-learn classifier with `search_space(trial) -> dict`
        Cloned for each trial.
    evaluate : callable
        Returns, for a configured estimator and the number of the trial, one function per inner fold that fits and
        scores it. `EndFit` from the argument of this function must leave it unchanged.
    trials : int
        Number of trials, pruned ones included; the same for every estimator. A grid may have fewer points; with `hours`
        it is the largest number, and 0 is no limit.
    seed : int
        Seed of the sampler.
    sampler : {"tpe", "gp", "random", "grid"}
        See `bench.evaluation.samplers.make_sampler`.
    hours : float
        Time after which no trial begins; the result then depends on the machine. 0: no limit.
    open_study : callable
        Opens the study, by default in memory. The result does not depend on it.

    Raises
    ------
    BenchError
        The estimator has no search space, a trial failed, its score is not finite, no trial was completed, or the
        storage failed.
    """
    import optuna  # noqa: PLC0415 (only a tuned run pays for the import)

    if not hasattr(estimator, "search_space"):
        raise BenchError(f"{type(estimator).__name__} has no search space, so it cannot be tuned; leave out --tune")
    drawn: dict[int, Mapping[str, Any]] = {}

    def objective(trial: optuna.Trial) -> float:
        params = drawn[trial.number] = _params(estimator, trial)
        scores: list[float] = []
        for fold, fit_and_score in enumerate(
            _attempt(lambda: evaluate(clone(estimator).set_params(**params), trial.number), trial, params)
        ):
            rule = epoch_rule(trial, fold)
            score = _attempt(lambda: _score(fit_and_score, rule), trial, params)  # noqa: B023 (called at once)
            if score is None:
                raise optuna.TrialPruned
            scores.append(score)
            trial.report(float(np.mean(scores)), fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    with quiet_loggers("optuna"):
        settings = {
            "direction": "maximize",
            "sampler": make_sampler(sampler, estimator, trials=trials, seed=seed),
            "pruner": optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        }
        with open_study(**settings) as study:
            study.optimize(objective, n_trials=trials or None, timeout=3600 * hours or None, n_jobs=1)
            table = _table(study.trials, drawn)
    fewest = 1 if hours or sampler == "grid" else trials
    return Tuned(drawn[_best(table, fewest, trials)], table)


def _params(estimator: Any, trial: Any) -> Mapping[str, Any]:
    """Draw the parameters of a trial; errors of Optuna (pruning, storage) pass unchanged."""
    import optuna  # noqa: PLC0415

    try:
        params: Mapping[str, Any] = estimator.search_space(trial)
    except optuna.exceptions.OptunaError:
        raise
    except Exception as error:
        raise BenchError(f"tuning trial {trial.number}: the search space failed: {error}") from error
    if not params:
        raise BenchError(f"{type(estimator).__name__} has nothing to tune; leave out --tune")
    return params


def _attempt(work: Callable[[], T], trial: Any, params: Mapping[str, Any]) -> T:
    try:
        return work()
    except (Exception, EndFit) as error:
        raise BenchError(f"tuning trial {trial.number} with {dict(params)} failed: {error}") from error


def _best(table: pd.DataFrame, fewest: int, trials: int) -> int:
    """Return the number of the complete trial with the highest value, the first of ties.

    Checks that every requested trial is complete or pruned, since Optuna continues after failed ones.
    """
    other = table.loc[~table["state"].isin(["complete", "pruned"]), "state"].tolist()
    if len(table) < fewest or (trials and len(table) > trials) or other:
        raise BenchError(
            f"the study has {len(table)} trials instead of {trials}, {len(other)} of them neither complete nor pruned"
        )
    complete = table[table["state"] == "complete"]
    if complete.empty:
        raise BenchError(f"none of {len(table)} tuning trials was completed: the search space pruned each of them")
    return int(complete["trial"].to_numpy()[np.argmax(complete["value"].to_numpy())])


def _score(fit_and_score: FitAndScore, rule: OnEpoch) -> float | None:
    """Return the score, None if an epoch pruned the trial; checked, since Optuna continues after one not finite."""
    try:
        score = fit_and_score(rule)
    except PrunedByEpochs:
        return None
    if not np.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score


def _table(trials: Sequence[Any], drawn: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "trial": t.number,
            "state": t.state.name.lower(),
            "value": float("nan") if t.value is None else float(t.value),
            **{f"param_{k}": str(v) for k, v in sorted(drawn.get(t.number, {}).items())},
        }
        for t in trials
    ]
    return pd.DataFrame(rows)
