"""Schema of the tables of an experiment, which may be damaged or come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import BenchError
from bench.experiments.schema import DamagedError, check_file
from bench.plugins.training_record import CURVES, FINDER, TABLES
from bench.scores.metrics import METRICS, PRIMARY
from bench.scores.predictions import checked_probabilities, probability_columns
from bench.storage.parquet_pages import unpacked_size
from extractors.files.regular import open_regular

MAX_VALUES = 200_000_000
"""Largest number of values of a table, rows times columns."""

MAX_TABLE = 4 * 1024**3
"""Largest size of a table in bytes, in the file and decompressed."""

Kind = Literal["text", "integer", "number"]

_CELLS: Mapping[str, Kind] = {
    **dict.fromkeys(("cell", "patient", "unit", "label"), "text"),
    **dict.fromkeys(("repeat", "fold"), "integer"),
}
_FOLD: Mapping[str, Kind] = {"repeat": "integer", "fold": "integer"}
_FIT: Mapping[str, Kind] = {**_FOLD, "estimator": "text", "fit": "text"}

COLUMNS: Mapping[str, Mapping[str, Kind]] = {
    "scores": {
        "metric": "text",
        **dict.fromkeys(("value", "low", "high", "repeat_sd"), "number"),
        "method": "text",
        "n": "integer",
    },
    "predictions": {**_CELLS, "threshold": "number"},
    "inner": {**_CELLS, "inner_fold": "integer"},
    "trials": {**_FOLD, "trial": "integer", "state": "text", "value": "number"},
    "optimism": {**_FOLD, **dict.fromkeys(("inner_best", "outer", "optimism"), "number")},
    "importances": {**_FOLD, "feature": "text", "importance": "number"},
    "features": {**dict.fromkeys(("name", "formula", "unit", "range", "source"), "text"), "turns": "number"},
    "curves": {**_FIT, "stage": "text", "epoch": "integer", "size": "integer", **dict.fromkeys(CURVES, "number")},
    "finder": {**_FIT, **dict.fromkeys(FINDER, "number")},
    "training": _FIT,
    "fit_times": {**_FIT, "name": "text", "epoch": "integer", "value": "number"},
}
"""Required columns of each table of an experiment."""

_OF_FOLD: Mapping[str, Mapping[str, Kind]] = {
    "predictions": {"row": "integer", **_FOLD, "threshold": "number"},
    "inner": {"row": "integer", **_FOLD, "inner_fold": "integer"},
}

_SHARES = ("p_", "raw_")
"""Start of the names of columns of probabilities."""


def read_table(
    folder: Path, name: str, record: Mapping[str, Any], *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a table of an experiment.

    Parameters
    ----------
    folder : Path
        Folder of the experiment.
    name : str
        One of `COLUMNS`.
    record : mapping
        The experiment's record.
    columns : sequence of str, optional
        Columns to read, for predictions among them those of `COLUMNS`. Default: all.

    Raises
    ------
    DamagedError
        It is not a Parquet file of a limited size; a column is missing, has another type or belongs to another class;
        or values contradict the record: probabilities, labels, metrics, repeats, folds or cells.
    """
    path = folder / f"{name}.parquet"
    probabilities = probability_columns(record["data"]["classes"]) if name in ("predictions", "inner") else []
    try:
        values = _read(path, COLUMNS[name], probabilities, columns)
        _check_values(name, values, record)
    except (DamagedError, OSError, pa.ArrowException, BenchError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())[:300]
        raise DamagedError(f"{path}: {reason}; delete {folder} and run the experiment again") from error
    return values


def read_fold_predictions(folder: Path, name: str, classes: Sequence[str]) -> pd.DataFrame:
    """Read the predictions of one finished fold, whose column `row` is the position of the cell in the dataset.

    Parameters
    ----------
    folder : Path
        Folder of the fold.
    name : {"predictions", "inner"}
        Table.
    classes : sequence of str
        The labels.

    Raises
    ------
    DamagedError
        It is not such a table of a limited size, or a probability is not one.
    """
    path, probabilities = folder / f"{name}.parquet", probability_columns(classes)
    try:
        values = _read(path, _OF_FOLD[name], probabilities, None)
        checked_probabilities(values, probabilities)
    except (DamagedError, OSError, pa.ArrowException, BenchError) as error:
        raise DamagedError(f"{path}: {' '.join(str(error).removeprefix(f'{path}: ').split())[:300]}") from error
    return values


def _read(
    path: Path, expected: Mapping[str, Kind], probabilities: Sequence[str], columns: Sequence[str] | None
) -> pd.DataFrame:
    _check_footer(path, {**expected, **dict.fromkeys(probabilities, "number")}, probabilities)
    # Its pandas metadata are not read: they are not written for readers other than pandas.
    table = pq.read_table(path, columns=None if columns is None else list(columns)).replace_schema_metadata(None)
    values: pd.DataFrame = table.to_pandas()
    return values


def _check_footer(path: Path, expected: Mapping[str, Kind], probabilities: Sequence[str]) -> None:
    """Check the sizes and the types of the columns before memory is taken for their values."""
    check_file(path, MAX_TABLE)
    footer = pq.read_metadata(path)
    rows, columns = footer.num_rows, footer.num_columns
    if not 0 <= rows * max(columns, 1) <= MAX_VALUES:
        raise DamagedError(f"{rows} rows of {columns} columns; at most {MAX_VALUES} values are read")
    try:
        with open_regular(path, follow_link=False) as file:
            unpacked = unpacked_size(file, footer)
    except ValueError as error:
        raise DamagedError(str(error)) from error
    if unpacked > MAX_TABLE:
        raise DamagedError(f"more than {MAX_TABLE // 1024**3} GiB of values")
    types = {column.name: column.type for column in footer.schema.to_arrow_schema()}
    for name, kind in expected.items():
        if name not in types:
            raise DamagedError(f"no column {name!r}")
        if not _is_of(types[name], kind):
            raise DamagedError(f"column {name!r} is {types[name]}, not {kind}")
    if len(types) < columns:
        raise DamagedError("nested columns, or two of one name")
    known = {f"{start}{name.removeprefix('p_')}" for name in probabilities for start in _SHARES}
    for name, kind in types.items():
        if probabilities and name.startswith(_SHARES) and (name not in known or not _is_of(kind, "number")):
            raise DamagedError(f"column {name!r} is not that of a class of the record")


def _is_of(kind: pa.DataType, expected: Kind) -> bool:
    if expected == "text":
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    return bool(pa.types.is_integer(kind) or (expected == "number" and pa.types.is_floating(kind)))


def _check_values(name: str, table: pd.DataFrame, record: Mapping[str, Any]) -> None:
    for column, kind in COLUMNS[name].items():
        if kind != "number" and column in table and table[column].isna().any():
            raise DamagedError(f"column {column!r} has missing values")
    protocol = record["protocol"]
    for column, count in (("repeat", protocol["repeats"]), ("fold", None), ("inner_fold", None)):
        if column in COLUMNS[name] and len(table):
            low, high = table[column].min(), table[column].max()
            if low < 0 or (count is not None and high >= count):
                raise DamagedError(f"column {column!r} is from {low} to {high}, which the record does not have")
    unique = {
        "importances": ["feature", "repeat", "fold"],
        "features": ["name"],
        "optimism": ["repeat", "fold"],
        "training": ["estimator", "repeat", "fold"],
        "fit_times": ["name", "repeat", "fold", "estimator", "fit", "epoch"],
    }
    if name in unique and table.duplicated(unique[name]).any():
        raise DamagedError(f"two rows of one {unique[name][0]}")
    if name == "importances" and not (np.isfinite(table["importance"]) & (table["importance"] >= 0)).all():
        raise DamagedError("an importance is not a finite number of at least 0")
    if name in TABLES:
        _check_training(table)
    elif name == "scores":
        _check_scores(table)
    elif name in ("predictions", "inner"):
        _check_predictions(name, table, record)


def _check_training(table: pd.DataFrame) -> None:
    if not set(table["estimator"]) <= {"extractor", "classifier"}:
        raise DamagedError("column 'estimator' is neither extractor nor classifier")
    numbers = table.select_dtypes("number").to_numpy(dtype=np.float64)
    if np.isinf(numbers).any():
        raise DamagedError("a number is infinite")
    if not all(kind.kind in "biufO" or kind == "str" for kind in table.dtypes):
        raise DamagedError("a column has neither numbers nor text")


def _check_scores(table: pd.DataFrame) -> None:
    unknown = [metric for metric in table["metric"] if metric not in METRICS]
    if unknown or table["metric"].duplicated().any():
        raise DamagedError(f"metric {unknown[0]!r} is not known" if unknown else "two rows of one metric")
    if PRIMARY not in set(table["metric"]):
        raise DamagedError(f"no row of the metric {PRIMARY}")
    numbers = table[["value", "low", "high", "repeat_sd"]].to_numpy(dtype=np.float64)
    value, low, high, _ = numbers.T
    if np.isinf(numbers).any() or (np.isnan(value) & ~np.isnan(low)).any() or (low > high).any():
        raise DamagedError("a score is not finite, or its interval is not one of a score")


def _check_predictions(name: str, table: pd.DataFrame, record: Mapping[str, Any]) -> None:
    data, protocol, classes = record["data"], record["protocol"], list(record["data"]["classes"])
    if not len(table):
        raise DamagedError("no cell")
    strange = sorted(set(table["label"]) - set(classes))
    if strange:
        raise DamagedError(f"label {strange[0]!r} is not a class of the record")
    checked_probabilities(table, probability_columns(classes))
    once = ["cell", "repeat", *(["fold"] if name == "inner" else [])]
    if table.duplicated(once).any():
        raise DamagedError("a cell is predicted twice in a repeat")
    counts = ("cell", data["cells"]), ("patient", data["patients"]), ("unit", data["split_units"])
    for column, most in (*counts, ("fold", protocol["folds"])):
        distinct = table[column].nunique() if column in table else 0
        if distinct > most:
            raise DamagedError(f"column {column!r} has {distinct} different values; the record has {most}")
