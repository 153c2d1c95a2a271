"""Re-score saved predictions with another calibration, threshold or aggregation, without a refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evaluation.optimism import uncalibrated
from bench.experiments.leaderboard import failed_row, finished_row, leaderboard_of
from bench.experiments.records import Damage, ExperimentResult, decision_of
from bench.experiments.results import Results
from bench.experiments.schema import DamagedError
from bench.observer import Observer
from bench.scores.decisions import Decision, Inner, fit_decision
from bench.scores.metrics import score as score_predictions
from bench.scores.predictions import checked_probabilities, probability_columns
from bench.splits.held_out_log import AccessLog
from bench.storage.csv_text import write_csv
from bench.storage.exports import output_file


def score(
    path: str | Path,
    *,
    calibrate: str | None = None,
    threshold: str | float | None = None,
    aggregate: str | None = None,
    observer: Observer | None = None,
) -> pd.DataFrame:
    """Re-score the current experiments of a results folder from their saved predictions.

    Calibration and thresholds are learned on the saved inner out-of-fold predictions of the training patients, fold by
    fold, as in a run with these options. The experiments are not changed. Scores of held-out cells with a changed
    decision are another access to them, which is logged before the scores are returned.

    Parameters
    ----------
    path : path
        Results folder.
    calibrate : {"none", "sigmoid", "temperature"}, optional
        Calibration method. Default, here and below: as in the run of each experiment.
    threshold : str or float, optional
        `balanced`, a number, `sens@X` or `spec@X`; two classes only.
    aggregate : {"mean", "logit", "share"}, optional
        Aggregation of the scores of a patient's cells.
    observer : Observer, optional
        Receives progress.

    Returns
    -------
    DataFrame
        Leaderboard: one row per experiment, finished or failed, the best first. `calibrate`, `threshold` and
        `aggregate` are those of the scores; `key` is that of the run.

    Raises
    ------
    BenchError
        The path is not a results folder, an option is invalid, saved predictions cannot be read or are damaged, or a
        threshold is set and no experiment has two classes.

    Examples
    --------
    >>> import bench
    >>> bench.score("results/", threshold="sens@0.95")  # doctest: +SKIP
    """
    options = {"calibrate": calibrate, "threshold": threshold, "aggregate": aggregate}
    changes = {name: str(value) for name, value in options.items() if value is not None}
    changes = {name: getattr(replace(Decision(), **changes), name) for name in changes}
    contents = Results.open(Path(path)).current(tables=("predictions", "inner_predictions", "optimism"))
    experiments, failures, damaged = contents.experiments, contents.failures, contents.damaged
    if not experiments and not failures and not damaged:
        raise BenchError(f"{path}: contains no experiment yet; create one with bench run --out {path}")
    if threshold is not None and experiments and all(len(e.record["data"]["classes"]) != 2 for e in experiments):
        raise BenchError("--threshold needs two classes; with more, a cell goes to its most probable class")
    rows = [failed_row(failure) | changes for failure in failures]
    arguments = " ".join(f"--{name} {value}" for name, value in changes.items())
    accesses: dict[str, AccessLog] = {}
    for number, experiment in enumerate(experiments):
        if observer is not None:
            observer.progress("score", number, len(experiments))
        decision = replace(decision_of(experiment.record), **changes)
        held_out = experiment.record["data"].get("held_out")
        if held_out is not None and decision != decision_of(experiment.record):
            digest = str(held_out["digest"])
            log = accesses.setdefault(digest, AccessLog(Path(path), digest, f"bench score {arguments}"))
            try:
                log.add(experiment.name)
            except BenchError as error:
                damaged.append(Damage(experiment.folder, str(error)))
                continue
        try:
            rows.append(finished_row(experiment, scores=rescore(experiment, decision), decision=decision))
        except DamagedError as error:
            damaged.append(Damage(experiment.folder, str(error)))
    if observer is not None:
        observer.progress("score", len(experiments), len(experiments))
    if damaged and not any(row["status"] == "done" for row in rows):
        raise BenchError(damaged[0].reason)
    return leaderboard_of(rows, damaged)


def write_scores(board: pd.DataFrame, path: Path) -> None:
    """Write a leaderboard as CSV, atomically.

    Raises
    ------
    BenchError
        It cannot be written.
    """
    with output_file(path) as temporary:
        write_csv(board, temporary)


def rescore(result: ExperimentResult, decision: Decision) -> pd.DataFrame:
    """Return the scores of one experiment under a decision; columns as in `bench.scores.metrics.score`."""
    data, protocol = result.record["data"], result.record["protocol"]
    try:
        return score_predictions(
            recompute_decisions(result, decision),
            classes=data["classes"],
            positive=data["positive"],
            aggregate=decision.aggregate,
            seed=int(protocol["seed"]),
        )
    except DamagedError as error:
        raise DamagedError(f"{result.folder}: {error}") from error
    except BenchError as error:
        raise BenchError(f"{result.folder}: {error}") from error


def recompute_decisions(result: ExperimentResult, decision: Decision) -> pd.DataFrame:
    """Return the predictions of one experiment under a decision.

    Returns
    -------
    DataFrame
        As `ExperimentResult.predictions`; equal to it bit for bit for the decision of the run.

    Raises
    ------
    BenchError
        A table cannot be read, lacks a column, or contains no inner predictions of a fold.
    """
    return decided(result.predictions, result.inner_predictions, result.record, decision)


def decided(
    predictions: pd.DataFrame, inner: pd.DataFrame, record: Mapping[str, Any], decision: Decision
) -> pd.DataFrame:
    """Return predictions under a decision that is learned, fold by fold, on inner predictions.

    Parameters
    ----------
    predictions, inner : DataFrame
        Columns as `ExperimentResult.predictions` and `ExperimentResult.inner_predictions`.
    record : mapping
        Record of their experiment.

    Raises
    ------
    BenchError
        A column is missing, or there are no inner predictions of a fold.
    """
    classes = record["data"]["classes"]
    columns = probability_columns(classes)
    # With `--split image` each cell was its own unit in the run.
    unit = "cell" if record["protocol"]["split"] == "image" else "unit"
    positive = 0 if record["data"]["positive"] is None else classes.index(record["data"]["positive"])
    raw = uncalibrated(predictions, classes)
    try:
        checked_probabilities(raw, columns)
    except BenchError as error:
        raise DamagedError(f"predictions.parquet: {error}; delete this folder and run the matrix again") from error
    inner_of = dict(iter(inner.groupby(["repeat", "fold"])))
    parts = []
    for key, part in raw.groupby(["repeat", "fold"], sort=False):
        if key not in inner_of:
            raise DamagedError(f"inner.parquet contains no rows of repeat {key[0]}, fold {key[1]}")
        training = inner_of[key]
        labels = pd.Index(classes).get_indexer(pd.Index(training["label"].astype(str)))
        if set(labels) != set(range(len(classes))):
            raise DamagedError(
                f"inner.parquet: labels of repeat {key[0]}, fold {key[1]} are not exactly {', '.join(classes)}; "
                "delete this folder and run the matrix again"
            )
        learned_on = Inner(
            training[columns].to_numpy(dtype=np.float64),
            labels.astype(np.intp),
            training[unit].to_numpy().astype(str),
            training["inner_fold"].to_numpy(),
        )
        fitted = fit_decision(learned_on, decision, positive=positive)
        parts.append(fitted.add_to(part, part[columns].to_numpy(dtype=np.float64), classes))
    return pd.concat(parts).loc[predictions.index]
