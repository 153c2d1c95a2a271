"""Prune a tuning trial by the epochs of its networks: by their validation scores, fold by fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from extractors.epoch_scores import EndFit, OnEpoch

STARTUP_TRIALS = 5
"""Number of complete trials from which medians are taken, as in the pruning by inner fold."""

WARM_UP = 5
"""Number of the first epochs, in which no trial is pruned.

Until then the order of the trials is that of their learning rates more than that of their results: a low rate, or the
warm-up of a schedule (5 epochs in the preset `timm`), is behind at first.
"""

Improvements = Sequence[tuple[int, float]]
"""Epochs whose score is better than all before, with the score."""


class PrunedByEpochs(EndFit):
    """The scores of a trial are behind those of the others."""


def epoch_rule(trial: Any, fold: int) -> OnEpoch:
    """Return the function that prunes a trial in the fit of an inner fold.

    From the sixth trial and the sixth epoch on, a trial is pruned when its best score so far is below the median of the
    best scores of the complete trials in the same inner fold until the same epoch. A complete trial that ended earlier,
    by its patience, counts with its best score, so that every median is of all complete trials.

    `optuna.pruners.MedianPruner` compares the best of all intermediate values of a trial, and inner folds and epochs
    have different scores. The scores of epochs are therefore user attributes of the trial in the study.

    Parameters
    ----------
    trial : optuna.Trial
    fold : int
        Number of the inner fold.

    Returns
    -------
    OnEpoch
        Raises `PrunedByEpochs`, or a ValueError where a score is not finite. A function, because scikit-learn's `clone`
        copies any other object.
    """
    import optuna  # noqa: PLC0415 (only a tuned run pays for the import)

    key = f"best epochs of inner fold {fold}"
    improvements: list[tuple[int, float]] = []

    def on_epoch(epoch: int, score: float) -> None:
        if not math.isfinite(score):
            raise ValueError(f"the score of epoch {epoch} is {score}")
        if not improvements or score > improvements[-1][1]:
            improvements.append((int(epoch), float(score)))
            trial.set_user_attr(key, list(improvements))
        complete = trial.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        others = [other.user_attrs[key] for other in complete if key in other.user_attrs]
        if is_behind(improvements, others, epoch):
            raise PrunedByEpochs

    return on_epoch


def is_behind(trial: Improvements, others: Sequence[Improvements], epoch: int) -> bool:
    """Whether the best score of a trial until an epoch is below the median of those of other trials.

    Always false in the first `WARM_UP` epochs and with fewer than `STARTUP_TRIALS` others.
    """
    if epoch < WARM_UP or len(others) < STARTUP_TRIALS:
        return False
    return bool(best_until(trial, epoch) < np.median([best_until(other, epoch) for other in others]))


def best_until(trial: Improvements, epoch: int) -> float:
    """Return the best score of the epochs until `epoch`, included; minus infinity without any."""
    return max((score for number, score in trial if number <= epoch), default=-math.inf)
