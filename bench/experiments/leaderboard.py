"""The leaderboard: one row per experiment, comparable rows ordered by score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.experiments.pretrained_weights import licences_text
from bench.experiments.records import LEAKY, Damage, ExperimentResult, Failure, decision_of
from bench.plugins.pipeline import NO_PREPARATION
from bench.scores.decisions import Decision
from bench.scores.metrics import METRICS, PRIMARY

SETTINGS = (
    *("data", "positive", "split", "folds", "tune", "calibrate", "threshold", "aggregate", "seed"),
    *("tune_hours", "sampler"),
)
"""Columns of data and protocol; rows that differ in one of them are not comparable and are sorted apart."""

_HEADLINES = (PRIMARY, *(name for name, metric in METRICS.items() if metric.headline and name != PRIMARY))


def leaderboard_of(rows: Sequence[Mapping[str, Any]], damaged: Sequence[Damage] = ()) -> pd.DataFrame:
    """Return the leaderboard of rows from `finished_row` and `failed_row`: comparable rows together, the best first.

    Experiments that cannot be read come last, with the status `damaged` and their folder in place of the classifier.
    """
    table = pd.DataFrame(rows, columns=list(_columns()))
    order = ["leaky", *SETTINGS, *_HEADLINES, "prepare", "extractor", "classifier", "key"]
    ascending = [column not in _HEADLINES for column in order]
    marked = table.assign(leaky=table["flags"].str.contains(LEAKY, regex=False))
    ranked = marked.sort_values(order, ascending=ascending, na_position="last", kind="stable", ignore_index=True)
    board = ranked.drop(columns="leaky")
    if not damaged:
        return board
    unreadable = pd.DataFrame(map(_damaged_row, damaged), columns=board.columns, dtype=object)
    joined = pd.concat([board.astype(object), unreadable], ignore_index=True)  # whole numbers stay such
    return joined.astype({column: board[column].dtype for column in board if board[column].dtype.kind == "f"}).copy()


def headline(board: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a leaderboard that are read first: pipeline, headline metrics, flags and reason.

    The primary metric has its interval.
    """
    metrics = (PRIMARY, f"{PRIMARY}_low", f"{PRIMARY}_high", *_HEADLINES[1:])
    return board[["prepare", "extractor", "classifier", "status", *metrics, "flags", "reason"]]


def finished_row(
    result: ExperimentResult, *, scores: pd.DataFrame | None = None, decision: Decision | None = None
) -> dict[str, Any]:
    """Return the row of a finished experiment; `scores` and `decision` replace its own."""
    values: dict[str, Any] = {}
    for line in (result.scores if scores is None else scores).to_dict(orient="records"):
        name = str(line["metric"])
        values |= {name: line["value"], f"{name}_low": line["low"], f"{name}_high": line["high"]}
        values |= {f"{name}_method": line.get("method")} if name == PRIMARY else {}
    tuned = {"optimism": result.optimism["optimism"].mean()} if len(result.optimism) else {}
    described = _described(result.record) | ({} if decision is None else vars(decision))
    return {**described, "status": "done", "reason": "", **values, **tuned}


def failed_row(failure: Failure) -> dict[str, Any]:
    """Return the row of a failed experiment."""
    return {**_described(failure.record), "status": "failed", "reason": failure.reason}


def _damaged_row(damage: Damage) -> dict[str, Any]:
    texts = {"prepare": NO_PREPARATION, "extractor": "", "classifier": damage.path.name, "flags": "", "licences": ""}
    return {**texts, "status": "damaged", "reason": damage.reason}


def _columns() -> Iterator[str]:
    yield from (*SETTINGS, "repeats", "prepare", "extractor", "classifier", "status", "flags", "licences")
    for name in METRICS:
        yield from (name, f"{name}_low", f"{name}_high")
    yield f"{PRIMARY}_method"
    yield from ("optimism", "patients", "split_units", "cells", "reason", "key")


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    data, protocol = record["data"], record["protocol"]
    return {
        "data": data["name"],
        "positive": data["positive"] or "",
        **{k: protocol[k] for k in ("split", "folds", "repeats", "tune", "tune_hours", "sampler", "seed")},
        **vars(decision_of(record)),
        "prepare": record["prepare"],
        "extractor": record["extractor"],
        "classifier": record["classifier"],
        "flags": ", ".join(record["flags"]),
        "licences": licences_text(record.get("licences", {})),
        "patients": data["patients"],
        "split_units": data["split_units"],
        "cells": data["cells"],
        "key": record["key"],
    }
