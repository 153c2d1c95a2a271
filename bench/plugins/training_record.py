"""Records of the training of a network: curves by epoch, learning-rate finder and summary, as JSON and as tables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from bench.errors import BenchError

CURVES = ("training_loss", "validation_loss", "validation_auroc", "learning_rate")
"""Numbers of an epoch, beside `stage`, `epoch`, `size` and `seconds`."""

FINDER = ("learning_rate", "loss")
"""Numbers of a step of the learning-rate finder."""

TABLES = ("curves", "finder", "training", "fit_times")
"""Tables of `training_tables`; all but the times are equal between equal runs."""

OUTER = "outer"
"""Name of the fit on all training patients of an outer fold."""

MOST_ROWS = 100_000
"""Largest number of epochs, and of steps of the finder, of one fit."""

_RESERVED = frozenset({"repeat", "fold", "estimator", "fit"})
_NAME = re.compile(r"[A-Za-z]\w{0,63}")
_MEASURED = frozenset({"second", "seconds", "memory"})


def training_record(estimator: Any) -> dict[str, Any] | None:
    """Return the record of a fitted network as a JSON value; None for an estimator without `curves_`.

    Parameters
    ----------
    estimator : fitted classifier or extractor
        `curves_` is a DataFrame with one row per epoch: `stage`, `epoch`, `size` (side of the input in pixels),
        `training_loss`, `validation_loss`, `validation_auroc`, `learning_rate` and `seconds`. `finder_`, if there is
        one, has the columns `learning_rate` and `loss`. `training_`, if there is one, maps names to numbers and text;
        times and amounts of memory have `seconds` or `memory` in their name.

    Returns
    -------
    dict or None
        `curves` and `finder` (lists of rows) and `summary`; undefined numbers are None.

    Raises
    ------
    BenchError
        A column is missing, or a value has another type.
    """
    curves = getattr(estimator, "curves_", None)
    if curves is None:
        return None
    name, finder = type(estimator).__name__, getattr(estimator, "finder_", pd.DataFrame(columns=list(FINDER)))
    try:
        return {
            "curves": [
                {
                    "stage": str(row["stage"]),
                    "epoch": int(row["epoch"]),
                    "size": int(row["size"]),
                    **{column: _number(row[column]) for column in (*CURVES, "seconds")},
                }
                for row in _rows(curves)
            ],
            "finder": [{column: _number(row[column]) for column in FINDER} for row in _rows(finder)],
            "summary": {key: _scalar(key, value) for key, value in getattr(estimator, "training_", {}).items()},
        }
    except KeyError as error:
        raise BenchError(f"{name}: its training record has no column {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise BenchError(f"{name}: its training record is invalid ({error})") from error


def training_tables(
    record: Mapping[str, Any], estimator: Literal["extractor", "classifier"], fit: str
) -> dict[str, pd.DataFrame]:
    """Return a record as tables.

    Parameters
    ----------
    record : mapping
        From `training_record`.
    estimator : {"extractor", "classifier"}
        What was fitted.
    fit : str
        Name of the fit inside the fold: `inner 0`, ..., or `outer`.

    Returns
    -------
    dict of str to DataFrame
        `curves` and `finder`, as in the record, without times; `training`, one row of the summary, of the outer fit
        only; `fit_times`, one row for each time or amount of memory: `name`, `epoch` (of the whole fit, -1) and
        `value` in seconds or bytes. All have the columns `estimator` and `fit`.
    """
    where = {"estimator": estimator, "fit": fit}
    curves = pd.DataFrame(record["curves"], columns=["stage", "epoch", "size", *CURVES, "seconds"])
    curves = curves.astype({"stage": str, "epoch": int, "size": int, **dict.fromkeys((*CURVES, "seconds"), float)})
    finder = pd.DataFrame(record["finder"], columns=list(FINDER)).astype(float)
    summary = {key: value for key, value in record["summary"].items() if not _is_measured(key)}
    times = [("seconds", number, row["seconds"]) for number, row in enumerate(record["curves"])]
    times += [(key, -1, value) for key, value in record["summary"].items() if _is_measured(key)]
    tables = {
        "curves": curves.drop(columns="seconds"),
        "finder": finder,
        "training": pd.DataFrame([summary] if fit == OUTER else []),
        "fit_times": pd.DataFrame(times, columns=["name", "epoch", "value"]).astype({"value": float}),
    }
    return {name: _described(table, where) for name, table in tables.items()}


def joined_tables(parts: Sequence[Mapping[str, pd.DataFrame]], **where: int) -> dict[str, pd.DataFrame]:
    """Join the tables of several fits, without empty ones; `where` are further columns: `repeat` and `fold`."""
    tables = {name: [part[name] for part in parts if len(part.get(name, ()))] for name in TABLES}
    joined = {name: pd.concat(some, ignore_index=True) for name, some in tables.items() if some}
    return {name: _described(table, where) for name, table in joined.items()}


def _described(table: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """Return a table with further columns in front."""
    columns = pd.DataFrame({key: [value] * len(table) for key, value in where.items()}, index=table.index)
    return pd.concat([columns, table], axis=1)


def _is_measured(name: str) -> bool:
    """Whether a value of a summary is a time or an amount of memory, which differs between equal runs."""
    return not _MEASURED.isdisjoint(name.split("_"))


def _rows(table: Any) -> Sequence[Mapping[str, Any]]:
    if len(table) > MOST_ROWS:
        raise ValueError(f"{len(table)} rows; at most {MOST_ROWS} are stored")
    rows: Sequence[Mapping[str, Any]] = table.to_dict(orient="records")
    return rows


def _number(value: Any) -> float | None:
    number = float(value)
    if math.isinf(number):
        raise ValueError("a number is infinite")
    return None if math.isnan(number) else number


def _scalar(name: str, value: Any) -> bool | int | float | str | None:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ValueError(f"{name!r} is not a name of a value")
    value = value.item() if isinstance(value, np.generic) else value
    if _is_measured(name) or isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"{name} is a {type(value).__name__}, not a number or a text")
