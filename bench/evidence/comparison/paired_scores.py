"""Paired scores of comparable experiments by fold, patient and bootstrap draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evidence.comparison.comparable_groups import common_repeats
from bench.experiments.records import ExperimentResult
from bench.experiments.tables import read_table
from bench.scores.group_statistics import GroupStatistics, PredictionRows
from bench.scores.metrics import METRICS, PRIMARY, score_draws
from bench.scores.predictions import Predictions, probability_columns, read_predictions
from bench.statistics.arrays import Codes, Flags, Floats, Values

DECISION = "balanced_accuracy_patient"
"""Compared metric where no fold has an AUROC."""

_COLUMNS = ("cell", "unit", "label", "repeat", "fold", "threshold")


@dataclass(frozen=True)
class PairedDesign:
    """Properties shared by the experiments of a comparable group.

    Parameters
    ----------
    units : ndarray of str, shape (n_units,)
        Tested split units, sorted.
    class_of_unit : ndarray of int, shape (n_units,), or None
        Class code of each unit; None where some unit has cells of several classes.
    cells : ndarray, shape (n_rows,)
        Sorted test cells of a held-out set; empty for other splits.
    metric : str
        Compared metric: the primary metric, or `DECISION` where fewer than two folds have one, and for a held-out set
        with more than two classes or patients of several classes, for which there is no paired test of it.
    used : ndarray of bool, shape (n_repeats, n_folds)
        Folds in which the primary metric is defined.
    tested : ndarray of int, shape (n_repeats, n_folds)
        Number of tested split units of each fold.
    labelled : ndarray of float64, shape (n_repeats, n_units, n_classes)
        Number of cells of each unit by label.
    split_units : int
        Number of split units of the data, tested and trained on.
    held_out : bool
        Whether one fitted model predicted all cells.
    draws : ndarray of float64, shape (n_draws, n_units)
        Bootstrap counts of the units, the same for all experiments.
    """

    units: Values
    class_of_unit: Codes | None
    cells: Values
    metric: str
    used: Flags
    tested: Codes
    labelled: Floats
    split_units: int
    held_out: bool
    draws: Floats

    @property
    def repeats(self) -> int:
        """Number of repeats."""
        return len(self.used)

    @property
    def ratio(self) -> float:
        """Tested divided by training split units, mean over the used folds."""
        counted = self.used if self.used.any() else np.ones_like(self.used)
        trained = self.split_units - self.tested
        return float(np.mean(self.tested[counted] / np.maximum(trained[counted], 1)))

    def first(self, repeats: int) -> PairedDesign:
        """Return the design with its first repeats only."""
        parts = {name: getattr(self, name)[:repeats] for name in ("used", "tested", "labelled")}
        return replace(self, **parts)


@dataclass(frozen=True)
class PairedScores:
    """Scores of one experiment in a paired design.

    Parameters
    ----------
    name : str
        Unique name of the pipeline.
    result : ExperimentResult
        The stored experiment.
    value : float
        Compared metric, mean over the repeats, as in the leaderboard.
    repeats : int
        Number of leading repeats in which its folds are those of the design.
    fold_scores : ndarray of float64, shape (n_repeats, n_folds)
        Primary metric of each fold; NaN where undefined.
    correct : ndarray of float64, shape (n_repeats, n_units, 2)
        Number of correctly classified cells, and of all cells, of each unit.
    contributions : ndarray of float64, shape (n_repeats, n_units)
        Contribution of each unit to the patient-mean balanced accuracy, which is their sum.
    draws : ndarray of float64, shape (n_repeats, n_draws)
        Compared metric of each draw; NaN where undefined.
    cells : Rows or None
        Predicted cells of a held-out set; None for other splits.
    """

    name: str
    result: ExperimentResult
    value: float
    repeats: int
    fold_scores: Floats
    correct: Floats
    contributions: Floats
    draws: Floats
    cells: PredictionRows | None

    def first(self, repeats: int) -> PairedScores:
        """Return the scores of the first repeats only; `value` stays that of all."""
        parts = {name: getattr(self, name)[:repeats] for name in ("fold_scores", "correct", "contributions", "draws")}
        return replace(self, repeats=min(repeats, self.repeats), **parts)

    @property
    def right(self) -> Floats:
        """Share of correctly classified cells of each unit over the repeats, shape (n_units,)."""
        correct, cells = np.moveaxis(self.correct.sum(axis=0), -1, 0)
        return np.asarray(correct / cells)

    @property
    def gains(self) -> Floats:
        """Contribution of each unit to the balanced accuracy, mean over the repeats, shape (n_units,)."""
        return np.asarray(self.contributions.mean(axis=0))

    @property
    def drawn(self) -> Floats:
        """Compared metric of each draw, mean over the repeats, shape (n_draws,)."""
        return np.asarray(self.draws.mean(axis=0))


def read_paired_scores(
    experiments: Sequence[ExperimentResult], names: Sequence[str], *, draws: int, seed: int
) -> tuple[PairedDesign, list[PairedScores]]:
    """Read the stored predictions of a comparable group.

    Parameters
    ----------
    experiments : sequence of ExperimentResult
        Experiments that pass `bench.evidence.comparison.comparable_groups.check_comparable`.
    names : sequence of str
        Unique name of each.
    draws, seed : int
        Number and seed of the bootstrap draws of patients.

    Raises
    ------
    BenchError
        Predictions cannot be read or are of different cells.
    """
    longest = max(experiments, key=lambda e: int(e.record["protocol"]["repeats"]))
    design = _paired_design(longest, *_read(longest), draws, seed)
    scores = []
    for experiment, name in zip(experiments, names, strict=True):
        table, read = _read(experiment)
        common = common_repeats(longest.record, experiment.record)
        shared = design.first(common)
        same = np.array_equal(read.units, design.units)
        same = same and np.array_equal(_n_tested(read)[:common], shared.tested)
        same = same and np.array_equal(_labelled(read)[:common], shared.labelled)
        if not same or not np.array_equal(_held_out_cells(experiment, table), design.cells):
            raise BenchError(
                f"{experiment.folder}: its predictions are not of the same cells as those of {longest.name}; "
                "one of them is damaged; delete its folder and run it again"
            )
        scores.append(_paired_scores(design, experiment, name, read, common))
    return design, scores


def _read(experiment: ExperimentResult) -> tuple[pd.DataFrame, Predictions]:
    path, data = experiment.folder / "predictions.parquet", experiment.record["data"]
    classes = [str(c) for c in data["classes"]]
    # Not through the cached property of the result, which would keep gigabytes for fifty experiments.
    wanted = [*_COLUMNS, *probability_columns(classes)]
    table = read_table(experiment.folder, "predictions", experiment.record, columns=wanted)
    if _is_held_out(experiment):
        table = table.sort_values("cell", ignore_index=True)
    try:
        return table, read_predictions(table, classes=classes, positive=data["positive"])
    except BenchError as error:
        raise BenchError(f"{path}: {error}; delete the experiment's folder and run it again") from error


def _is_held_out(experiment: ExperimentResult) -> bool:
    return bool(experiment.record["protocol"]["split"] == "held-out")


def _held_out_cells(experiment: ExperimentResult, table: pd.DataFrame) -> Values:
    return table["cell"].to_numpy() if _is_held_out(experiment) else np.array([])


def _paired_design(
    experiment: ExperimentResult, table: pd.DataFrame, read: Predictions, draws: int, seed: int
) -> PairedDesign:
    held_out, tested = _is_held_out(experiment), _n_tested(read)
    used = np.isfinite(_fold_scores(read))
    if held_out:
        testable = read.class_of_unit is not None and len(experiment.record["data"]["classes"]) == 2
    else:
        testable = bool(used.sum() >= 2)
    return PairedDesign(
        units=read.units,
        class_of_unit=read.class_of_unit,
        cells=_held_out_cells(experiment, table),
        metric=PRIMARY if testable else DECISION,
        used=used,
        tested=tested,
        labelled=_labelled(read),
        split_units=int(experiment.record["data"]["split_units"]),
        held_out=held_out,
        draws=read.draw(draws, seed),
    )


def _paired_scores(
    design: PairedDesign, experiment: ExperimentResult, name: str, read: Predictions, common: int
) -> PairedScores:
    metric = METRICS[design.metric]
    ones = np.ones((1, len(read.units)))
    each = [replace(read, repeats=(statistics,)) for statistics in read.repeats]
    confusions = [statistics.cells.confusion for statistics in read.repeats]
    return PairedScores(
        name=name,
        result=experiment,
        value=float(score_draws(read, [metric], ones)[metric.name][0]),
        repeats=common,
        fold_scores=_fold_scores(read),
        correct=np.stack([np.stack([np.trace(c, axis1=1, axis2=2), c.sum(axis=(1, 2))], axis=-1) for c in confusions]),
        contributions=np.stack([_gains(statistics.cells) for statistics in read.repeats]),
        draws=np.stack([score_draws(one, [metric], design.draws)[metric.name] for one in each]),
        cells=read.repeats[0].cells if design.held_out else None,
    )


def _fold_scores(read: Predictions) -> Floats:
    """Primary metric of each fold of each repeat; units of a fold are in no other fold of the repeat."""
    return np.stack([METRICS[PRIMARY].score(sums, _membership(sums)) for sums in read.repeats])


def _n_tested(read: Predictions) -> Codes:
    """Number of test units of each fold of each repeat."""
    return np.stack([_membership(sums).sum(axis=1) for sums in read.repeats]).astype(np.intp)


def _labelled(read: Predictions) -> Floats:
    return np.stack([sums.cells.by_label for sums in read.repeats])


def _membership(sums: GroupStatistics) -> Floats:
    """Indicator of the test units of each fold, shape (n_folds, n_units)."""
    rows = sums.cells
    inside = np.zeros((int(rows.fold.max()) + 1, rows.n_units))
    inside[rows.fold, rows.unit_of] = 1
    return inside


def _gains(rows: PredictionRows) -> Floats:
    """Contribution of each unit to the recall of each class with equal patient weights, averaged over the classes."""
    correct = np.diagonal(rows.confusion, axis1=1, axis2=2) / rows.size[:, None]
    mass = (rows.by_label / rows.size[:, None]).sum(axis=0)
    return np.asarray((correct / mass).mean(axis=1))
