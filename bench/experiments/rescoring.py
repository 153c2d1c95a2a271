"""Kept predictions scored anew under another decision: nothing is fitted, and no experiment is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.experiments.leaderboard import failed_row, finished_row, leaderboard_of
from bench.experiments.records import ExperimentResult, decision_of
from bench.experiments.results import Results
from bench.observer import Observer
from bench.scores.decisions import Decision, Inner, add_decisions, decide
from bench.scores.metrics import score as score_predictions
from bench.scores.predictions import checked_probabilities, probability_columns
from bench.splits.held_out_log import AccessLog
from extractors.files.atomic import atomic_file


def score(
    path: str | Path,
    *,
    calibrate: str | None = None,
    threshold: str | float | None = None,
    aggregate: str | None = None,
    observer: Observer | None = None,
) -> pd.DataFrame:
    """Score every current experiment of a results folder anew from its kept predictions.

    Calibration and thresholds are learned on the kept inner predictions of the training patients, fold by fold, as in
    a run with these options. No experiment is changed. Held-out cells under another decision than that of the run are
    looked at once more, which is logged before a score is shown.

    Parameters
    ----------
    path : path
        Results folder.
    calibrate : {"none", "sigmoid", "temperature"}, optional
        How the probabilities are mended. Default: as each experiment was run; so for the others.
    threshold : str or float, optional
        `balanced`, a number, `sens@X` or `spec@X`; two classes only.
    aggregate : {"mean", "logit", "share"}, optional
        How a patient's cells become one score.
    observer : Observer, optional
        Hears of the progress.

    Returns
    -------
    DataFrame
        The leaderboard: one row an experiment, finished or failed, the best first. `calibrate`, `threshold` and
        `aggregate` say what was decided by; `key` is that of the experiment as it was run.

    Raises
    ------
    BenchError
        The path is no results folder, an option is none of these, kept predictions cannot be read or used, or a
        threshold is asked for and no experiment has two classes.

    Examples
    --------
    >>> import bench
    >>> bench.score("results/", threshold="sens@0.95")  # doctest: +SKIP
    """
    asked = {"calibrate": calibrate, "threshold": threshold, "aggregate": aggregate}
    changes = {name: str(value) for name, value in asked.items() if value is not None}
    changes = {name: getattr(replace(Decision(), **changes), name) for name in changes}
    experiments, failures = Results.open(Path(path)).current()
    if not experiments and not failures:
        raise BenchError(f"{path}: holds no experiment yet; bench run --out {path} makes one")
    if threshold is not None and experiments and all(len(_classes(e)) != 2 for e in experiments):
        raise BenchError("--threshold needs two classes; with more, a cell goes to its most probable class")
    rows = [failed_row(failure) | changes for failure in failures]
    told = " ".join(f"--{name} {value}" for name, value in changes.items())
    looks: dict[str, AccessLog] = {}
    for number, experiment in enumerate(experiments):
        if observer is not None:
            observer.progress("score", number, len(experiments))
        decision = replace(decision_of(experiment.record), **changes)
        held_out = experiment.record["data"].get("held_out")
        if held_out is not None and decision != decision_of(experiment.record):
            digest = str(held_out["digest"])
            looks.setdefault(digest, AccessLog(Path(path), digest, f"bench score {told}")).add(experiment.name)
        rows.append(finished_row(experiment, scores=rescore(experiment, decision), decision=decision))
    if observer is not None:
        observer.progress("score", len(experiments), len(experiments))
    return leaderboard_of(rows)


def write_scores(board: pd.DataFrame, path: Path) -> None:
    """Write a leaderboard as CSV, replaced whole.

    Raises
    ------
    BenchError
        It cannot be written.
    """
    try:
        with atomic_file(path) as temporary:
            board.to_csv(temporary, index=False)
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror}); choose another file with --output") from error


def rescore(result: ExperimentResult, decision: Decision) -> pd.DataFrame:
    """The scores of one experiment under a decision; as `bench.scores.metrics.score`."""
    data, protocol = result.record["data"], result.record["protocol"]
    try:
        return score_predictions(
            redecide(result, decision),
            classes=_classes(result),
            positive=data["positive"],
            aggregate=decision.aggregate,
            seed=int(protocol["seed"]),
            held_out=protocol["split"] == "held-out",
        )
    except BenchError as error:
        raise BenchError(f"{result.folder}: {error}") from error


def redecide(result: ExperimentResult, decision: Decision) -> pd.DataFrame:
    """The predictions of one experiment under a decision.

    Returns
    -------
    DataFrame
        As `ExperimentResult.predictions`; the same as these, bit for bit, for the decision that it was run with.

    Raises
    ------
    BenchError
        A table cannot be read, lacks a column, or holds no inner predictions of a fold.
    """
    classes = _classes(result)
    by_image = result.record["protocol"]["split"] == "image"
    columns = probability_columns(classes)
    # Under `--split image` each cell was its own unit when the experiment was run.
    unit = "cell" if by_image else "unit"
    try:
        predictions, inner = result.predictions, result.inner
    except (OSError, ValueError) as error:
        raise BenchError(
            f"predictions cannot be read ({error}); delete this folder and run the matrix again"
        ) from error
    _check_columns("predictions", predictions, ["repeat", "fold", "label", *columns])
    _check_columns("inner", inner, ["repeat", "fold", "inner_fold", "label", unit, *columns])
    positive = 0 if result.record["data"]["positive"] is None else classes.index(result.record["data"]["positive"])
    if predictions.empty:
        raise BenchError("predictions hold no cell; delete this folder and run the matrix again")
    raw = _as_classified(predictions, classes)
    for name, table in (("predictions", raw), ("inner", inner)):
        try:
            checked_probabilities(table, columns)
        except BenchError as error:
            raise BenchError(f"{name}.parquet: {error}; delete this folder and run the matrix again") from error
    inner_of = dict(iter(inner.groupby(["repeat", "fold"])))
    parts = []
    for place, part in raw.groupby(["repeat", "fold"], sort=False):
        if place not in inner_of:
            raise BenchError(f"inner.parquet holds nothing of repeat {place[0]}, fold {place[1]}")
        known = inner_of[place]
        labels = pd.Index(classes).get_indexer(pd.Index(known["label"].astype(str)))
        if set(labels) != set(range(len(classes))):
            raise BenchError(
                f"inner.parquet does not hold {', '.join(classes)}, and nothing else, in repeat {place[0]}, fold "
                f"{place[1]}; delete this folder and run the matrix again"
            )
        learned_on = Inner(
            known[columns].to_numpy(dtype=np.float64),
            labels.astype(np.intp),
            known[unit].to_numpy().astype(str),
            known["inner_fold"].to_numpy(),
        )
        found = decide(part[columns].to_numpy(dtype=np.float64), learned_on, decision, positive=positive)
        parts.append(add_decisions(part, found, classes, calibrated=decision.calibrate != "none"))
    return pd.concat(parts).loc[predictions.index]


def _as_classified(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The predictions as the classifier gave them."""
    raw = [f"raw_{label}" for label in classes]
    if not set(raw) <= set(predictions.columns):
        return predictions
    table = predictions.drop(columns=raw)
    table[probability_columns(classes)] = predictions[raw].to_numpy()
    return table


def _classes(result: ExperimentResult) -> list[str]:
    return [str(c) for c in result.record["data"]["classes"]]


def _check_columns(name: str, table: pd.DataFrame, wanted: Sequence[str]) -> None:
    missing = [column for column in wanted if column not in table]
    if missing:
        raise BenchError(f"{name}.parquet has no column {missing[0]!r}; delete this folder and run the matrix again")
