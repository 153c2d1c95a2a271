"""What a comparison needs of each experiment: its score in every fold, of every patient and in every bootstrap draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.experiments.records import ExperimentResult
from bench.scores.group_statistics import Rows, Sums
from bench.scores.metrics import METRICS, PRIMARY, score_draws
from bench.scores.predictions import Predictions, probability_columns, read_predictions

Floats = npt.NDArray[np.float64]

DECISION = "balanced_accuracy_patient"
"""What is compared where no fold has an AUROC."""

_COLUMNS = ("cell", "unit", "label", "repeat", "fold", "threshold")


@dataclass(frozen=True)
class PairedDesign:
    """What experiments of one track share.

    Parameters
    ----------
    units : ndarray of str, shape (n_units,)
        Tested split units, in sort order.
    class_of_unit : ndarray of int, shape (n_units,), or None
        Class code of each; None where some unit has cells of several classes.
    cells : ndarray, shape (n_rows,)
        The tested cells of a held-out set, in sort order; else empty.
    metric : str
        What is compared: the primary metric. `DECISION` where fewer than two folds have one, and on a held-out set of
        more than two classes or of patients with cells of several, for which no paired test of it is at hand.
    used : ndarray of bool, shape (n_folds,)
        The folds in which the primary metric is defined.
    tested : ndarray of int, shape (n_folds,)
        Split units that each fold of each repeat tests.
    labelled : ndarray of float64, shape (n_repeats, n_units, n_classes)
        Cells of each unit by label.
    ratio : float
        Tested over training split units, mean over the used folds.
    held_out : bool
        One fitted model predicted all.
    draws : ndarray of float64, shape (n_draws, n_units)
        Bootstrap draws of the units, the same for all experiments.
    """

    units: npt.NDArray[Any]
    class_of_unit: npt.NDArray[np.intp] | None
    cells: npt.NDArray[Any]
    metric: str
    used: npt.NDArray[np.bool_]
    tested: npt.NDArray[np.intp]
    labelled: Floats
    ratio: float
    held_out: bool
    draws: Floats


@dataclass(frozen=True)
class PairedScores:
    """What one experiment came to.

    Parameters
    ----------
    name : str
        The pipeline, unlike all others.
    result : ExperimentResult
        What was kept of it.
    value : float
        The compared metric, mean over the repeats, as in the leaderboard.
    folds : ndarray of float64, shape (n_folds,)
        The primary metric of each fold of each repeat; NaN where it is undefined.
    right : ndarray of float64, shape (n_units,)
        Share of each unit's cells that were decided rightly, mean over the repeats.
    gains : ndarray of float64, shape (n_units,)
        What each unit adds to the patient-mean balanced accuracy: they sum up to it.
    drawn : ndarray of float64, shape (n_draws,)
        The compared metric in every draw; NaN where it is undefined.
    cells : Rows or None
        The predicted cells, of a held-out set.
    """

    name: str
    result: ExperimentResult
    value: float
    folds: Floats
    right: Floats
    gains: Floats
    drawn: Floats
    cells: Rows | None


def read_paired_scores(
    experiments: Sequence[ExperimentResult], names: Sequence[str], *, draws: int, seed: int
) -> tuple[PairedDesign, list[PairedScores]]:
    """Read kept predictions of one track.

    Parameters
    ----------
    experiments : sequence of ExperimentResult
        Checked by `bench.evidence.comparison.comparable_groups.check_comparable`.
    names : sequence of str
        How each is called.
    draws, seed : int
        Bootstrap draws of the patients.

    Raises
    ------
    BenchError
        Predictions cannot be read, or are not those of the same cells.
    """
    table, first = _read(experiments[0])
    ground = _ground(experiments[0], table, first, draws, seed)
    found = [_standing(ground, experiments[0], names[0], first)]
    for experiment, name in zip(experiments[1:], names[1:], strict=True):
        table, read = _read(experiment)
        same = np.array_equal(read.units, ground.units) and np.array_equal(_tested(read), ground.tested)
        same = same and np.array_equal(_labelled(read), ground.labelled)
        if not same or not np.array_equal(_held_out_cells(experiment, table), ground.cells):
            raise BenchError(
                f"{experiment.folder}: its predictions are not those of the cells of {experiments[0].name}; one of the "
                "two was damaged or changed; delete its folder and run it again"
            )
        found.append(_standing(ground, experiment, name, read))
    return ground, found


def _read(experiment: ExperimentResult) -> tuple[pd.DataFrame, Predictions]:
    path, data = experiment.folder / "predictions.parquet", experiment.record["data"]
    classes = [str(c) for c in data["classes"]]
    wanted = [*_COLUMNS, *probability_columns(classes)]
    try:
        # Read past the result's own cache: of fifty experiments it would hold gigabytes.
        table = pd.read_parquet(path, columns=wanted)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{path}: cannot be read ({error}); delete the experiment's folder and run it again"
        ) from error
    if _is_held_out(experiment):
        table = table.sort_values("cell", ignore_index=True)
    try:
        return table, read_predictions(table, classes=classes, positive=data["positive"])
    except BenchError as error:
        raise BenchError(f"{path}: {error}; delete the experiment's folder and run it again") from error


def _is_held_out(experiment: ExperimentResult) -> bool:
    return bool(experiment.record["protocol"]["split"] == "held-out")


def _held_out_cells(experiment: ExperimentResult, table: pd.DataFrame) -> npt.NDArray[Any]:
    return table["cell"].to_numpy() if _is_held_out(experiment) else np.array([])


def _ground(
    experiment: ExperimentResult, table: pd.DataFrame, read: Predictions, draws: int, seed: int
) -> PairedDesign:
    held_out, tested = _is_held_out(experiment), _tested(read)
    used = np.isfinite(_fold_scores(read))
    if held_out:
        testable = read.class_of_unit is not None and len(experiment.record["data"]["classes"]) == 2
    else:
        testable = bool(used.sum() >= 2)
    counted = used if used.any() else np.ones_like(used)
    trained = int(experiment.record["data"]["split_units"]) - tested
    return PairedDesign(
        units=read.units,
        class_of_unit=read.class_of_unit,
        cells=_held_out_cells(experiment, table),
        metric=PRIMARY if testable else DECISION,
        used=used,
        tested=tested,
        labelled=_labelled(read),
        ratio=float(np.mean(tested[counted] / np.maximum(trained[counted], 1))),
        held_out=held_out,
        draws=read.draw(draws, seed),
    )


def _standing(ground: PairedDesign, experiment: ExperimentResult, name: str, read: Predictions) -> PairedScores:
    metric = METRICS[ground.metric]
    ones = np.ones((1, len(read.units)))
    confusion = np.sum([s.cells.confusion for s in read.repeats], axis=0)
    return PairedScores(
        name=name,
        result=experiment,
        value=float(score_draws(read, [metric], ones)[metric.name][0]),
        folds=_fold_scores(read),
        right=np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2)),
        gains=np.mean([_gains(s.cells) for s in read.repeats], axis=0),
        drawn=score_draws(read, [metric], ground.draws)[metric.name],
        cells=read.repeats[0].cells if ground.held_out else None,
    )


def _fold_scores(read: Predictions) -> Floats:
    """The primary metric of each fold of each repeat; a fold's units lie in no other fold of the repeat."""
    return np.concatenate([METRICS[PRIMARY].score(sums, _membership(sums)) for sums in read.repeats])


def _tested(read: Predictions) -> npt.NDArray[np.intp]:
    """Units that each fold of each repeat tests."""
    return np.concatenate([_membership(sums).sum(axis=1) for sums in read.repeats]).astype(np.intp)


def _labelled(read: Predictions) -> Floats:
    return np.stack([sums.cells.by_label for sums in read.repeats])


def _membership(sums: Sums) -> Floats:
    """Which units each fold tests, shape (n_folds, n_units)."""
    rows = sums.cells
    inside = np.zeros((int(rows.fold.max()) + 1, rows.n_units))
    inside[rows.fold, rows.unit_of] = 1
    return inside


def _gains(rows: Rows) -> Floats:
    """With every patient weighing 1, recall of class c = sum over units of right cells of c / sum of all cells of c."""
    right = np.diagonal(rows.confusion, axis1=1, axis2=2) / rows.size[:, None]
    mass = (rows.by_label / rows.size[:, None]).sum(axis=0)
    return np.asarray((right / mass).mean(axis=1))
