"""Pruning of tuning trials by epoch: the rule against medians by hand, the study, and the table of trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from bench.errors import BenchError
from bench.evaluation.epoch_pruning import STARTUP_TRIALS, WARM_UP, best_until, is_behind
from bench.evaluation.tuning import FitAndScore, OpenStudy, Tuned, study_in_memory, tune
from bench.experiments.tuning_storage import open_storage, study_at
from extractors.epoch_scores import EndFit, OnEpoch


class Numbered(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Its parameter is the number of the trial."""

    def __init__(self, x: int = 0) -> None:
        self.x = x

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"x": trial.number}


def _constant(score: float, epochs: int = 8) -> list[float]:
    return [score] * epochs


def _tuned(
    curves: Sequence[Sequence[Sequence[float]]],
    scores: Sequence[float],
    open_study: OpenStudy = study_in_memory,
) -> tuple[Tuned, list[list[int]]]:
    """Tune on scripted scores of the epochs, `curves[trial][fold][epoch]`; return the epochs of trials and folds."""
    begun: list[list[int]] = []

    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        begun.append([])

        def fit_and_score(fold: int, on_epoch: OnEpoch) -> float:
            begun[-1].append(0)
            for epoch, score in enumerate(curves[candidate.x][fold]):
                begun[-1][-1] += 1
                on_epoch(epoch, score)
            return scores[candidate.x]

        return [partial(fit_and_score, fold) for fold in range(len(curves[candidate.x]))]

    return tune(Numbered(), evaluate, trials=len(curves), seed=0, open_study=open_study), begun


def test_a_trial_is_behind_below_the_median_of_the_best_scores_so_far() -> None:
    """Best scores until epoch 5 by hand: 1, 2, 3, 4 and 5, of which the median is 3; until epoch 6 it is 3.5."""
    others = [
        [(0, 1.0), (6, 9.0)],
        [(0, 0.0), (5, 2.0)],
        [(0, -1.0), (2, 3.0), (6, 3.5)],
        [(3, 4.0)],
        [(0, 1.0), (1, 5.0)],
    ]
    assert [best_until(other, 5) for other in others] == [1, 2, 3, 4, 5]
    assert [best_until(other, 6) for other in others] == [9, 2, 3.5, 4, 5]
    for score, epoch, expected in ((2.9, 5, True), (3.0, 5, False), (3.9, 6, True), (4.0, 6, False)):
        assert is_behind([(0, score)], others, epoch) is expected, (score, epoch)
    # Of six, the median is the mean of the third and the fourth: (3 + 4) / 2.
    assert is_behind([(0, 3.4)], [*others, [(0, 6.0)]], 5)
    assert not is_behind([(0, 3.5)], [*others, [(0, 6.0)]], 5)


def test_a_score_after_the_epoch_does_not_count_and_one_long_before_does() -> None:
    others = [[(4, 1.0), (7, 2.0)]] * STARTUP_TRIALS
    assert best_until(others[0], 3) == -math.inf
    assert not is_behind([(0, 1.5)], others, 6)
    assert is_behind([(0, 1.5)], others, 7)
    assert is_behind([(0, 1.5)], others, 500), "the others ended in epoch 7"


def test_no_trial_is_pruned_in_the_first_epochs_or_by_fewer_than_five_trials() -> None:
    others = [[(0, 1.0)]] * STARTUP_TRIALS
    assert (STARTUP_TRIALS, WARM_UP) == (5, 5)
    assert [is_behind([(0, 0.0)], others, epoch) for epoch in range(8)] == [False] * 5 + [True] * 3
    assert not is_behind([(0, 0.0)], others[:4], 100)


CURVES = [
    # Five complete trials; the medians of the best scores are 3 in the first fold, 30 in the second.
    *([_constant(number), _constant(10 * number)] for number in (1.0, 2.0, 3.0, 4.0, 5.0)),
    [_constant(2.5), _constant(99.0)],  # behind from the start: ends with the first epoch after the warm-up
    [_constant(3.0), _constant(29.0)],  # equal to the median in the first fold, behind in the second
    [[0.0] * 6 + [9.0] * 2, _constant(99.0)],  # its rise is too late
    [[0.0] * 5 + [9.0] * 3, _constant(99.0)],  # its rise is in time
    [[9.0] + [0.0] * 7, [99.0] + [0.0] * 7],  # the best epoch counts, not the last
    [_constant(3.9), _constant(39.0)],  # the medians of seven complete trials are 4 and 40
    [_constant(4.0, 3), _constant(0.0, 3)],  # ends within the warm-up
]
SCORES = [0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.7, 0.9, 0.6, 0.8, 0.9, 0.55]
BEGUN = [*[[8, 8]] * 5, [6], [8, 6], [6], [8, 8], [8, 8], [6], [3, 3]]
VALUES = [0.5, 0.5, 0.5, 0.5, 0.5, None, 0.7, None, 0.6, 0.8, None, 0.55]
PRUNED = [5, 6, 7, 10]


def test_trials_end_in_the_epochs_computed_by_hand() -> None:
    tuned, begun = _tuned(CURVES, SCORES)
    assert begun == BEGUN
    assert tuned.trials.loc[tuned.trials["state"] == "pruned", "trial"].tolist() == PRUNED
    assert set(tuned.trials["state"]) == {"complete", "pruned"}
    values = [None if math.isnan(value) else value for value in tuned.trials["value"]]
    assert values == VALUES, "the mean over complete inner folds"
    assert tuned.params == {"x": 9}


def test_equal_runs_are_equal_with_and_without_storage(tmp_path: Path) -> None:
    expected, _ = _tuned(CURVES, SCORES)
    for storage in (None, f"sqlite:///{tmp_path}/tuning.db", str(tmp_path / "tuning.log")):
        open_study = study_in_memory if storage is None else partial(study_at, storage, "study", "size x numbered")
        again, begun = _tuned(CURVES, SCORES, open_study)
        assert begun == BEGUN
        pd.testing.assert_frame_equal(again.trials, expected.trials, check_exact=True)


def test_what_is_compared_is_in_the_study(tmp_path: Path) -> None:
    storage = str(tmp_path / "tuning.log")
    _tuned(CURVES, SCORES, partial(study_at, storage, "study", "size x numbered"))
    trials = optuna.load_study(study_name="study", storage=open_storage(storage)).trials
    stored = [trial.user_attrs for trial in trials]
    first, second = ("best epochs of inner fold 0", "best epochs of inner fold 1")
    assert stored[8] == {first: [[0, 0.0], [5, 9.0]], second: [[0, 99.0]]}
    assert stored[5] == {first: [[0, 2.5]]}
    # Intermediate values are the means over inner folds alone, which the pruner of Optuna compares.
    assert [trial.intermediate_values for trial in trials][4:7] == [{0: 0.5, 1: 0.5}, {}, {0: 0.7}]


def test_inner_folds_and_epochs_prune_independently() -> None:
    """Good epochs do not save a trial with a poor inner fold, and scores of epochs may be of any size."""
    curves = [[_constant(-1e6), _constant(-1e6)] for _ in range(8)]
    tuned, begun = _tuned(curves, [1.0, 2.0, 3.0, 4.0, 5.0, 2.9, 3.1, 0.5])
    assert begun == [[8, 8]] * 5 + [[8], [8, 8], [8]]
    assert tuned.trials.loc[tuned.trials["state"] == "pruned", "trial"].tolist() == [5, 7]


def _failing(error: BaseException) -> Any:
    def evaluate(candidate: Any, trial: int) -> list[FitAndScore]:
        def fit_and_score(on_epoch: OnEpoch) -> float:
            raise error

        return [fit_and_score]

    return evaluate


def test_a_fit_that_ends_itself_is_a_failure() -> None:
    """Otherwise a plugin could skip inner folds with low scores."""
    with pytest.raises(BenchError, match=r"tuning trial 0 with \{'x': 0\} failed: too hard"):
        tune(Numbered(), _failing(EndFit("too hard")), trials=3, seed=0)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_of_an_epoch_that_is_not_finite_is_a_failure(score: float) -> None:
    with pytest.raises(BenchError, match=f"tuning trial 1 with .* failed: the score of epoch 2 is {score}"):
        _tuned([[_constant(1.0)], [[1.0, 1.0, score]]], [0.5, 0.5])
