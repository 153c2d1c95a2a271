"""Stored comparisons: one JSON file per comparison in a results folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evidence.comparison.compare import COLUMNS, STANDINGS, Comparison
from bench.experiments.records import ExperimentResult
from bench.experiments.results import MARK
from bench.scores.metrics import METRICS
from bench.statistics.ranks import Friedman
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json, write_json
from bench.storage.links import refuse_links

FOLDER = "comparisons"
FORMAT = 2

_TEXT = frozenset(
    {"pipeline", "against", "key", "test", "unit", "assumptions", "second_test", "second_unit", "second_assumptions"}
)


def write_comparison(results_folder: Path, comparison: Comparison) -> Path:
    """Write a comparison to `comparisons/<digest>.json` in a results folder.

    The digest identifies experiments, metric, reference, family and region of practical equivalence: the same
    comparison replaces its file, others are kept.

    Returns
    -------
    Path
        The file, written atomically.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    identity = [sorted(comparison.keys), comparison.metric, comparison.reference, comparison.all_pairs, comparison.rope]
    path = results_folder / FOLDER / f"{digest(identity)[:12]}.json"
    refuse_links(path.parent)
    try:
        path.parent.mkdir(exist_ok=True)
        write_json(path, {"format": FORMAT, **comparison.record()})
    except OSError as error:
        raise BenchError(f"{path}: the comparison cannot be written ({error.strerror or error})") from error
    return path


def comparison_files(results_folder: Path) -> list[Path]:
    """Return the files of the comparisons stored in a results folder, ordered by name; empty if there are none."""
    return sorted((results_folder / FOLDER).glob("*.json"))


def read_comparison(path: Path) -> Comparison:
    """Read a stored comparison; `Comparison.keys` identifies the compared experiments.

    Raises
    ------
    BenchError
        The file is damaged or has another format; the message names it.
    """
    record: Mapping[str, Any] = read_json(path)
    if record.get("format") != FORMAT:
        raise BenchError(f"{path}: has another format; delete it and run bench compare again")
    try:
        return _comparison(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(f"{path}: is damaged ({error!r}); delete it and run bench compare again") from error


def store_comparison(experiments: Sequence[ExperimentResult], comparison: Comparison) -> Comparison:
    """Write a comparison to the results folder of its experiments.

    Experiments of several results folders, or of none, have no common report, so nothing is written.

    Returns
    -------
    Comparison
        The comparison; with a note if its results folder cannot be written.
    """
    folders = {experiment.folder.resolve().parent.parent for experiment in experiments}
    results_folder = folders.pop()
    if folders or not (results_folder / MARK).is_file():
        return comparison
    try:
        write_comparison(results_folder, comparison)
    except BenchError as error:
        return replace(comparison, notes=(*comparison.notes, f"Not stored for the report: {error}."))
    return comparison


def _comparison(record: Mapping[str, Any]) -> Comparison:
    table, standings = _table(record["comparisons"], COLUMNS), _table(record["standings"], STANDINGS)
    pipelines = [str(name) for name in standings["pipeline"]]
    names = {name: str(record[name]) for name in ("metric", "best", "reference")}
    compared = {names["best"], names["reference"], *table["pipeline"], *table["against"]}
    if names["metric"] not in METRICS or not compared <= set(pipelines):
        raise ValueError("unknown metric or pipeline")
    return Comparison(
        **names,
        all_pairs=record["all_pairs"] is True,
        rope=float(record["rope"]),
        table=table,
        standings=standings,
        notes=tuple(str(note) for note in record["notes"]),
        data=dict(record["data"]),
        protocol=dict(record["protocol"]),
        friedman=_friedman(record["friedman"], pipelines),
    )


def _friedman(record: Mapping[str, Any] | None, pipelines: Sequence[str]) -> Friedman | None:
    if record is None:
        return None
    ranks = np.array([float(record["mean_ranks"][name]) for name in pipelines])
    return Friedman(ranks, float(record["chi2"]), float(record["p"]), int(record["patients"]))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows)[list(columns)]
    if not all(isinstance(row[name], str | None) for row in rows for name in _TEXT.intersection(columns)):
        raise TypeError("a name or description is not text")
    if "flags" in columns:
        table["flags"] = [tuple(map(str, row["flags"])) for row in rows]
    kinds = {name: np.int64 if name == "repeats" else np.float64 for name in columns if name not in _TEXT}
    return table.astype({name: kind for name, kind in kinds.items() if name != "flags"})
